"""What must be alike on all hosts of a job, and each host's own name; printed as JSON by `python -m launch.host_facts`.

Must run wherever Python does: nothing but the standard library is needed.
"""

from __future__ import annotations

import hashlib
import json
import platform
import socket
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from launch.ssh import is_here

_ROOT = Path(__file__).resolve().parents[1]
_SOURCES = ("ner_dist", "launch")
_PACKAGES = ("mxnet", "mxnet-cu112", "mxnet-cu117", "horovod", "numpy", "pyarrow")


class HostFacts(NamedTuple):
    # Of Python and of the packages that a result depends on.
    versions: dict[str, str]
    # A checksum of the code that ranks run.
    sources: str
    # Of the shards' index; None if there is none.
    shards: str | None
    # The host's own name, what that resolves to (None: to nothing), and whether that is an address of the host.
    name: str
    address: str | None
    own_address: bool


def gather(shards: str) -> HostFacts:
    """The facts of this host, where the shards are in that directory."""
    index = Path(shards) / "index.json"
    name = socket.gethostname()
    address = _address(name)
    return HostFacts(
        _versions(),
        _sources(),
        hashlib.sha256(index.read_bytes()).hexdigest() if index.is_file() else None,
        name,
        address,
        address is not None and is_here(address),
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for folder in _SOURCES for path in (_ROOT / folder).rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_ROOT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _address(name: str) -> str | None:
    try:
        return socket.gethostbyname(name)
    except OSError:
        return None


if __name__ == "__main__":
    print(json.dumps(gather(sys.argv[1])._asdict()))
