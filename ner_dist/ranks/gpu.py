"""Asks the CUDA driver for this machine's GPUs, and decides whether MXNet can compute on them.

Needs nothing of MXNet, respects CUDA_VISIBLE_DEVICES, and creates no CUDA context.
"""

from __future__ import annotations

import ctypes
import dataclasses
import os
from typing import NamedTuple

from ner_dist.errors import UserError

# Compute capabilities. MXNet 1.9.1's GPU wheels have machine code for 5.0, 6.0, 7.0, 8.0 and 8.6, which runs on GPUs
# of the same major and the same or a higher minor number, and no PTX that a driver could compile for others.
OLDEST, TOO_NEW = (5, 0), (9, 0)
# The CUDA that the wheel was compiled with, and the oldest one whose driver runs programs of any CUDA 11.
CUDA, CUDA_AT_LEAST = 11070, 11000

_LIBRARY = "libcuda.so.1"
# From cuda.h.
_MAJOR, _MINOR = 75, 76
_STUB, _NO_DEVICE = 34, 100
_MEANING = {
    2: "its memory is used up",
    3: "it is not initialised",
    4: "it is shutting down",
    46: "another process uses a GPU exclusively",
    101: "a GPU disappeared while it was being queried",
    102: "a GPU has no valid licence for virtual GPUs",
    304: "the operating system refused a call, often because this process may not open /dev/nvidia*",
    802: "the system is not ready, for example because the Fabric Manager of an NVSwitch machine does not run",
    803: "the driver library and the loaded kernel module have different versions; reboot or reload the module",
    804: "a CUDA compatibility library is installed that this GPU or kernel module does not support",
    999: "unknown error, often a kernel module that is not loaded or needs a reboot",
}


class DriverError(UserError):
    """The driver cannot be queried; the message says why."""


class NoDriver(DriverError):
    """There is no CUDA driver."""


@dataclasses.dataclass(frozen=True)
class Gpu:
    # CUDA's number among the visible GPUs: mx.gpu(index).
    index: int
    name: str
    # Compute capability.
    major: int
    minor: int

    def __str__(self) -> str:
        return f"GPU {self.index} ({self.name}, compute capability {self.major}.{self.minor})"


class Driver(NamedTuple):
    # The newest CUDA that it supports: 11070 for 11.7.
    version: int
    gpus: list[Gpu]


def driver() -> Driver:
    """The driver and its GPUs, of which there may be none. Raises NoDriver or DriverError."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise NoDriver(
            f"there is no NVIDIA driver here, or it was not found ({error}); install one, or add its folder to "
            "LD_LIBRARY_PATH"
        ) from error
    version = ctypes.c_int()
    _ask(library, "cuDriverGetVersion", ctypes.byref(version))
    count = ctypes.c_int()
    if _ask(library, "cuInit", 0, fine=_NO_DEVICE) != _NO_DEVICE:
        _ask(library, "cuDeviceGetCount", ctypes.byref(count), fine=_NO_DEVICE)
    return Driver(version.value, [_gpu(library, index) for index in range(count.value)])


def devices() -> list[Gpu]:
    """The GPUs that this process may use. Raises NoDriver or DriverError."""
    return driver().gpus


def why_none() -> str:
    """The sentence for a driver without GPUs."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return "there is an NVIDIA driver here but no GPU"
    return f"CUDA_VISIBLE_DEVICES={visible} hides all GPUs: unset it, or name GPUs that nvidia-smi -L lists"


def verdict(gpu: Gpu) -> str | None:
    """Why MXNet cannot compute on this GPU, and what to do; None if it can."""
    capability = gpu.major, gpu.minor
    if OLDEST <= capability < TOO_NEW:
        return None
    age = "older than" if capability < OLDEST else "newer than"
    return (
        f"{gpu} is {age} the GPUs MXNet 1.9.1 has machine code for, 5.0 to 8.9; use a GPU of those, or the CPU "
        "(--train.device cpu; to predict, --device cpu or an export to ONNX, python -m ner_dist.export)"
    )


def verdict_of_driver(version: int) -> str | None:
    """Why programs of CUDA 11 cannot run with this driver; None if they can."""
    if version >= CUDA_AT_LEAST:
        return None
    return (
        f"the NVIDIA driver supports CUDA {_shown(version)}, and MXNet's GPU build needs at least CUDA 11.0 (driver "
        "450.80), better 11.7 (515) or newer; update the driver"
    )


def warning_of_driver(version: int) -> str | None:
    """What may fail with a driver older than the CUDA of MXNet's GPU build but of the same major version."""
    if not CUDA_AT_LEAST <= version < CUDA:
        return None
    return (
        f"the NVIDIA driver supports CUDA {_shown(version)}, older than the {_shown(CUDA)} of MXNet's GPU build: "
        "kernels that MXNet compiles at run time may fail to load; update the driver to 515 or newer, or set "
        "MXNET_USE_FUSION=0"
    )


def _gpu(library: ctypes.CDLL, index: int) -> Gpu:
    device, name, major, minor = ctypes.c_int(), ctypes.create_string_buffer(100), ctypes.c_int(), ctypes.c_int()
    _ask(library, "cuDeviceGet", ctypes.byref(device), index)
    _ask(library, "cuDeviceGetName", name, len(name), device)
    for value, attribute in ((major, _MAJOR), (minor, _MINOR)):
        _ask(library, "cuDeviceGetAttribute", ctypes.byref(value), attribute, device)
    return Gpu(index, name.value.decode(errors="replace"), major.value, minor.value)


def _ask(library: ctypes.CDLL, function: str, *arguments: object, fine: int = 0) -> int:
    """Call a function of the driver and return its code, which is 0 or `fine`. Raises DriverError for others."""
    code: int = getattr(library, function)(*arguments)
    if code == _STUB:
        raise NoDriver("the CUDA toolkit's stub was found instead of an NVIDIA driver: remove it from LD_LIBRARY_PATH")
    if code not in (0, fine):
        meaning = _MEANING.get(code, "unexpected")
        raise DriverError(f"the NVIDIA driver cannot be used: {function} gave {code}, {meaning}")
    return code


def _shown(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"
