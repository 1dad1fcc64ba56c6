"""The variables that a Python of this environment needs: none in .venv, the path of CUDA's libraries in .venv-gpu.

The loader reads LD_LIBRARY_PATH once, when a process starts, so the process that starts Python must set it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_NAME = "LD_LIBRARY_PATH"


def libraries() -> Path | None:
    """The folder of links to CUDA's libraries, made by launch/setup-gpu.sh; None in other environments."""
    folder = Path(sys.prefix) / "lib" / "cuda"
    return folder if folder.is_dir() else None


def variables() -> dict[str, str]:
    """Environment variables to set, besides this process's own, for the processes that it starts."""
    folder = libraries()
    if folder is None or _is_set(folder):
        return {}
    return {_NAME: os.pathsep.join(filter(None, [str(folder), os.environ.get(_NAME)]))}


def complaint() -> str | None:
    """Why this process cannot load MXNet's GPU build; None if no reason is known."""
    folder = libraries()
    if folder is not None and not _is_set(folder):
        name = Path(sys.prefix).name
        return (
            f"this is the Python of {name}, whose MXNet finds CUDA's libraries only if {_NAME} has {folder}; start it "
            f"with make train GPU=1, with python -m launch, or after `source {name}/bin/activate`"
        )
    return complaint_of_machine()


def complaint_of_machine() -> str | None:
    """Why no process of this environment can do so on this machine, however it is started."""
    if libraries() is None:
        return None
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return (
            f"the MXNet of {Path(sys.prefix).name} cannot be loaded without an NVIDIA driver, not even for the CPU; "
            "use .venv on this machine, install a driver, or pass it into the container (--gpus all)"
        )
    return None


def _is_set(folder: Path) -> bool:
    return str(folder) in os.environ.get(_NAME, "").split(os.pathsep)
