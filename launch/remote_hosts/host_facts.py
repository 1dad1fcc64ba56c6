"""What must be alike on all hosts of a job, and each host's own name.

`python -m launch.remote_hosts.host_facts SHARDS` prints it as JSON, with the standard library only, because packages
may be what differs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import socket
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from launch.remote_hosts.ssh_client import is_here

_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = ("ner_dist", "launch")
_PACKAGES = ("mxnet", "mxnet-cu112", "mxnet-cu117", "horovod", "numpy", "pyarrow")


class HostFacts(NamedTuple):
    # Versions of Python and of the packages that a result depends on.
    versions: dict[str, str]
    # Checksum of the code that ranks run.
    sources: str
    # Checksum of the shards' index; None if there is none.
    shards: str | None
    # The host's own name, the address it resolves to (None if it does not), and whether the host has that address.
    name: str
    address: str | None
    own_address: bool


def gather(shards: str) -> HostFacts:
    """The facts of this host. shards: their directory."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    sources = hashlib.sha256()
    for path in sorted(path for folder in _SOURCES for path in (_ROOT / folder).rglob("*.py")):
        content = path.read_bytes()
        sources.update(f"{path.relative_to(_ROOT)} {len(content)}\n".encode() + content)
    index, name, address = Path(shards) / "index.json", socket.gethostname(), None
    with contextlib.suppress(OSError):
        address = socket.gethostbyname(name)
    checksum = hashlib.sha256(index.read_bytes()).hexdigest() if index.is_file() else None
    return HostFacts(versions, sources.hexdigest(), checksum, name, address, address is not None and is_here(address))


def facts_of(said: dict[str, Any]) -> HostFacts | None:
    """What a host says of itself; None if its code is so different that it says other things."""
    return HostFacts(**said) if said.keys() == set(HostFacts._fields) else None


if __name__ == "__main__":
    print(json.dumps(gather(sys.argv[1])._asdict()))
