"""MXNet is loaded without other packages and without writing its operators, and all of it can be used afterwards."""

from __future__ import annotations

import subprocess
import sys

from processes import ROOT

WITHOUT_OTHERS = """
import sys
from ner_dist.ranks import horovod_comm
from ner_dist.ranks.lean_mxnet import mx
assert mx is sys.modules["mxnet"]
print(sorted({"onnx", "scipy", "sklearn"} & set(sys.modules)))
import onnx
"""

# All public functions, and what some of each kind compute: plain, with a prefix, in place, hybrid, NumPy's, random.
OPERATORS = """
import sys
if sys.argv[1] == "lean":
    import ner_dist.ranks.lean_mxnet
import mxnet as mx
spaces = (mx.nd, mx.nd.contrib, mx.nd.linalg, mx.sym, mx.np, mx.npx)
print([sorted(name for name in dir(space) if callable(getattr(space, name))) for space in spaces])
a = mx.nd.arange(6).reshape((2, 3))
mx.random.seed(1)
print(mx.nd.FullyConnected(a, a, num_hidden=2, no_bias=True), mx.nd.linalg.gemm2(a, a, transpose_b=True))
print(mx.nd.contrib.arange_like(a), mx.nd.random.uniform(shape=3), mx.np.sum(a.as_np_ndarray(), axis=1), a * a + 1)
mx.nd.broadcast_add(a, a, out=a)
dense = mx.gluon.nn.Dense(2, in_units=3)
dense.initialize(mx.init.One())
dense.hybridize()
print(a, dense(a), mx.sym.var("x").tanh().tojson())
try:
    mx.nd.dot(a)
except mx.MXNetError as error:
    print(error)
"""


def printed(code: str, *arguments: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_mxnet_takes_no_others_along() -> None:
    assert printed(WITHOUT_OTHERS) == "[]\n"


def test_operators_are_those_of_mxnet() -> None:
    found = printed(OPERATORS, "lean")
    assert "Operator dot expects 2 inputs, but got 1" in found
    assert found == printed(OPERATORS, "plain")


def test_an_absent_mxnet_is_told_by_its_name() -> None:
    hiding = "import sys\nsys.path = [p for p in sys.path if 'site-packages' not in p] + ['.']\n"
    trying = "try:\n    import ner_dist.ranks.lean_mxnet\nexcept ModuleNotFoundError as error:\n    print(error.name)"
    assert printed(hiding + trying) == "mxnet\n"
