"""The ranks of one job: starts them, here and by ssh on other hosts, asks them to end, and finds who failed first."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from launch.job.job_end import JobEnd, is_from_outside, what_code_means
from launch.job.rank_output import RankOutput, Screen, Stream
from launch.job.rank_starter import KILL, KILL_STOPPED, LEAVE, STOPPED, RankOrder
from launch.remote_hosts.ssh_client import NO_CONNECTION, batch_options, is_here
from ner_dist.ranks.board import Failure

# Characters by which a sentence is recognised.
_SAME = 60
# A host that is gone, or cut off, is noticed after a minute.
_ALIVE = ["-oServerAliveInterval=15", "-oServerAliveCountMax=4"]
_START = [sys.executable, "-m", "launch.job.rank_starter"]
# A process that outlives its rank may keep the rank's output open.
_OUTPUT_S = 3.0
# What ranks end with that were asked to, after which the others may still be saving.
_ASKED = (128 + signal.SIGTERM, 128 + signal.SIGINT)
# How long a starter may take to obey.
_DEAF_S = 3.0
# Ranks that are slower to end than they are allowed to be say so themselves, before they are killed.
MARGIN_S = 5.0
# Survivors of a failure usually end by themselves in less time, in which they find out who failed first.
_FOLLOW_S = 4.0


class RankExit(NamedTuple):
    rank: int
    host: str
    code: int
    # What it said last, if that was an error.
    last_words: str
    # Whether this launcher had already asked for it.
    asked: bool
    remote: bool
    time_s: float


class Starter(Protocol):
    """What launch.job.rank_starter reads and writes, wherever it runs."""

    @property
    def stdin(self) -> Stream | None: ...
    @property
    def stdout(self) -> Stream | None: ...
    @property
    def stderr(self) -> Stream | None: ...
    def wait(self) -> int: ...
    def kill(self) -> None: ...


class JobRanks:
    """Thread-safe, but for `ask`, which a signal handler may call at any moment."""

    def __init__(
        self,
        grace_s: float,
        ssh_words: Sequence[str] = (),
        held: Sequence[int] = (),
        seats: Mapping[int, Starter] = MappingProxyType({}),
    ) -> None:
        """grace_s: from a signal to the end. held: descriptors that are open as long as a rank is there.

        seats: by rank, starters that run already, in a cluster; ranks without one get it here or by ssh.
        """
        self.grace_s = grace_s
        self._seats = seats
        self._held = held
        self._ssh = ["ssh", "-T", *batch_options(), *_ALIVE, *ssh_words]
        self._screens = Screen(sys.stdout), Screen(sys.stderr)
        self._starters: dict[int, Starter] = {}
        self.exits: list[RankExit] = []
        # The first signal that this launcher has passed on, or None.
        self.asked: int | None = None
        self._killed = self._leaving = False

    def run_all(self, starts: Sequence[tuple[int, str, RankOrder]]) -> None:
        """Start ranks, each with its host and its order, and wait for all; if one fails, the others cannot go on."""

        def run(start: tuple[int, str, RankOrder]) -> None:
            if self.run(*start).code not in (0, *_ASKED):
                self.leave()

        threads = [threading.Thread(target=run, args=(start,)) for start in starts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def run(self, rank: int, host: str, order: RankOrder) -> RankExit:
        """Start a rank and wait for its end. rank: in an elastic job, a number that no other process ever had."""
        remote = rank in self._seats or not is_here(host)
        starter = self._seats.get(rank) or self._start(host, remote)
        assert starter.stdout is not None
        assert starter.stderr is not None
        outputs = [
            RankOutput(starter.stdout, self._screens[0], f"[{rank}]<stdout>:", False),
            RankOutput(starter.stderr, self._screens[1], f"[{rank}]<stderr>:", True),
        ]
        _send(starter, order.as_line())
        self._starters[rank] = starter
        if self.asked is not None:
            # The signal may have come before.
            self._order(rank, KILL if self._killed else str(self.asked))
        code = starter.wait()
        del self._starters[rank]
        asked = self.asked is not None or self._leaving
        now_s = time.monotonic()
        until_s = now_s + _OUTPUT_S
        for output in outputs:
            output.join(max(0.0, until_s - time.monotonic()))
        if code == 0:
            outputs[1].release()
        words = outputs[1].last_words()
        if remote and code < 0:
            # This end of the connection was killed, because the other did not answer.
            code = NO_CONNECTION
        found = RankExit(rank, host, code if code >= 0 else 128 - code, words, asked, remote, now_s)
        self.exits.append(found)
        return found

    def _start(self, host: str, remote: bool) -> Starter:
        command = _START
        if remote:
            command = [*self._ssh, host, f"cd {shlex.quote(os.getcwd())} && exec {shlex.join(_START)}"]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, pass_fds=self._held)

    def ask(self, number: int) -> None:
        """Pass a signal on to all ranks, and kill those that are there after the grace."""
        first = self.asked is None
        self.asked = self.asked or number
        self._order_all(str(number))
        if first:
            self._later(self.grace_s, self.kill)

    def leave(self) -> None:
        """Have the other ranks of a job end that cannot go on, soon, and at the latest after the grace."""
        if self._leaving:
            return
        self._leaving = True
        self._later(_FOLLOW_S, lambda: self._order_all(LEAVE))
        self._later(_FOLLOW_S + self.grace_s, self.kill)

    def kill(self) -> None:
        self._killed = True
        self._order_all(KILL)
        # An order does not reach a host that is gone.
        self._later(_DEAF_S, self._cut)

    def kill_one(self, rank: int) -> None:
        self._order(rank, KILL)

    def kill_stopped(self, rank: int) -> None:
        """Kill a rank that is stopped, as by SIGSTOP."""
        self._order(rank, KILL_STOPPED)

    def _cut(self) -> None:
        for starter in list(self._starters.values()):
            starter.kill()

    def _order_all(self, word: str) -> None:
        for number in list(self._starters):
            self._order(number, word)

    def _order(self, number: int, word: str) -> None:
        starter = self._starters.get(number)
        if starter is not None:
            _send(starter, f"{word}\n".encode())

    @staticmethod
    def _later(seconds: float, action: Callable[[], object]) -> None:
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        timer.start()


def _send(starter: Starter, line: bytes) -> None:
    assert starter.stdin is not None
    # It may be gone.
    with contextlib.suppress(OSError):
        os.write(starter.stdin.fileno(), line)


def _is_lost(found: RankExit) -> bool:
    lost_host = found.remote and found.code == NO_CONNECTION
    return lost_host or (not found.asked and is_from_outside(found.code, found.remote))


def is_own_error(found: RankExit) -> bool:
    """Whether a rank ended because of an error of its own, of which it has told."""
    return bool(found.code and found.last_words) and not (found.asked or is_from_outside(found.code, found.remote))


def cause(exits: list[RankExit], reported: Failure | None) -> JobEnd | None:
    """Which failure was the first of a job that could not go on; None if there was none.

    reported: what a failing rank has left for all to read, or another one about it. Ranks that fail only because of
    it may end earlier, by this machine's clock.
    """
    failed = sorted((each for each in exits if each.code), key=lambda each: each.time_s)
    if not failed:
        return None
    first = (
        next((each for each in failed if each.code == STOPPED), None)
        or next((each for each in failed if reported is not None and each.rank == reported.rank), None)
        # All end, once one of them has got a SIGTERM.
        or min((each for each in failed if _is_lost(each)), key=lambda each: each.code in _ASKED, default=failed[0])
    )
    outside = is_from_outside(first.code, first.remote)
    said = reported.sentence if reported is not None and reported.rank == first.rank else first.last_words
    is_known = first.code == STOPPED or _is_lost(first)
    if outside and (is_known or not said):
        # Another rank can only guess at what the code tells.
        said = what_code_means(first.code, first.remote)
    elif not said:
        said = what_code_means(first.code, first.remote) if first.code > 128 else ""
    elif first.last_words.replace("\n", " ").startswith(said[:_SAME]):
        # The same with its line ends.
        said = first.last_words
    return JobEnd(first.code, first.rank, first.host, said, outside)
