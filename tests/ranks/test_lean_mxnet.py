"""MXNet is loaded without other packages that it would take along, and these can still be used afterwards."""

from __future__ import annotations

import subprocess
import sys

from processes import ROOT

CODE = """
import sys
from ner_dist.ranks import horovod_comm
from ner_dist.ranks.lean_mxnet import mx
assert mx is sys.modules["mxnet"]
print(sorted({"onnx", "scipy", "sklearn"} & set(sys.modules)))
import onnx
"""


def test_mxnet_takes_no_others_along() -> None:
    ended = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "[]\n"), ended.stderr
