"""An elastic job under way: starts members where there is a place for them, and lets the ranks change."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from launch.job.elastic_members import Member, Members
from launch.job.job_end import is_from_outside, what_code_means
from launch.job.job_ranks import JobRanks, RankExit, is_own_error
from launch.job.rank_starter import RankOrder

_POLL_S = 0.2
# Between two looks at the hosts, and so many times as long as a look takes.
_LOOK_S, _LOOK_FACTOR = 1.0, 5.0
# A member that ends sooner is not replaced at once for a second time, but after 1, 2, 4, ... seconds.
_SOON_S, _LONGEST_PAUSE_S = 60.0, 60.0
# A member that is stopped, as by SIGSTOP, may keep the others waiting for so long when the ranks change.
_FROZEN_S = 5.0
# Members that cannot connect because one died meanwhile may have connected nevertheless.
_STUCK_S = 1.0


class ElasticJob:
    """Runs once."""

    def __init__(
        self,
        ranks: JobRanks,
        members: Members,
        look: Callable[[], dict[str, int]],
        order: Callable[[Member], RankOrder],
        new_rendezvous: Callable[[], int],
        timeout_s: float,
    ) -> None:
        """look: finds the hosts and their slots. order: how to start a member. new_rendezvous: opens the place where
        a generation's ranks find each other, and returns its port. timeout_s: how long it may have too few ranks.
        """
        self.ranks, self.members = ranks, members
        members.is_stopping = lambda: ranks.asked is not None
        self._look, self._order, self._new_rendezvous, self._timeout_s = look, order, new_rendezvous, timeout_s
        # By host: how often in turn a member ended soon, and when the next one may start.
        self._pauses: dict[str, tuple[int, float]] = {}
        self._started_s: dict[int, float] = {}
        self._own_errors: set[tuple[int, str]] = set()
        self._late_since_s: float | None = None
        # Of the last time when there were enough ranks.
        self._enough_s = time.monotonic()
        # Each with the rank of its last generation.
        self._exits: list[tuple[Member, RankExit]] = []
        # Why the job could not go on, if that is not one rank's error.
        self.reason = ""
        self._threads: list[threading.Thread] = []

    def run(self) -> None:
        """Until no rank is left."""
        # The first look is waited for, and its error ends the job.
        self.members.offer(self._look())
        threading.Thread(target=self._keep_looking, name="hosts", daemon=True).start()
        while not self._is_over():
            with self.members.changed:
                self._start_missing()
                self._change()
                self._hurry()
                self.members.changed.wait(_POLL_S)
        self.members.dismiss_all()
        for member in self.members.all.values():
            if member.is_alive and member.rank is None:
                # Nothing is lost with those that never had a part.
                self.ranks.kill_one(member.number)
        self.ranks.leave()
        for thread in self._threads:
            thread.join()

    def last_exits(self) -> list[RankExit]:
        """Of the last ranks, or of those that could not become any; none if the job has succeeded."""
        if self.members.has_succeeded:
            return []
        return [found for member, found in self._exits if member in self.members.current or member.rank is None]

    def _is_over(self) -> bool:
        members = self.members
        alive = any(member.is_alive for member in members.all.values())
        if members.is_over or (not alive and (self.reason or self.ranks.asked is not None)):
            return True
        # At the start, an error is one that all of them have.
        return members.generation < 0 and any(
            found.code and not is_from_outside(found.code, found.remote) for _, found in self._exits
        )

    def _start_missing(self) -> None:
        if self.ranks.asked is not None or self.reason or self.members.has_finished:
            return
        for place in self.members.missing():
            if time.monotonic() >= self._pauses.get(place.host, (0, 0.0))[1]:
                member = self.members.add(place)
                self._started_s[member.number] = time.monotonic()
                thread = threading.Thread(target=self._run, args=(member,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _run(self, member: Member) -> None:
        found = self.ranks.run(member.number, member.place.host, self._order(member))
        with self.members.changed:
            if member.rank is not None:
                found = found._replace(rank=member.rank)
            self._exits.append((member, found))
            self._judge(member, found)
            self.members.exited(member.number, found.code)

    def _judge(self, member: Member, found: RankExit) -> None:
        """What an exit means for others in the same place, and for the job."""
        if not found.code or found.asked or member.is_dismissed:
            return
        now_s = time.monotonic()
        times = 1
        if now_s - self._started_s[member.number] < _SOON_S:
            times += self._pauses.get(member.place.host, (0, 0.0))[0]
        pause_s = 0.0 if times == 1 else min(2.0 ** (times - 2), _LONGEST_PAUSE_S)
        self._pauses[member.place.host] = times, now_s + pause_s
        reason = found.last_words.replace("\n", " ") or what_code_means(found.code, found.remote)
        who = f"rank {member.rank}" if member.rank is not None else "a rank that was starting"
        _say(f"{who} on {found.host} has ended, with code {found.code}: {reason}")
        if is_own_error(found) and member.joined >= 0 and not self.members.is_broken:
            error = found.code, found.last_words
            if error in self._own_errors:
                self._give_up("the same error has ended a rank twice")
            self._own_errors.add(error)

    def _change(self) -> None:
        """Begin the next generation, if it can begin."""
        members = self.members
        members.dismiss_unwanted()
        group = [] if self.reason else members.next_group()
        if group:
            before = len(members.current)
            members.begin(group, self._new_rendezvous())
            if members.generation > 0:
                _say(f"going on with {_ranks(len(group))} instead of {before}")
        is_short = members.generation < 0 or (
            members.is_broken and sum(member.is_alive for member in members.current) < members.least
        )
        if not is_short:
            self._enough_s = time.monotonic()
        elif time.monotonic() - self._enough_s > self._timeout_s:
            self._give_up(f"for {self._timeout_s:g} s there were fewer than {_ranks(members.least)} (--min-np)")

    def _hurry(self) -> None:
        """End members for which the others would wait in vain."""
        for member in self.members.current:
            if member.is_silent and member.is_alive:
                self.ranks.kill_one(member.number)
        late, now_s = self.members.late(), time.monotonic()
        if not late:
            self._late_since_s = None
            return
        if self._late_since_s is None:
            self._late_since_s = now_s
        if now_s - self._late_since_s > _STUCK_S:
            for member in self.members.stuck():
                self.ranks.kill_one(member.number)
        if now_s - self._late_since_s > _FROZEN_S:
            self._late_since_s = now_s
            for member in late:
                self.ranks.kill_stopped(member.number)

    def _give_up(self, reason: str) -> None:
        if not self.reason:
            self.reason = reason
            self.ranks.leave()

    def _keep_looking(self) -> None:
        said = ""
        while True:
            began_s = time.monotonic()
            try:
                self.members.offer(self._look())
                said = ""
            except (OSError, ValueError) as error:
                # Those that were there may still be.
                if str(error) != said:
                    said = str(error)
                    _say(said)
            time.sleep(max(_LOOK_S, _LOOK_FACTOR * (time.monotonic() - began_s)))


def _ranks(number: int) -> str:
    return f"{number} rank{'s' * (number != 1)}"


def _say(sentence: str) -> None:
    print(f"launch: {sentence}", file=sys.stderr, flush=True)
