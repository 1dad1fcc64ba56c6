"""The process that holds a run's lock: what tells it from all others, and whether it still lives."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

# The variable with the name of an elastic job. Another process becomes its rank 0 only once the one before is lost.
JOB = "NER_JOB"


def myself() -> dict[str, Any]:
    """What tells this process from all others."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "machine": _machine(),
        "time": time.strftime("%Y-%m-%d %H:%M:%S"),
        "job": os.environ.get(JOB, ""),
    }


def _machine() -> str:
    """This boot of this machine and, in a container, its own numbers of processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str:
    """When the process began, in the system's ticks, so that a number used again is not taken for it; "" if gone."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The name, in brackets, may contain anything.
    fields = status.rpartition(")")[2].split()
    # A zombie writes nothing any more.
    return "" if fields[0] in "ZX" else fields[19]


def is_alive(holder: dict[str, Any]) -> bool | None:
    """Whether the holder's process lives; None if this machine cannot know."""
    if holder.get("machine") != _machine():
        return None
    pid = holder.get("pid")
    return isinstance(pid, int) and _started(pid) != "" and _started(pid) == holder.get("started")


def shown(holder: dict[str, Any]) -> str:
    if not holder:
        return "an unknown process"
    # Whoever wrote the file: nothing in it reaches the terminal but what can be printed.
    pid, host, began = (ascii(str(holder.get(name)))[1:-1][:100] for name in ("pid", "host", "time"))
    return f"process {pid} on {host} (since {began})"


def is_of_this_job(holder: dict[str, Any]) -> bool:
    """Whether it was rank 0 of the elastic job that this process belongs to."""
    return bool(holder.get("job")) and holder["job"] == os.environ.get(JOB)
