"""Binds a rank to cores of its own, and lets it go for a while if others compute there: that changes no result.

A rank that is bound cannot move away from a busy neighbour, and all other ranks wait for it in every step.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

# How often a bound rank looks; how much of its cores' time others may use; how long it stays unbound if they use more.
_LOOK_S, _MOST_FOREIGN, _AWAY_S = 2.0, 0.2, 60.0
# Of a core's line in /proc/stat: user, nice, system and stolen time. Interrupts are for this rank's messages, too.
_FIELDS = (1, 2, 3, 8)

log = logging.getLogger("ner_dist")


class CoreUse(NamedTuple):
    """What has been computed on some cores since the machine started, in seconds."""

    at_s: float
    by_all_s: float
    by_this_process_s: float


def bind(own: Sequence[int], cores: Sequence[int], for_good: bool = False) -> None:
    """Bind this process to its own cores of those that its host's ranks share. Must be called before it has threads."""
    os.sched_setaffinity(0, own)
    if not for_good and core_use(own) is not None:
        _start(lambda: keep_bound(own, cores))


def keep_bound(
    own: Sequence[int],
    cores: Sequence[int],
    look: Callable[[Sequence[int]], CoreUse | None] | None = None,
    wait: Callable[[float], object] = time.sleep,
) -> None:
    """As long as the process runs: allow all cores if others use its own, and try again later. look: core_use."""
    look = look or core_use
    before = look(own)
    while before is not None:
        wait(_LOOK_S)
        now = look(own)
        if now is None:
            break
        share = foreign_share(before, now, len(own))
        if share > _MOST_FOREIGN:
            log.info("others use %.0f %% of cores %s: not bound to them for %.0f s", 100 * share, own, _AWAY_S)
            _allow(cores)
            wait(_AWAY_S)
            _allow(own)
            now = look(own)
        before = now


def foreign_share(before: CoreUse, now: CoreUse, num_cores: int) -> float:
    """Which part of the cores' time went to other processes, if this one computes nowhere else."""
    by_all_s, by_this_s = now.by_all_s - before.by_all_s, now.by_this_process_s - before.by_this_process_s
    return max(0.0, by_all_s - by_this_s) / (num_cores * max(now.at_s - before.at_s, 1e-9))


def core_use(cores: Sequence[int], stat_path: str = "/proc/stat") -> CoreUse | None:
    """None if the system does not tell, as in some containers."""
    names, ticks = {f"cpu{core}" for core in cores}, os.sysconf("SC_CLK_TCK")
    try:
        with open(stat_path, encoding="ascii") as file:
            lines = [line.split() for line in file]
        found = [sum(int(words[field]) for field in _FIELDS) for words in lines if words and words[0] in names]
    except (OSError, ValueError, IndexError):
        return None
    if len(found) < len(names):
        return None
    return CoreUse(time.monotonic(), sum(found) / ticks, time.process_time())


def _allow(cores: Sequence[int]) -> None:
    """For all threads of this process: those of MXNet and Horovod have started since."""
    for thread in os.listdir("/proc/self/task"):
        # It may end at any moment; and a batch system may have taken cores away.
        with contextlib.suppress(OSError):
            os.sched_setaffinity(int(thread), cores)


def _start(action: Callable[[], None]) -> None:
    """Run it in a thread that takes no signals: those are for whoever has not started yet."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        threading.Thread(target=action, name="cores", daemon=True).start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
