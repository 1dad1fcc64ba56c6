"""The machine as the checks see it; tests replace any part of it. And the options of the doctor."""

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
from typing import Any, Optional, Tuple

from launch.doctor.finding import as_root
from launch.remote_hosts.hostfile import Host, read_hosts
from ner_dist.cli.options import option
from ner_dist.errors import UserError
from ner_dist.ranks import python_environment
from ner_dist.ranks.cgroup import of_this_machine

PROJECT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class DoctorOptions:
    """List what this machine, or the hosts of a list, lack for training, and the commands that repair it."""

    hosts: Optional[str] = option(None, metavar="FILE")
    """Examine these hosts, too; one line each: node1 slots=2"""
    np: int = 2
    """Ranks of the job, on all hosts together"""
    shards: str = option("data/shards", metavar="DIR", stores=True)
    """Shards of the job; also an address such as s3://bucket/shards"""
    run: str = option("runs", metavar="DIR")
    """Directory that runs are written to"""
    deep: bool = False
    """Start the ranks with horovodrun itself, and load all of MXNet; twice the time"""
    json: bool = False
    """Print one JSON object instead of lines"""
    only: Tuple[str, ...] = option((), metavar="NAME")
    """Make only these checks, of those named below"""

    def listed(self) -> list[Host]:
        """The hosts of the list; none if it cannot be read, which the check hostfile reports."""
        try:
            return [] if self.hosts is None else read_hosts(self.hosts)
        except UserError:
            return []


def _resolve(name: str) -> list[str]:
    """The IP addresses of a host name. Raises OSError if it has none."""
    return sorted({str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})


@dataclasses.dataclass(frozen=True)
class Machine:
    # The directory that has proc, sys and etc.
    root: Path = Path("/")
    environment: Mapping[str, str] = dataclasses.field(default_factory=lambda: dict(os.environ))
    # The interpreter of the ranks.
    python: str = sys.executable
    version: tuple[int, int, int] = sys.version_info[:3]
    bits: int = 64 if sys.maxsize > 2**32 else 32
    # Where packages are searched, like sys.path.
    places: tuple[str, ...] = tuple(sys.path)
    # For example Linux, x86_64, and glibc with its version.
    kernel: str = platform.system()
    processor: str = platform.machine()
    libc: tuple[str, str] = platform.libc_ver()
    host_name: str = dataclasses.field(default_factory=socket.gethostname)
    resolve: Callable[[str], list[str]] = _resolve
    cores: int = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def text(self, path: str) -> str:
        """The contents of a system file; empty if it does not exist or cannot be read."""
        return of_this_machine(str(self.root / path.lstrip("/")))

    def search_path(self) -> str:
        return self.environment.get("PATH", os.defpath)

    def install(self, *packages: str) -> str:
        """The command that installs these Debian packages, under this system's names for them."""
        systems = self.text("/etc/os-release")
        if any(name in systems for name in ("debian", "ubuntu")):
            return as_root(f"apt-get install -y {' '.join(packages)}")
        if any(name in systems for name in ("fedora", "rhel", "centos")):
            names = {"g++": "gcc-c++", "openssh-client": "openssh-clients", "libgomp1": "libgomp"}
            return as_root(f"dnf install -y {' '.join(names.get(package, package) for package in packages)}")
        return f"# install {', '.join(packages)} with this system's package manager"

    def variables(self) -> dict[str, str]:
        """The environment of a child process: that of this process, and what this environment's Python needs."""
        own = {**self.environment, **python_environment.variables()}
        own["PATH"] = f"{Path(self.python).parent}{os.pathsep}{self.search_path()}"
        return own

    def child(self, command: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Run a command in the project's folder. Raises OSError, or TimeoutExpired once all of them have ended."""
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # Its own process group, which is ended as a whole.
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=timeout_s)
        except BaseException:
            _end(process)
            raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def ask(self, code: str, timeout_s: float = 60) -> Any:
        """The JSON that Python code, run in its own process, prints as its last line. Raises ChildError."""
        try:
            done = self.child([self.python, "-c", code], timeout_s)
        except subprocess.TimeoutExpired as error:
            raise ChildError(f"it did not end within {timeout_s:.0f} s") from error
        if done.returncode:
            raise ChildError(last_line(done.stderr) or f"it ended with code {done.returncode}")
        return json.loads(done.stdout.strip().splitlines()[-1])


class ChildError(RuntimeError):
    """A child process failed; the text is the last line that it wrote."""


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


def _end(process: subprocess.Popen[str]) -> None:
    """End a process group. On SIGTERM, horovodrun ends its ranks, which have process groups of their own."""
    for number, timeout_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=timeout_s)
            return
