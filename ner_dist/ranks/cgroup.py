"""The limits that a container or a batch system sets for this process, in both versions of Linux cgroups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Returns the text of a file, empty if there is none. Python 3.8, which the doctor rejects, cannot evaluate this.
    Read = Callable[[str], str]


def of_this_machine(path: str) -> str:
    """The text of a system file; empty if it does not exist or cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _groups(read: Read, controller: str) -> Iterator[str]:
    """The folders of this process's group and of the groups above it, up to the root.

    In a container the kernel's paths may not exist; the root is then the container's own group.
    """
    for line in read("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        base = f"/sys/fs/cgroup/{controllers}" if controllers else "/sys/fs/cgroup"
        parts = [part for part in path.split("/") if part]
        for depth in range(len(parts), -1, -1):
            yield "/".join([base, *parts[:depth]])


def _number(text: str) -> int | None:
    """A limit; None if there is none, including the huge number that version 1 uses for unlimited."""
    word = text.strip()
    return int(word) if word.isdigit() and int(word) < 1 << 60 else None


def cpu_quota(read: Read = of_this_machine) -> float | None:
    """Cores' worth of time that this process may use; None without a limit."""
    quotas = []
    for group in _groups(read, "cpu"):
        version_1 = map(read, (f"{group}/cpu.cfs_quota_us", f"{group}/cpu.cfs_period_us"))
        both = read(f"{group}/cpu.max").split() or " ".join(version_1).split()
        if len(both) == 2 and both[0].isdigit() and both[1].isdigit() and int(both[1]):
            quotas.append(int(both[0]) / int(both[1]))
    return min(quotas, default=None)


def memory_left(read: Read = of_this_machine) -> tuple[int, str] | None:
    """Bytes free in the tightest group, not counting cached files, and the file of its limit; None without one."""
    left = []
    for group in _groups(read, "memory"):
        for limit_name, usage_name, cached in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit = _number(read(f"{group}/{limit_name}"))
            if limit is None:
                continue
            used = _number(read(f"{group}/{usage_name}")) or 0
            statistics = dict(line.split()[:2] for line in read(f"{group}/memory.stat").splitlines())
            left.append((limit - max(0, used - int(statistics.get(cached, "0"))), f"{group}/{limit_name}"))
    return min(left, default=None)
