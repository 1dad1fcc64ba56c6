"""What befalls a training, drawn from a seed: on how many ranks, how it is started, and which faults come when."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass

# What comes from outside of the ranks at any moment, and what a rank does by itself in a step.
SIGNALS = ("kill rank", "kill launcher", "kill all", "stop rank", "SIGTERM", "SIGTERM to all", "Ctrl-C")
PAUSES = ("pause all", "pause rank")
INSIDE = ("exception", "hang", "killed in a step")
FILES = ("full disk", "read-only directory", "second job")
HOSTS = ("network cut", "network cut for a moment", "host lost")
# A training goes on through these as if nothing had happened.
HARMLESS = (*PAUSES, "second job")
KINDS = (*SIGNALS, *PAUSES, *INSIDE, *FILES, *HOSTS)
# Seldom drawn, because it takes as long as the other ranks wait for a silent one.
_SELDOM = {"stop rank": 0.4, "hang": 0.6}


@dataclass(frozen=True)
class Fault:
    kind: str
    # "start": between the command and the first step; "step": after so many; "save": while a checkpoint is written.
    moment: str
    # Which part of that span has gone by, 0 to 1.
    share: float
    rank: int
    # After the moment, and how long something lasts that passes.
    delay_s: float
    lasts_s: float


@dataclass(frozen=True)
class Schedule:
    seed: int
    # plain: as horovodrun or Python starts it; supervised: launch local --restarts; elastic; hosts: launch ssh.
    mode: str
    num_ranks: int
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return f"{self.seed} {self.mode} on {self.num_ranks}: " + ", then ".join(
            f"{fault.kind} at {fault.moment} {fault.share:.2f}" for fault in self.faults
        )

    def record(self) -> dict[str, object]:
        return dataclasses.asdict(self)


def draw(seed: int, modes: tuple[str, ...]) -> Schedule:
    """The schedule of a seed; modes: those to draw from."""
    rng = random.Random(seed)
    weights = {"plain": 4, "supervised": 4, "elastic": 3, "hosts": 1}
    mode = rng.choices(modes, [weights[mode] for mode in modes])[0]
    num_ranks = {"plain": rng.choice((1, 2, 2, 4)), "hosts": 2}.get(mode) or rng.choice((2, 2, 4))
    kinds = [*SIGNALS, *PAUSES, *INSIDE, *FILES] if mode != "hosts" else [*HOSTS]
    number = 1 if mode == "hosts" else rng.choice((1, 1, 2, 3))
    chosen = rng.choices(kinds, [_SELDOM.get(kind, 1.0) for kind in kinds], k=number)
    return Schedule(seed, mode, num_ranks, tuple(_fault(rng, kind, num_ranks) for kind in chosen))


def _fault(rng: random.Random, kind: str, num_ranks: int) -> Fault:
    moment = "step" if kind in INSIDE else rng.choices(("start", "step", "save"), (1, 4, 2))[0]
    times = rng.random(), rng.randrange(num_ranks), rng.uniform(0, 0.1), rng.uniform(1, 9)
    return Fault(kind, moment, times[0], *times[1:])
