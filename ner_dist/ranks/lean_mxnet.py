"""MXNet without the packages that it takes along if they are installed, for parts of it that nobody here uses.

SciPy, scikit-learn and ONNX would make a process start as late again as MXNet itself does.
"""

from __future__ import annotations

import sys
from typing import Any

_UNUSED = ("onnx", "scipy", "sklearn")


def _load() -> Any:
    hidden = [name for name in _UNUSED if name not in sys.modules]
    # To MXNet they are not installed.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        import mxnet
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
    return mxnet


mx = _load()
autograd, gluon, nd = mx.autograd, mx.gluon, mx.nd
