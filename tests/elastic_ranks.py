"""An elastic job whose members are threads of one process: ranks that are lost and gained at chosen exchanges."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import Any

from thread_comm import ThreadComm, _Meeting

from launch.job.elastic_members import Member, Members
from ner_dist.ranks.comm import RankLost
from ner_dist.ranks.membership import Dismissed

_PATIENCE_S = 60


@dataclasses.dataclass(frozen=True)
class Loss:
    """A member that dies at its n-th exchange, and those to which this exchange fails; to the others it succeeds."""

    member: int
    exchange: int
    fails_for: tuple[int, ...] = ()
    # Whether nobody gets anything of the exchange.
    before: bool = False


@dataclasses.dataclass(frozen=True)
class Offer:
    """There is room for so many ranks once a member has come to its n-th exchange."""

    member: int
    exchange: int
    slots: int


class Killed(BaseException):
    """As SIGKILL: nothing that could catch it must do anything."""


class ElasticThreadComm(ThreadComm):
    is_elastic = True

    def __init__(self, job: ElasticThreads, member: Member) -> None:
        self._job, self.member, self.exchanges = job, member, 0
        self._join()

    @property
    def wants_change(self) -> bool:
        return bool(self._job.members.answer(self.member.number)["wanted"])

    def regroup(self, lost: bool) -> None:
        if lost:
            self._meeting.barrier.abort()
        self._job.members.hear(self.member.number, {"ready_after": self.member.generation})
        self._join()

    def _join(self) -> None:
        generation = self._job.joined.get(self.member.number, -1)
        if generation < 0:
            self._job.members.hear(self.member.number, {"ready_after": -1})
        with self._job.elsewhere(), self._job.members.changed:
            there = self._job.members.changed.wait_for(
                lambda: self.member.generation > generation or self.member.is_dismissed, _PATIENCE_S
            )
        assert there, "the ranks wait for each other"
        if self.member.generation == generation:
            raise Dismissed
        self._job.joined[self.member.number] = self.member.generation
        self._job.members.hear(self.member.number, {"joined": self.member.generation})
        assert self.member.rank is not None
        super().__init__(self.member.rank, self.member.part["HOROVOD_SIZE"], self._job.meetings[self.member.generation])

    def _all(self, value: Any) -> list[Any]:
        self.exchanges += 1
        loss = self._job.comes_to(self.member.number, self.exchanges)
        if loss is not None and loss.before:
            raise Killed
        try:
            values = super()._all(value)
        except threading.BrokenBarrierError as error:
            raise RankLost("another thread has ended") from error
        if loss is not None:
            self._job.failing |= set(loss.fails_for)
            raise Killed
        if self.member.number in self._job.failing:
            self._job.failing.discard(self.member.number)
            raise RankLost("this exchange has failed for some")
        return values


class ElasticThreads:
    """Runs once: members on slots of one host."""

    def __init__(self, slots: int, least: int, events: list[Loss | Offer]) -> None:
        self.members = Members(least, 8)
        self.meetings: list[_Meeting] = []
        # The last generation of each member, and those for which the exchange under way fails.
        self.joined: dict[int, int] = {}
        self.failing: set[int] = set()
        self.results: list[Any] = []
        self.errors: list[BaseException] = []
        self.sizes: list[int] = []
        self._turn = threading.Lock()
        self._events = events
        self._threads: list[threading.Thread] = []
        self.members.offer({"here": slots})

    def comes_to(self, member: int, exchange: int) -> Loss | None:
        loss = None
        for event in self._events:
            if (event.member, event.exchange) == (member, exchange):
                if isinstance(event, Loss):
                    loss = event
                else:
                    self.members.offer({"here": event.slots})
        return loss

    def elsewhere(self) -> Any:
        """A context in which other threads may run."""
        job = self

        class Elsewhere:
            def __enter__(self) -> None:
                job._turn.release()

            def __exit__(self, *exception: object) -> None:
                job._turn.acquire()

        return Elsewhere()

    def run(self, action: Callable[[Any], Any]) -> Any:
        """What action(comm) returns on rank 0 of the last ranks; raises the error of a member, if one had any."""
        while not self.members.is_over and not self.errors:
            with self.members.changed:
                for place in [] if self.members.has_finished else self.members.missing():
                    self._start(self.members.add(place), action)
                self.members.dismiss_unwanted()
                if group := self.members.next_group():
                    meeting = _Meeting(len(group))
                    meeting.turn = self._turn
                    self.meetings.append(meeting)
                    self.members.begin(group, 1)
                    self.sizes.append(len(group))
                    self.members.changed.notify_all()
                self.members.changed.wait(0.05)
        self.members.dismiss_all()
        with self.members.changed:
            self.members.changed.notify_all()
        for thread in self._threads:
            thread.join(2 * _PATIENCE_S)
            assert not thread.is_alive(), "the ranks wait for each other"
        if self.errors:
            raise self.errors[0]
        return next((result for result in self.results if result is not None), None)

    def _start(self, member: Member, action: Callable[[Any], Any]) -> None:
        thread = threading.Thread(target=self._run, args=(member, action), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, member: Member, action: Callable[[Any], Any]) -> None:
        code = 1
        with self._turn:
            try:
                self.results.append(action(ElasticThreadComm(self, member)))
                code = 0
            except Dismissed:
                code = 0
            except Killed:
                code = 137
            except BaseException as error:
                self.errors.append(error)
        if code:
            for meeting in self.meetings[-1:]:
                meeting.barrier.abort()
        self.members.exited(member.number, code)
