"""What a Python of this environment must be started with: in .venv nothing, in .venv-gpu the way to CUDA's libraries.

The loader reads LD_LIBRARY_PATH once, when a process starts, so whoever starts Python has to set it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_NAME = "LD_LIBRARY_PATH"


def libraries() -> Path | None:
    """The folder of links to CUDA's libraries that launch/setup-gpu.sh has made; None in other environments."""
    folder = Path(sys.prefix) / "lib" / "cuda"
    return folder if folder.is_dir() else None


def variables() -> dict[str, str]:
    """Environment variables for the processes that this one starts, to be laid over its own."""
    folder = libraries()
    if folder is None or _is_set(folder):
        return {}
    return {_NAME: os.pathsep.join(filter(None, [str(folder), os.environ.get(_NAME)]))}


def complaint() -> str | None:
    """The sentence that tells why this process cannot load MXNet's GPU build; None if nothing is known."""
    folder = libraries()
    if folder is not None and not _is_set(folder):
        name = Path(sys.prefix).name
        return (
            f"this is the Python of {name}, whose MXNet finds CUDA's libraries only if {_NAME} has {folder}; start it "
            f"with make train GPU=1, with python -m launch, or after `source {name}/bin/activate`"
        )
    return complaint_of_machine()


def complaint_of_machine() -> str | None:
    """The same for all processes of this environment on this machine, however they are started."""
    if libraries() is None:
        return None
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return (
            f"the MXNet of {Path(sys.prefix).name} cannot be loaded where there is no NVIDIA driver, also for the CPU; "
            "use .venv on this machine, install a driver, or hand it into the container (--gpus all)"
        )
    return None


def _is_set(folder: Path) -> bool:
    return str(folder) in os.environ.get(_NAME, "").split(os.pathsep)
