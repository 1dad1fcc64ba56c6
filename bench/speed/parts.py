"""Take training steps apart: one JSON line with the CPU of each call and operator; takes the knobs of ner_dist.train.

python -m bench.speed.parts --config job/conll2003.yaml --train.batch_sentences 10

One rank and one thread, and MXNet's engine made synchronous: an operator then runs within the call that asks for it,
and a clock around that call sees it. So this tells shares; bench.speed.steps tells speed.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import json
import os
import pkgutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ner_dist import config
from ner_dist.ranks.rank_process import run_rank

REST = "Python and the rest"
# What counts as what, less the calls within it that are named themselves. A function is named where it is called from.
PLACES = {
    "reader": ["ner_dist.data.shard_reader:Sentences.hold", "ner_dist.data.shard_reader:Sentences.step_batch"],
    "hiding": ["ner_dist.training.word_dropout:WordDropout.apply"],
    "masks": ["ner_dist.training.step:masks", "ner_dist.model.cnn_bilstm:CnnBiLstm.recurrent_dropout"],
    "host to device": [
        "ner_dist.training.embedding_table:WordTable.rows",
        "ner_dist.training.objective:tagger_inputs",
        "ner_dist.training.step:on_device",
        "ner_dist.training.objective:on_device",
        "ner_dist.model.cnn_bilstm:on_device",
        "ner_dist.training.embedding_table:on_device",
        "ner_dist.training.objective:set_gradient",
        "ner_dist.model.layers:set_gradient",
    ],
    "device to host": ["mxnet.ndarray:NDArray.asnumpy"],
    "character CNN": ["ner_dist.model.layers:CharCNN.forward_numpy", "ner_dist.model.layers:CharCNN.backward_numpy"],
    # Of single tags, the loss is part of it.
    "forward": [
        "ner_dist.model.cnn_bilstm:TrainingEmissions.__call__",
        "ner_dist.model.cnn_bilstm:SummedLoss.__call__",
    ],
    "loss (CRF)": [
        "ner_dist.model.crf:likelihood",
        "ner_dist.model.crf:TransitionScores.allowed",
        "ner_dist.model.cnn_bilstm:CnnBiLstm.transition_scores",
    ],
    "backward": ["mxnet.ndarray:NDArray.backward"],
    "exchange": ["ner_dist.training.step:Learner.exchange_word_ids", "ner_dist.ranks.comm:Solo.sum_gradients"],
    "update, dense": ["ner_dist.training.step:Learner._update"],
    "update, words": [
        "ner_dist.training.embedding_table:EmbeddingTable.update",
        "ner_dist.training.embedding_table:EmbeddingTable.trainable",
    ],
    "average": ["ner_dist.training.weight_average:WeightAverage.update"],
    # The norm of the gradient is in there.
    REST: [
        "ner_dist.training.step:Learner.step",
        "ner_dist.training.step:Learner._forward_backward",
        "ner_dist.training.objective:Objective.forward_backward",
    ],
}
# Steps before the clock starts, with it, and with MXNet's profiler, which makes them slower.
_WARM_UP, _TIMED, _TRACED = 64, 128, 32

# The named calls that one is within, outermost first.
Calls = tuple[str, ...]


class Operator(NamedTuple):
    """One run of one operator, in microseconds since 1970."""

    name: str
    begin_us: float
    end_us: float


def call_name(place: str) -> str:
    """What a place is called in charts."""
    return place.partition(":")[2].replace(".__call__", "")


PART_OF = {call_name(place): part for part, places in PLACES.items() for place in places}


def owner(place: str) -> tuple[Any, str]:
    """The module or class that holds a place, and the attribute. Raises AttributeError if there is none such."""
    module, _, inside = place.partition(":")
    outside, _, attribute = inside.rpartition(".")
    held_by = pkgutil.resolve_name(f"{module}:{outside}")
    getattr(held_by, attribute)
    return held_by, attribute


class Clock:
    """Charges the CPU time of this process to the innermost named call, so that nothing counts twice or not at all."""

    def __init__(self) -> None:
        self._within: Calls = ()
        self.restart()

    def restart(self) -> None:
        self.cpu_s: defaultdict[Calls, float] = defaultdict(float)
        # Where one is from when on, by the profiler's clock.
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
        """A context works when it is entered and left."""
        with ExitStack() as stack:
            with self.within(name):
                value = stack.enter_context(context)
            yield value
            with self.within(name):
                stack.close()


@contextmanager
def watching(clock: Clock) -> Iterator[None]:
    """Within it, the clock knows of every call of PLACES."""
    with ExitStack() as stack:
        for place in itertools.chain.from_iterable(PLACES.values()):
            held_by, attribute = owner(place)
            # Inherited ones have not been there before.
            if attribute in vars(held_by):
                stack.callback(setattr, held_by, attribute, vars(held_by)[attribute])
            else:
                stack.callback(delattr, held_by, attribute)
            setattr(held_by, attribute, clock.watch(call_name(place), getattr(held_by, attribute)))
        yield


def traced(action: Callable[[], Any]) -> list[Operator]:
    """The operators that MXNet runs in an action, by its profiler."""
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
            operators.append(Operator(event["name"], begun.pop(key), event["ts"]))
    return operators


def share_operators(
    operators: list[Operator], moves: list[tuple[float, Calls]], end_us: float
) -> dict[tuple[Calls, str], tuple[int, float]]:
    """How often each operator ran within which calls, and its share of their time, less that of calls within them."""
    times_us = [time_us for time_us, _ in moves]
    wall_us: defaultdict[Calls, float] = defaultdict(float)
    for (begin_us, within), next_us in zip(moves, [*times_us[1:], end_us]):
        wall_us[within] += next_us - begin_us
    count: Counter[tuple[Calls, str]] = Counter()
    spent_us: defaultdict[tuple[Calls, str], float] = defaultdict(float)
    of_all_us: defaultdict[Calls, float] = defaultdict(float)
    for operator in operators:
        # The profiler's times are whole microseconds.
        _, within = moves[max(0, bisect.bisect_right(times_us, operator.begin_us + 1) - 1)]
        count[within, operator.name] += 1
        spent_us[within, operator.name] += operator.end_us - operator.begin_us
        of_all_us[within] += operator.end_us - operator.begin_us
    # More than there is only in an engine that runs beside the calls.
    return {key: (count[key], spent / max(wall_us[key[0]], of_all_us[key[0]], 1.0)) for key, spent in spent_us.items()}


def _take_apart(settings: config.Config, comm: Any) -> dict[str, Any]:
    # Imports MXNet, which must not happen before the engine has been chosen.
    from ner_dist.training import startup

    index, splits = startup.open_shards(settings, comm)
    learner = startup.new_learner(settings, index, comm)
    word_dropout = startup.new_word_dropout(settings, index, comm)
    sentences = splits[settings.data.train_on]
    epochs = (
        startup.train_steps(settings, index, sentences, word_dropout, learner, comm, epoch, first_step=0)
        for epoch in itertools.count()
    )
    steps = itertools.chain.from_iterable(epochs)

    def run(num_steps: int) -> int:
        rate = settings.optimizer.learning_rate
        taken = itertools.islice(steps, num_steps)
        return sum(learner.step(batch, shared, 0, step.step_id, rate).num_tokens for step, batch, shared in taken)

    clock = Clock()
    with watching(clock):
        run(_WARM_UP)
        clock.restart()
        num_tokens = run(_TIMED)
        clock.move(())
        cpu_s = clock.cpu_s
        clock.restart()
        operators = traced(lambda: run(_TRACED))
        shares = share_operators(operators, clock.moves, time.time() * 1e6)
    ms = {within: 1e3 * spent_s / _TIMED for within, spent_s in cpu_s.items()}
    return {
        "sentences": settings.train.batch_sentences,
        "tokens": num_tokens / _TIMED,
        # Of a step, in the order of first calls; without that of the calls within.
        "calls": list(ms.items()),
        "operators": [
            [within, name, count / _TRACED, share * ms.get(within, 0.0)]
            for (within, name), (count, share) in shares.items()
        ],
    }


def main() -> None:
    os.environ.update(MXNET_ENGINE_TYPE="NaiveEngine", OMP_NUM_THREADS="1")
    settings, _ = config.parse(sys.argv[1:])
    run_rank(lambda comm: print(json.dumps(_take_apart(settings, comm)), flush=True))


if __name__ == "__main__":
    main()
