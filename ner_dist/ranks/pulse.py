"""The pulse of a rank: a thread that shows that it lives, looks after its connections, and listens to others.

Time is counted in the thread's own beats, so none passes while the process is stopped or its machine is frozen.
"""

from __future__ import annotations

import functools
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ner_dist.ranks import board, last_words
from ner_dist.ranks.board import Board, Sign
from ner_dist.ranks.connections import Connections, patience_s

_PERIOD_S = 2.0
# Waiting for that long is unusual: then it listens to the others, and tells who has been silent for as long again.
_LONG_S = 20.0
# A rank that has given no new sign in so many beats of this one is silent: one may be late, or on its way.
_SILENT_BEATS = 3
# What a rank may take to appear, or as long as the user has set for Gloo; ranks that all live may take longer.
_CONNECT_S, _CONNECT_FACTOR = 30, 4

log = logging.getLogger("ner_dist")


class Silence(NamedTuple):
    sign: Sign
    # Of this rank's own time.
    seconds: float


class Pulse:
    """Of one rank. Whoever exchanges something sets `waiting` meanwhile, and the watchdog sets `step`."""

    def __init__(self, board: Board, period_s: float = _PERIOD_S) -> None:
        self.connections = Connections()
        self.step = 0
        self.waiting = False
        self._board = board
        self._period_s = period_s
        # Beats, also those since which this rank has been waiting, and at which each other rank's sign was a new one.
        self._beats = 0
        self._waiting_since = 0
        self._heard: dict[int, tuple[Sign, int]] = {}
        self._connecting_since: int | None = None
        self._told = False
        self._is_started = False

    def start(self) -> None:
        """Beat from now on, if it does not yet."""
        if self._is_started:
            return
        self._is_started = True
        self._show(0)
        threading.Thread(target=self._run, name="pulse", daemon=True).start()

    def move_to(self, board: Board) -> None:
        """Show signs on another board, on which the other ranks are others."""
        self._board, self._heard = board, {}
        self._show(self._beats)

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Within the context, Horovod connects this rank to the others, which must not take for ever."""
        self._connecting_since = self._beats
        try:
            with self.connections.opening():
                yield
        finally:
            self._connecting_since = None

    def find_silent(self) -> list[Silence]:
        """Other ranks that give no sign; listens to them for some beats."""
        until = self._beats + _SILENT_BEATS + 1
        self._listen()
        while self._is_started and self._beats < until:
            time.sleep(self._period_s / 4)
        self._listen()
        return self._silences(_SILENT_BEATS * self._period_s)

    def beat(self) -> None:
        self._beats += 1
        self._show(self._beats)
        self.connections.check(self._period_s)
        self._check_start()
        if not self.waiting:
            self._waiting_since, self._told = self._beats, False
            self._heard = {}
        elif (self._beats - self._waiting_since) * self._period_s >= _LONG_S and self._beats % _SILENT_BEATS == 0:
            self._listen()
            self._tell()

    def _run(self) -> None:
        never = threading.Event()
        while not never.wait(self._period_s):
            self.beat()

    def _show(self, beat: int) -> None:
        self._board.show(board.own_sign(self._board.rank, beat, self.step, self.waiting))

    def _listen(self) -> None:
        # A board that does not even know this rank says nothing about the others.
        own = self._board.sign(self._board.rank)
        if own is None or own.beat < self._beats - 1:
            self._heard = {}
            return
        for rank, sign in self._board.signs_of_others().items():
            if rank not in self._heard or self._heard[rank][0].beat != sign.beat:
                self._heard[rank] = sign, self._beats

    def _silences(self, at_least_s: float) -> list[Silence]:
        silences = (Silence(sign, (self._beats - beat) * self._period_s) for sign, beat in [*self._heard.values()])
        return [silence for silence in silences if silence.seconds >= at_least_s]

    def _tell(self) -> None:
        """Say once while this rank waits who is silent, in its log and on the terminal of rank 0."""
        silent = self._silences(_LONG_S)
        if not silent or self._told:
            return
        self._told = True
        names = ", ".join(str(silence.sign) for silence in silent[:5]) + ", ..." * (len(silent) > 5)
        sentence = f"waiting for {names}, silent for {silent[0].seconds:.0f} s: stopped, overloaded or cut off"
        log.warning(sentence)
        if self._board.rank == 0:
            print(f"note: {sentence}", file=sys.stderr, flush=True)

    def _check_start(self) -> None:
        """End this rank if the others do not connect."""
        if self._connecting_since is None:
            return
        waited_s = (self._beats - self._connecting_since) * self._period_s
        limit_s = max(_CONNECT_S, patience_s())
        if waited_s < limit_s:
            return
        missing = []
        # A board that does not even know this rank says nothing about the others.
        if self._board.sign(self._board.rank) is not None:
            seen = self._board.signs_of_others()
            missing = [rank for rank in range(self._board.num_ranks) if rank != self._board.rank and rank not in seen]
        if waited_s < limit_s * (1 if missing else _CONNECT_FACTOR):
            return
        who = f"rank{'s' * (len(missing) > 1)} {', '.join(map(str, missing[:20]))}" if missing else "the other ranks"
        sentence = (
            f"{who} did not connect within {waited_s:.0f} s; see whether the hosts reach each other on all ports, and "
            "allow slow ones more time with horovodrun's --gloo-timeout-seconds"
        )
        last_words.end(self._board, sentence, self.connections)


@functools.lru_cache(maxsize=1)
def of_this_rank() -> Pulse:
    return Pulse(board.of_this_job())
