"""What ranks exchange in a step: the gradient rows of its words, against the gradient of the whole embedding table.

As a program (see bench/README.md): what the ranks of a job measure, as one JSON line.
Axes: P parameters, V vocabulary, U words of a step, D word units, W words of a batch.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bench.speed.forecast import distinct_words, training_split
from bench.speed.measurement import BenchOptions, Measurement, alternate, child_json, measure_rank, seconds
from ner_dist.config import Config
from ner_dist.contract.shard_format import read_index
from ner_dist.data.batch import Batch
from ner_dist.data.shard_reader import train_rows
from ner_dist.data.step_plan import epoch_steps
from ner_dist.data.used_inputs import num_words
from ner_dist.errors import UserError
from ner_dist.ranks.comm import Comm
from ner_dist.training.epoch_windows import WINDOW_STEPS
from ner_dist.training.word_exchange import exchange_word_ids

_SENTENCES, _WORD_UNITS = 32, 100
_VOCABULARIES = _SMALL, _LARGE = 25_000, 400_000
# Bytes of the gradient of the large embedding table.
_TABLE_BYTES = 4 * _LARGE * _WORD_UNITS
# A last window follows the timed steps; its gradients are kept and then exchanged again, on their own.
_WARM_UP_STEPS, _TIMED_STEPS = WINDOW_STEPS, 2 * WINDOW_STEPS
# Exchanges of whole tables, each of which takes as long as many steps.
_DENSE = 5


def exchange(options: BenchOptions) -> Iterator[Measurement]:
    """Bytes and time with 2 and 4 ranks, 32 sentences each; word embeddings of 100 units in made-up tables."""
    split = training_split(options.shards, read_index(options.shards))
    for ranks in (2, 4):
        knobs = ["--data.shards", options.shards, "--model.vectors", "ignore", "--model.word_units", str(_WORD_UNITS)]
        knobs += ["--train.batch_sentences", str(ranks * _SENTENCES)]
        (found,) = alternate(options.repeats, partial(child_json, "bench.speed.exchange", *knobs, ranks=ranks))
        where = f"{ranks} ranks on {len(os.sched_getaffinity(0))} cores"
        yield from exchange_results(found, where)
        # A bucket's last step may be short.
        num_steps = np.ceil(split.rows_B / (ranks * _SENTENCES)).sum()
        expected = distinct_words(split.share_V, split.num_tokens / num_steps)
        words = _word_bytes(found) / (4 * _WORD_UNITS)
        yield Measurement(f"words a step, counted / as forecast, {where}", words, expected, "words")


def _word_bytes(found: dict[str, Any]) -> float:
    """A rank's bytes of embedding rows in a step; everything else is in the dense exchange, too."""
    return found["summed_bytes"] - (found["dense_bytes"][str(_LARGE)] - _TABLE_BYTES)


def exchange_results(found: dict[str, Any], where: str) -> Iterator[Measurement]:
    """The ratios of what the program has measured."""
    announced, dense = found["announced_bytes"], found["dense_bytes"][str(_LARGE)]
    # Milliseconds.
    of_step = {v: 1e3 * found["step_s"][str(v)] for v in _VOCABULARIES}
    took = {kind: 1e3 * took_s for kind, took_s in found["exchange_s"].items()}
    sparse = {v: took[f"sparse {v}"] + 1e3 * found["announce_s"] for v in _VOCABULARIES}
    rows = [
        (f"exchange, sparse / dense, {_LARGE:,} words", found["summed_bytes"] + announced, dense, "bytes a step"),
        ("of it for the words, sparse / dense", _word_bytes(found) + announced, _TABLE_BYTES, "bytes a step"),
        (f"step with {_LARGE:,} / {_SMALL:,} words", of_step[_LARGE], of_step[_SMALL], "ms"),
        *((f"exchange, sparse / dense, {v:,} words", sparse[v], took[f"dense {v}"], "ms") for v in _VOCABULARIES),
        ("exchange / step", sparse[_LARGE], of_step[_LARGE], "ms"),
        ("exchange, float16 / float32", took[f"half {_LARGE}"], took[f"sparse {_LARGE}"], "ms"),
        ("float16, error of the summed gradient", found["half_error"], 1, "of its norm"),
    ]
    for name, value, against, unit in rows:
        yield Measurement(f"{name}, {where}", value, against, unit)


class Exchange(NamedTuple):
    """This rank's part of a step, before the sum."""

    ids_U: np.ndarray
    # The parameters' gradient (P,), the rows' (U, D), the loss (1,), and the votes (1,).
    gradients: list[Any]


class CountingComm:
    """A Comm that counts the bytes it is given."""

    def __init__(self, comm: Comm) -> None:
        self._comm = comm
        # Of each sum of gradients, and of each exchange of word ids.
        self.summed_bytes: list[int] = []
        self.announced_bytes: list[int] = []
        # Copies of the gradients before they are summed, while keep is set.
        self.keep = False
        self.kept: list[list[Any]] = []

    def sum_gradients(self, gradients: list[Any]) -> None:
        self.summed_bytes.append(num_bytes(gradients))
        if self.keep:
            self.kept.append([gradient.copy() for gradient in gradients])
        self._comm.sum_gradients(gradients)

    def gather_int64(self, values: np.ndarray) -> np.ndarray:
        self.announced_bytes.append(values.nbytes)
        return self._comm.gather_int64(values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._comm, name)


def num_bytes(arrays: list[Any]) -> int:
    """The size of MXNet or NumPy arrays."""
    return sum(int(array.size) * np.dtype(array.dtype).itemsize for array in arrays)


def spread(batch: Batch, num_words: int, vocabulary: int) -> Batch:
    """The batch with its word ids, below num_words, spread over a larger vocabulary: still distinct and ascending."""
    if vocabulary < num_words:
        raise UserError(f"the shard set has {num_words} words, more than {vocabulary}; measure with a smaller set")
    return batch._replace(word_ids_W=batch.word_ids_W * vocabulary // num_words)


def dense_gradients(part: Exchange, vocabulary: int) -> list[Any]:
    """The same part as a plain Horovod trainer exchanges it: with the gradient of the whole embedding table, (V, D)."""
    import mxnet as mx

    gradient_P, rows_UD, *numbers = part.gradients
    table_VD = mx.nd.zeros((vocabulary, rows_UD.shape[1]), ctx=rows_UD.context, dtype=rows_UD.dtype)
    table_VD[mx.nd.array(part.ids_U, dtype=np.int32)] = rows_UD
    return [gradient_P, table_VD, *numbers]


def sum_in_half(comm: Comm, gradients: list[Any]) -> None:
    """Like Horovod's fp16 compression: round the parameters' gradient to float16, sum it as such, and cast it back."""
    gradient_P, *others = gradients
    half_P = gradient_P.astype(np.float16)
    comm.sum_gradients([half_P, *others])
    gradient_P[:] = half_P.astype(gradient_P.dtype)
    gradient_P.wait_to_read()


def _time_exchanges(comm: Comm, parts: dict[int, list[Exchange]]) -> dict[str, Any]:
    """Median seconds of the kept exchanges, whose kinds take turns, and the relative error that float16 adds."""
    took_s: dict[str, list[float]] = defaultdict(list)
    errors = []

    def take(kind: str, arrays: list[Any], action: Callable[[list[Any]], None]) -> Any:
        """Begin together on all ranks, with all their arrays computed; returns the parameters' summed gradient."""
        for array in arrays:
            array.wait_to_read()
        comm.sum_counts(np.zeros(1, np.int64))
        took_s[kind].append(seconds(partial(action, arrays)))
        return arrays[0]

    for number in range(WINDOW_STEPS):
        for vocabulary, of_steps in parts.items():
            part = of_steps[number]
            full_P = take(f"sparse {vocabulary}", [a.copy() for a in part.gradients], comm.sum_gradients)
            half_P = take(f"half {vocabulary}", [a.copy() for a in part.gradients], partial(sum_in_half, comm))
            errors.append(float(((half_P - full_P).norm() / full_P.norm()).asscalar()))
            if number < _DENSE:
                take(f"dense {vocabulary}", dense_gradients(part, vocabulary), comm.sum_gradients)
    return {
        "exchange_s": {kind: statistics.median(values) for kind, values in took_s.items()},
        "half_error": statistics.median(errors),
    }


def _timed(action: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Seconds until everything that an action has started is done, and its value."""
    import mxnet as mx

    began_s = time.perf_counter()
    value = action(*arguments)
    mx.nd.waitall()
    return time.perf_counter() - began_s, value


def _measure(settings: Config, comm: Comm) -> dict[str, Any]:
    """Take the same steps with each of the vocabularies, in turn; then the exchanges of the last ones alone."""
    # Imports MXNet, which must not happen before run_rank has set the number of threads.
    from ner_dist.training import startup

    index, splits = startup.open_shards(settings, comm)
    comms: dict[int, Any] = {v: CountingComm(comm) for v in _VOCABULARIES}
    learners = {}
    for v in _VOCABULARIES:
        words = dataclasses.replace(index.vocab["word"], num_values=v)
        made_up = dataclasses.replace(index, vocab={**index.vocab, "word": words}, vectors=None)
        learners[v] = startup.new_learner(settings, made_up, comms[v])
        # Sums before the first step, by which the ranks agree on their devices.
        comms[v].summed_bytes.clear()
    plan = train_rows(settings, index), settings.train.batch_sentences, settings.train.seed
    # Epoch after epoch, as the set may be small.
    steps = (step for epoch in itertools.count() for step in epoch_steps(*plan, epoch, comm.num_ranks, comm.rank))
    batches = map(splits[settings.data.train_on].step_batch, steps)
    # By the vocabulary's turn, because oneDNN compiles for a new shape in the first step that has it.
    step_s: dict[int, tuple[list[float], ...]] = {v: ([], []) for v in learners}
    announce_s, last = [], _WARM_UP_STEPS + _TIMED_STEPS
    for first in range(0, last + 1, WINDOW_STEPS):
        ahead, shared = list(itertools.islice(batches, WINDOW_STEPS)), {}
        made = {v: [b and spread(b, num_words(settings.model, index), v) for b in ahead] for v in learners}
        for v in learners:
            took_s, shared[v] = _timed(exchange_word_ids, comms[v], made[v])
            announce_s.append(took_s)
            # The time would include the copying, so these steps are not timed.
            comms[v].keep = first == last
        for at in range(WINDOW_STEPS):
            for turn, v in enumerate(list(learners)[:: 1 if at % 2 else -1]):
                step = made[v][at], shared[v][at], 0, first + at, settings.optimizer.learning_rate
                took_s, _ = _timed(learners[v].step, *step)
                if _WARM_UP_STEPS <= first < last:
                    step_s[v][turn].append(took_s)
    parts = {v: [Exchange(of_all.ids_U, kept) for of_all, kept in zip(shared[v], comms[v].kept)] for v in learners}
    summed, announced = comms[_LARGE].summed_bytes, np.array([sum(comms[_LARGE].announced_bytes)], np.int64)
    return {
        "step_s": {str(v): statistics.mean(map(statistics.median, turns)) for v, turns in step_s.items()},
        # Of an exchange of word ids, divided by its steps.
        "announce_s": statistics.median(announce_s) / WINDOW_STEPS,
        # Means over the steps, of one rank.
        "summed_bytes": statistics.mean(summed),
        "announced_bytes": int(comm.sum_counts(announced)[0]) / comm.num_ranks / len(summed),
        "dense_bytes": {str(v): num_bytes(dense_gradients(of_steps[0], v)) for v, of_steps in parts.items()},
        **_time_exchanges(comm, parts),
    }


if __name__ == "__main__":
    measure_rank(_measure)
