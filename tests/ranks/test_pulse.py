"""The pulse: signs of life, who is silent while this rank waits, and a start that does not go on for ever."""

from __future__ import annotations

from typing import Any

import pytest

from ner_dist.ranks import last_words
from ner_dist.ranks.board import Sign
from ner_dist.ranks.pulse import Pulse


class FakeBoard:
    """A board in memory, of three ranks, as rank 0 sees it."""

    rank, num_ranks = 0, 3

    def __init__(self) -> None:
        self.answers = True
        self.all: dict[int, Sign] = {}

    def show(self, sign: Sign) -> None:
        self.all[sign.rank] = sign

    def sign(self, rank: int) -> Sign | None:
        return self.all.get(rank) if self.answers else None

    def signs_of_others(self) -> dict[int, Sign]:
        return {rank: sign for rank, sign in self.all.items() if rank} if self.answers else {}


class Job:
    """Rank 0's pulse, beating whenever it is told to; rank 1 lives, and rank 2 does as `stopped` says."""

    def __init__(self) -> None:
        self.board = FakeBoard()
        self.stopped = False
        self.pulse = Pulse(self.board)  # type: ignore[arg-type]
        self._beats = 0

    def beat(self, times: int) -> None:
        for _ in range(times):
            self._beats += 1
            for rank in (1, 2):
                if rank == 1 or not self.stopped:
                    self.board.show(Sign(rank, f"host-{rank}", 100 + rank, "", self._beats, 7, False, False))
            self.pulse.beat()


@pytest.fixture
def job() -> Job:
    return Job()


def test_each_beat_is_a_sign_with_the_step_and_whether_it_waits(job: Job) -> None:
    job.pulse.step, job.pulse.waiting = 12, True
    job.beat(3)
    own = job.board.all[0]
    assert (own.rank, own.beat, own.step, own.waiting, own.bereft) == (0, 3, 12, True, False)


def test_who_is_silent_while_this_rank_waits_is_told_once(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    job.pulse.waiting = job.stopped = True
    job.board.show(Sign(2, "host-2", 102, "", 1, 7, False, False))
    job.beat(60)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("note: waiting for rank 2 on host-2 (process 102), silent for 2")
    (silence,) = job.pulse.find_silent()
    assert silence.sign.rank == 2
    # It goes on, and nobody is silent any more.
    job.stopped = False
    job.beat(3)
    assert job.pulse.find_silent() == []


def test_nobody_is_silent_in_normal_work_or_when_the_board_does_not_answer(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    job.beat(60)
    job.pulse.waiting = True
    job.beat(60)
    assert job.pulse.find_silent() == []
    job.board.answers = False
    job.beat(60)
    assert job.pulse.find_silent() == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("appears", "beats"), [(True, 60), (False, 15)])
def test_a_start_for_which_a_rank_does_not_appear_is_ended(
    job: Job, monkeypatch: pytest.MonkeyPatch, appears: bool, beats: int
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(last_words, "end", lambda board, sentence, connections: said.append(sentence))
    job.stopped = not appears
    with job.pulse.connecting():
        job.beat(beats - 1)
        assert not said
        job.beat(1)
    who = "the other ranks" if appears else "rank 2"
    assert said[0].startswith(f"{who} did not connect within {2 * beats} s; see whether the hosts reach each other")
    job.beat(1)
    assert len(said) == 1
