"""CPU time of each call and operator of a training step: one JSON line; takes the knobs of ner_dist.train.

On one rank and one thread, with MXNet's engine synchronous: an operator then runs within the call that requests it, and
a clock around that call sees it. So this measures shares; bench.speed.step_speed measures speed.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import json
import os
import pkgutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import yaml

from bench.speed.measurement import measure_rank
from bench.speed.step_speed import RankTraining
from ner_dist.config import Config
from ner_dist.ranks.comm import Comm

REST = "Python and the rest"
# The functions of each part of a step.
PLACES: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
# Steps before the clock starts, with the clock, and with MXNet's profiler, which slows them down.
_WARM_UP, _TIMED, _TRACED = 64, 128, 32

# The watched calls on the stack, outermost first.
Calls = tuple[str, ...]


class OperatorRun(NamedTuple):
    """One run of one operator, in microseconds since 1970."""

    name: str
    begin_us: float
    end_us: float


def call_name(place: str) -> str:
    """The name of a place in charts."""
    return place.partition(":")[2].replace(".__call__", "")


PART_OF = {call_name(place): part for part, places in PLACES.items() for place in places}


class Clock:
    """Charges the CPU time of this process to the innermost watched call, so that all of it counts exactly once."""

    def __init__(self) -> None:
        self._within: Calls = ()
        self.restart()

    def restart(self) -> None:
        self.cpu_s: defaultdict[Calls, float] = defaultdict(float)
        # The watched calls from each time on, by the profiler's clock.
        self.moves: list[tuple[float, Calls]] = [(time.time() * 1e6, self._within)]
        self._since_s = time.process_time()

    def move(self, within: Calls) -> None:
        now_s = time.process_time()
        self.cpu_s[self._within] += now_s - self._since_s
        self._within, self._since_s = within, now_s
        self.moves.append((time.time() * 1e6, within))

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        outside = self._within
        self.move((*outside, name))
        try:
            yield
        finally:
            self.move(outside)

    def watch(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def watched(*positional: Any, **named: Any) -> Any:
            with self.within(name):
                value = function(*positional, **named)
            return self._watch_ends(name, value) if isinstance(value, AbstractContextManager) else value

        return watched

    @contextmanager
    def _watch_ends(self, name: str, context: AbstractContextManager[Any]) -> Iterator[Any]:
        """A context manager does its work when it is entered and left."""
        with ExitStack() as stack:
            with self.within(name):
                value = stack.enter_context(context)
            yield value
            with self.within(name):
                stack.close()


@contextmanager
def watching(clock: Clock) -> Iterator[None]:
    """A context in which the clock sees every call of PLACES."""
    with ExitStack() as stack:
        for place in itertools.chain.from_iterable(PLACES.values()):
            watched = clock.watch(call_name(place), pkgutil.resolve_name(place))
            stack.enter_context(mock.patch(place.replace(":", "."), watched))
        yield


def traced(action: Callable[[], Any]) -> list[OperatorRun]:
    """The operators that MXNet runs in an action, from its profiler."""
    import mxnet as mx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        mx.profiler.set_config(profile_symbolic=True, profile_imperative=True, filename=str(path))
        mx.profiler.set_state("run")
        action()
        mx.nd.waitall()
        mx.profiler.set_state("stop")
        mx.profiler.dump()
        events = json.loads(path.read_text())["traceEvents"]
    operators, begun = [], {}
    for event in events:
        key = event["pid"], event.get("tid"), event["name"]
        if event["ph"] == "B":
            begun[key] = event["ts"]
        elif event["ph"] == "E" and key in begun:
            operators.append(OperatorRun(event["name"], begun.pop(key), event["ts"]))
    return operators


def share_operators(
    operators: list[OperatorRun], moves: list[tuple[float, Calls]], end_us: float
) -> dict[tuple[Calls, str], tuple[int, float]]:
    """By stack of calls and operator: the number of runs, and the share of the innermost call's own time."""
    times_us = [time_us for time_us, _ in moves]
    wall_us: defaultdict[Calls, float] = defaultdict(float)
    for (begin_us, within), next_us in zip(moves, [*times_us[1:], end_us]):
        wall_us[within] += next_us - begin_us
    runs_us: defaultdict[tuple[Calls, str], list[float]] = defaultdict(list)
    of_all_us: defaultdict[Calls, float] = defaultdict(float)
    for operator in operators:
        # The profiler rounds to microseconds.
        _, within = moves[max(0, bisect.bisect_right(times_us, operator.begin_us + 1) - 1)]
        runs_us[within, operator.name].append(operator.end_us - operator.begin_us)
        of_all_us[within] += operator.end_us - operator.begin_us
    # Operators take longer than their call only if the engine is not synchronous.
    whole_us = {within: max(wall_us[within], us, 1.0) for within, us in of_all_us.items()}
    return {key: (len(runs), sum(runs) / whole_us[key[0]]) for key, runs in runs_us.items()}


def _take_apart(settings: Config, comm: Comm) -> dict[str, Any]:
    # Imports MXNet.
    training = RankTraining(settings, comm)
    steps = training.endless()
    clock = Clock()
    with watching(clock):
        training.train(steps, _WARM_UP)
        clock.restart()
        num_tokens, _ = training.train(steps, _TIMED)
        clock.move(())
        cpu_s = clock.cpu_s
        clock.restart()
        operators = traced(lambda: training.train(steps, _TRACED))
        shares = share_operators(operators, clock.moves, time.time() * 1e6)
    ms = {within: 1e3 * spent_s / _TIMED for within, spent_s in cpu_s.items()}
    return {
        "sentences": settings.train.batch_sentences,
        "tokens": num_tokens / _TIMED,
        # Per step, in the order of first calls, without the time of the calls within.
        "calls": list(ms.items()),
        "operators": [
            [within, name, count / _TRACED, share * ms.get(within, 0.0)]
            for (within, name), (count, share) in shares.items()
        ],
    }


def main() -> None:
    # Before MXNet is imported.
    os.environ.update(MXNET_ENGINE_TYPE="NaiveEngine", OMP_NUM_THREADS="1")
    measure_rank(_take_apart)


if __name__ == "__main__":
    main()
