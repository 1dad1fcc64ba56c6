"""MXNet without what makes a process start late: packages that nobody here uses, and the source code of its operators.

It would take along SciPy, scikit-learn and ONNX if they are installed, which takes as long again as MXNet itself. And
it would write and compile a Python function for each of its thousands of operators; here, each is written when it is
first called.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

_UNUSED = ("onnx", "scipy", "sklearn")
# Of mxnet.base: each takes the maker of functions as its last argument, or by name.
_REGISTRATIONS = ("_init_op_module", "_init_np_op_module")
_MAKER = "make_op_func"


def _load() -> Any:
    if "mxnet" in sys.modules:
        return sys.modules["mxnet"]
    hidden = [name for name in _UNUSED if name not in sys.modules]
    # To MXNet they are not installed.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        return _load_package()
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def _load_package() -> Any:
    spec = importlib.util.find_spec("mxnet")
    if spec is None or spec.loader is None or not spec.submodule_search_locations:
        # Raises what is to be said.
        import mxnet

        return mxnet
    package = sys.modules["mxnet"] = importlib.util.module_from_spec(spec)
    try:
        # Before the package itself, whose modules register their operators as they are loaded.
        from mxnet import base

        for name in _REGISTRATIONS:
            setattr(base, name, _registering_late(getattr(base, name)))
        spec.loader.exec_module(package)
    except BaseException:
        del sys.modules["mxnet"]
        raise
    return package


def _registering_late(register: Callable[..., None]) -> Callable[..., None]:
    def registering(*arguments: Any, **named: Any) -> None:
        if _MAKER in named:
            named[_MAKER] = _late(named[_MAKER])
        else:
            arguments = (*arguments[:-1], _late(arguments[-1]))
        register(*arguments, **named)

    return registering


def _late(make: Callable[[Any, str, str], Callable[..., Any]]) -> Callable[[Any, str, str], Callable[..., Any]]:
    """A maker of functions that each have the real one made when they are first called."""

    def promise(handle: Any, name: str, function_name: str) -> Callable[..., Any]:
        made: Callable[..., Any] | None = None

        def operator(*arguments: Any, **named: Any) -> Any:
            nonlocal made
            if made is None:
                made = make(handle, name, function_name)
            return made(*arguments, **named)

        operator.__name__, operator.__doc__ = function_name, ""
        return operator

    return promise


mx = _load()
autograd, gluon, nd = mx.autograd, mx.gluon, mx.nd
