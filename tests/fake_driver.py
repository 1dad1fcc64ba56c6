"""A fake CUDA driver for machines without a GPU: libcuda.so.1, compiled from fake_libcuda.c.

Processes started with the folder first in LD_LIBRARY_PATH find it instead of a real one. It reads these variables, all
optional, at the first cuInit of a process:

FAKE_CUDA_GPUS       "8.6 NVIDIA RTX A6000,9.0": compute capability and name of each GPU; none: cuInit says so (100)
FAKE_CUDA_VERSION    of CUDA, 12020 for 12.2, which is the default
FAKE_CUDA_INIT, FAKE_CUDA_COUNT, FAKE_CUDA_ATTRIBUTE
                     error codes of cuInit, cuDeviceGetCount, cuDeviceGetAttribute instead of 0
CUDA_VISIBLE_DEVICES as for a real driver, but indices only
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def make_driver(folder: Path) -> Path:
    """Compile the driver into the folder, which is returned; skips the test if there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to make a driver with")
    source = Path(__file__).with_name("fake_libcuda.c")
    library = folder / "libcuda.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", f"-Wl,-soname,{library.name}", "-o", library, source], check=True)
    return folder


def with_driver(folder: Path, **variables: str) -> dict[str, str]:
    """Environment variables of a process that finds the driver there: LD_LIBRARY_PATH and those given."""
    path = os.environ.get("LD_LIBRARY_PATH")
    return {"LD_LIBRARY_PATH": f"{folder}{os.pathsep + path if path else ''}", **variables}
