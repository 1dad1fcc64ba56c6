"""The machine as the checks see it, every part of which a test may put another in the place of.

Nothing here or in the checks needs more than Python itself, because the doctor is called when packages are broken.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from launch.doctor.finding import as_root
from launch.hostfile import Host, read_hosts
from ner_dist.errors import UserError

PROJECT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Options:
    """What to examine the machine for."""

    # File of hosts, for a job on several of them.
    hosts: str | None = None
    # Ranks of the job, on all hosts together.
    np: int = 2
    shards: str = "data/shards"
    # Directory that runs are written to.
    run: str = "runs"
    json: bool = False
    # Names of the checks to make; all if empty.
    only: tuple[str, ...] = ()

    def listed(self) -> list[Host]:
        """The hosts of the list; none also if it cannot be read, which the check hostfile tells."""
        try:
            return [] if self.hosts is None else read_hosts(self.hosts)
        except UserError:
            return []


def _resolve(name: str) -> list[str]:
    """The IP addresses of a host name. Raises OSError if it has none."""
    return sorted({str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})


@dataclasses.dataclass(frozen=True)
class Machine:
    # Above /proc, /sys and /etc.
    root: Path = Path("/")
    environment: Mapping[str, str] = dataclasses.field(default_factory=lambda: dict(os.environ))
    # The interpreter that the ranks get.
    python: str = sys.executable
    version: tuple[int, int, int] = sys.version_info[:3]
    bits: int = 64 if sys.maxsize > 2**32 else 32
    # Where packages are looked for, as sys.path.
    places: tuple[str, ...] = tuple(sys.path)
    # Linux, x86_64, and glibc with its version or what else there is.
    kernel: str = platform.system()
    processor: str = platform.machine()
    libc: tuple[str, str] = platform.libc_ver()
    host_name: str = dataclasses.field(default_factory=socket.gethostname)
    resolve: Callable[[str], list[str]] = _resolve
    cores: int = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def text(self, path: str) -> str:
        """The contents of a file of the system, empty if it is not there or not for us."""
        try:
            return (self.root / path.lstrip("/")).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def search_path(self) -> str:
        return self.environment.get("PATH", os.defpath)

    def install(self, *packages: str) -> str:
        """The command that installs these packages of Debian, or what they are called elsewhere."""
        systems = self.text("/etc/os-release")
        if any(name in systems for name in ("debian", "ubuntu")):
            return as_root(f"apt-get install -y {' '.join(packages)}")
        if any(name in systems for name in ("fedora", "rhel", "centos")):
            names = {"g++": "gcc-c++", "openssh-client": "openssh-clients", "libgomp1": "libgomp"}
            return as_root(f"dnf install -y {' '.join(names.get(package, package) for package in packages)}")
        return f"# install {', '.join(packages)} with this system's package manager"

    def variables(self) -> dict[str, str]:
        """The environment of a child process: that of this process, and what Python of this environment needs."""
        from ner_dist.ranks import python_environment

        own = {**self.environment, **python_environment.variables()}
        own["PATH"] = f"{Path(self.python).parent}{os.pathsep}{self.search_path()}"
        return own

    def child(self, command: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Run a command in the project's folder. Raises OSError, and TimeoutExpired with all of its processes ended."""
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # A group of its own, to be ended as one.
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=timeout_s)
        except BaseException:
            _end(process)
            raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def ask(self, code: str, timeout_s: float = 60) -> Any:
        """What a few lines of Python print last, as JSON, in a process of their own. Raises ChildError."""
        try:
            done = self.child([self.python, "-c", code], timeout_s)
        except subprocess.TimeoutExpired as error:
            raise ChildError(f"it did not end within {timeout_s:.0f} s") from error
        if done.returncode:
            raise ChildError(last_words(done.stderr) or f"it ended with code {done.returncode}")
        return json.loads(done.stdout.strip().splitlines()[-1])


class ChildError(RuntimeError):
    """A child process failed; the text is the last line it said."""


def last_words(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and what it has started; horovodrun, on SIGTERM, ends its ranks, which have groups of their own."""
    for number, patience_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.communicate(timeout=patience_s)
            return
        except subprocess.TimeoutExpired:
            continue
