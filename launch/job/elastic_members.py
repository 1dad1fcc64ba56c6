"""Who the ranks of an elastic job are: the members that come and go, and the generations of ranks that they form.

- A process is a member from its start to its end. It is ready as soon as it waits for a part in the next generation: at
  its start, and whenever its generation is over.
- A generation is over if one of its members has died, or if its ranks have agreed to it because others were wanted.
- The next one consists of the members that are left, the oldest first, and of those that have become ready since. Who
  is still starting is not waited for, unless there are too few without it.

No processes and no network are in here.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

# How long the first generation waits for members that are still starting, if there are enough without them; and how
# long those that are ready wait for others, so that ranks change once.
_START_S, _COMPANY_S = 60.0, 5.0


class Place(NamedTuple):
    """Where a member can be."""

    host: str
    slot: int


@dataclasses.dataclass
class Member:
    number: int
    place: Place
    # The generation after which it wants a part, and since when.
    ready_after: int | None = None
    ready_s: float = 0.0
    # The one in which it has a part, and the last one in which it was connected.
    generation: int = -1
    joined: int = -1
    # In that generation: its rank, and the variables that make it that.
    rank: int | None = None
    part: dict[str, int] = dataclasses.field(default_factory=dict)
    is_dismissed: bool = False
    # Whether it has been asked to end, by somebody else than the launcher.
    is_leaving: bool = False
    # Whether another one has waited for it in vain.
    is_silent: bool = False
    # Its exit code, once it has ended.
    code: int | None = None

    @property
    def is_alive(self) -> bool:
        return self.code is None


class Members:
    """Thread-safe; `changed` is notified of everything that may let a generation begin or end."""

    def __init__(self, least: int, most: int) -> None:
        """least, most: numbers of ranks."""
        self.least, self.most = least, most
        self.changed = threading.Condition(threading.RLock())
        # The last one, and its members by rank.
        self.generation = -1
        self.current: list[Member] = []
        self.all: dict[int, Member] = {}
        # Whether the launcher has asked all of them to end.
        self.is_stopping: Callable[[], bool] = lambda: False
        self._slots: dict[str, int] = {}
        self._began_s = time.monotonic()

    def offer(self, slots: dict[str, int]) -> None:
        """The hosts that there are now, in order of preference, and how many members each can have."""
        with self.changed:
            self._slots = slots
            self.changed.notify_all()

    def missing(self) -> list[Place]:
        """Places where a member should be started."""
        with self.changed:
            taken = {member.place for member in self._alive()}
            return [place for place in self._wanted() if place not in taken]

    def add(self, place: Place) -> Member:
        with self.changed:
            member = self.all[len(self.all)] = Member(len(self.all), place)
            return member

    def hear(self, number: int, message: dict[str, Any]) -> None:
        """What a member says: ready_after or joined, with a generation; or which rank of its generation is silent."""
        with self.changed:
            member = self.all[number]
            if type(message.get("ready_after")) is int:
                member.ready_after, member.ready_s = message["ready_after"], time.monotonic()
            if type(message.get("joined")) is int:
                member.joined = message["joined"]
            member.is_leaving = member.is_leaving or "leaving" in message
            silent = message.get("silent")
            is_recent = message.get("generation") == self.generation
            if is_recent and type(silent) is int and 0 <= silent < len(self.current):
                self.current[silent].is_silent = True
            self.changed.notify_all()

    def exited(self, number: int, code: int) -> None:
        with self.changed:
            self.all[number].code = code
            self.changed.notify_all()

    def answer(self, number: int) -> dict[str, Any]:
        """What a member is told."""
        with self.changed:
            member = self.all[number]
            return {
                "generation": member.generation,
                "part": member.part or None,
                "dismissed": member.is_dismissed,
                "broken": self.is_broken and member.generation == self.generation,
                "wanted": self.is_change_wanted,
                "stopping": self.is_stopping() or all(each.is_leaving for each in self.current if each.is_alive),
            }

    @property
    def has_finished(self) -> bool:
        """Whether a member has come to the end of training."""
        return any(member.code == 0 and not member.is_dismissed for member in self.current)

    @property
    def is_over(self) -> bool:
        """Whether nobody is left who knows how far training has come."""
        return self.generation >= 0 and not any(member.is_alive for member in self.current)

    @property
    def has_succeeded(self) -> bool:
        # Rank 0 writes the result.
        return self.is_over and self.current[0].code == 0

    @property
    def is_broken(self) -> bool:
        return any(member.code or member.ready_after == self.generation for member in self.current)

    @property
    def is_change_wanted(self) -> bool:
        stay = self._staying(self.current)
        newcomers = self._newcomers()
        since_s = min((member.ready_s for member in newcomers), default=0.0)
        is_starting = any(member.ready_after is None for member in self._alive())
        waits = is_starting and time.monotonic() - since_s < _COMPANY_S
        must_go = bool(stay) and len(stay) < len(self.current)
        return not self.has_finished and (must_go or (bool(newcomers) and not waits))

    def late(self) -> list[Member]:
        """Members of a generation that is over, and not yet ready for the next, or not yet connected in this one."""
        with self.changed:
            missed = [each for each in self.current if each.is_alive and each.joined < self.generation]
            if not self.is_broken:
                return missed
            return [each for each in self.current if each.is_alive and each.ready_after != self.generation]

    def stuck(self) -> list[Member]:
        """Members that cannot connect, because another one has died while they did."""
        with self.changed:
            if not any(member.code and member.joined < self.generation for member in self.current):
                return []
            return [each for each in self.current if each.is_alive and each.joined < self.generation]

    def next_group(self) -> list[Member]:
        """The members of the next generation, by rank, if it can begin; else nobody."""
        newcomers = self._newcomers()
        if self.generation < 0:
            starting = any(member.ready_after is None for member in self._alive()) or self.missing()
            if starting and time.monotonic() - self._began_s < _START_S:
                return []
            return newcomers if len(newcomers) >= self.least else []
        left = [member for member in self.current if member.is_alive]
        if not left or any(member.ready_after != self.generation for member in left):
            return []
        # If all have to go, one stays to hand over what it knows.
        staying = self._staying(left) or left[:1]
        group = [*staying, *newcomers][: self.most]
        return group if len(group) >= self.least or self.has_finished else []

    def begin(self, group: list[Member], port: int) -> None:
        """Let the next generation begin, whose ranks find each other at a port of the launcher."""
        with self.changed:
            self.generation += 1
            for member in self.current:
                member.is_dismissed = member.is_dismissed or (member.is_alive and member not in group)
            hosts = list(dict.fromkeys(member.place.host for member in group))
            by_host = {host: [each for each in group if each.place.host == host] for host in hosts}
            self.current = [member for host in hosts for member in by_host[host]]
            for rank, member in enumerate(self.current):
                of_host = by_host[member.place.host]
                local = of_host.index(member)
                across = [host for host in hosts if len(by_host[host]) > local]
                member.rank, member.generation = rank, self.generation
                member.part = {
                    "HOROVOD_RANK": rank,
                    "HOROVOD_SIZE": len(group),
                    "HOROVOD_LOCAL_RANK": local,
                    "HOROVOD_LOCAL_SIZE": len(of_host),
                    "HOROVOD_CROSS_RANK": across.index(member.place.host),
                    "HOROVOD_CROSS_SIZE": len(across),
                    "HOROVOD_GLOO_RENDEZVOUS_PORT": port,
                }

    def dismiss_all(self) -> None:
        with self.changed:
            for member in self._alive():
                member.is_dismissed = True

    def hosts(self) -> list[str]:
        """All on which members are, or can be."""
        with self.changed:
            return list(dict.fromkeys([*self._slots, *(member.place.host for member in self._alive())]))

    def slots(self, host: str) -> int:
        with self.changed:
            return max(1, min(self._slots.get(host, 1), self.most))

    def dismiss_unwanted(self) -> None:
        """Let those go that have no part yet, and shall have none."""
        with self.changed:
            wanted = set(self._wanted())
            for member in self._alive():
                if member not in self.current and member.place not in wanted:
                    member.is_dismissed = True

    def _alive(self) -> Iterable[Member]:
        return (member for member in self.all.values() if member.is_alive)

    def _newcomers(self) -> list[Member]:
        """Those that are ready for their first part."""
        wanted = set(self._wanted())
        waiting = (each for each in self._alive() if each not in self.current and each.ready_after is not None)
        return [member for member in waiting if not member.is_dismissed and member.place in wanted]

    def _staying(self, members: list[Member]) -> list[Member]:
        """Those that may have a part in the next generation."""
        wanted = set(self._wanted())
        return [member for member in members if member.place in wanted and not member.is_leaving]

    def _wanted(self) -> list[Place]:
        """The places where members should be: where they are already, and then free ones."""
        places = [Place(host, slot) for host, slots in self._slots.items() for slot in range(slots)]
        taken = [member.place for member in [*self.current, *self.all.values()] if member.is_alive]
        first = [place for place in dict.fromkeys(taken) if place in places]
        return [*first, *(place for place in places if place not in first)][: self.most]
