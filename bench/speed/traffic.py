"""What this job's ranks exchange in a step, its bytes and its time: one JSON line; takes the knobs of ner_dist.train.

OMP_NUM_THREADS=1 horovodrun -np 2 python -m bench.speed.traffic --data.shards data/conll2003

Batches and frequencies of words are those of the shard set; its words are spread over made tables of other sizes, so
that the same steps are taken with a small vocabulary and with a large one, in turn.

Axes: P numbers of all parameters, V vocabulary, U words of a step, D word units, W words of a batch.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from ner_dist import config
from ner_dist.config import Config
from ner_dist.contract.shard_format import Index
from ner_dist.data.batch import Batch
from ner_dist.data.shard_reader import ShardReader
from ner_dist.data.step_plan import epoch_steps
from ner_dist.errors import UserError
from ner_dist.model.initial_parameters import initial_parameters
from ner_dist.ranks.rank_process import run_rank

if TYPE_CHECKING:
    from ner_dist.training.step import Learner

VOCABULARIES = (25_000, 400_000)
# Steps announced at once, as in training. So many more follow those timed; theirs are exchanged again, apart.
_STEPS_AHEAD, _WARM_UP_STEPS, _TIMED_STEPS = 16, 16, 32
# Exchanges of whole tables: they take as long as many steps.
_DENSE = 5

Value = TypeVar("Value")


class Exchange(NamedTuple):
    """This rank's part of a step, as it was before the sum."""

    ids_U: np.ndarray
    # The parameters' gradient (P,), the rows' (U, D), and the loss (1,).
    gradients: list[Any]


class Recorder:
    """A communicator that counts the bytes it is given."""

    def __init__(self, comm: Any) -> None:
        self._comm = comm
        self.rank, self.num_ranks = comm.rank, comm.num_ranks
        # Of each sum of gradients, and of each announcement of words.
        self.summed_bytes: list[int] = []
        self.announced_bytes: list[int] = []
        # Copies of what was to be summed, while keep is set.
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

    def gather_objects(self, value: Any) -> list[Any]:
        return self._comm.gather_objects(value)


def num_bytes(arrays: list[Any]) -> int:
    """Of MXNet or numpy arrays."""
    return sum(int(array.size) * np.dtype(array.dtype).itemsize for array in arrays)


def spread(batch: Batch, num_words: int, vocabulary: int) -> Batch:
    """The batch with its word ids, below num_words, spread over a larger vocabulary: still distinct, and rising."""
    if vocabulary < num_words:
        raise UserError(f"the shard set has {num_words} words, more than {vocabulary}; measure with a smaller set")
    return batch._replace(word_ids_W=batch.word_ids_W * vocabulary // num_words)


def dense_gradients(part: Exchange, vocabulary: int) -> list[Any]:
    """The same part as a plain Horovod trainer exchanges it: with the gradient of the whole table, (V, D)."""
    import mxnet as mx

    gradient_P, rows_UD, loss = part.gradients
    table_VD = mx.nd.zeros((vocabulary, rows_UD.shape[1]), ctx=rows_UD.context, dtype=rows_UD.dtype)
    table_VD[mx.nd.array(part.ids_U, dtype=np.int32)] = rows_UD
    return [gradient_P, table_VD, loss]


def sum_in_half(comm: Any, gradients: list[Any]) -> None:
    """As Horovod's fp16 compression: the parameters' gradient is rounded to float16, summed as such, and cast back."""
    gradient_P, *others = gradients
    half_P = gradient_P.astype(np.float16)
    comm.sum_gradients([half_P, *others])
    gradient_P[:] = half_P.astype(gradient_P.dtype)
    gradient_P.wait_to_read()


def _seconds_after_barrier(comm: Any, arrays: list[Any], action: Callable[[list[Any]], None]) -> float:
    """Of an exchange that all ranks begin together, with all their arrays computed."""
    for array in arrays:
        array.wait_to_read()
    comm.sum_counts(np.zeros(1, np.int64))
    began_s = time.perf_counter()
    action(arrays)
    return time.perf_counter() - began_s


def _new_learner(settings: Config, index: Index, vocabulary: int, recorder: Recorder) -> Learner:
    """The model of the shard set, upon a made table."""
    from ner_dist.model import cnn_bilstm
    from ner_dist.model.word_vectors import initial_words
    from ner_dist.ranks.environment import choose_device
    from ner_dist.training.objective import class_weights
    from ner_dist.training.step import Learner

    tagger = cnn_bilstm.build(settings, index, choose_device(settings.train.device))
    cnn_bilstm.set_parameters(tagger, initial_parameters(tagger, settings.model, settings.train.seed))
    words = initial_words(vocabulary, settings.model.word_units, settings.train.seed, None, vocabulary)
    communicator: Any = recorder
    return Learner(tagger, words, settings, class_weights(settings.loss, index), communicator)


def _time_exchanges(comm: Any, parts: dict[int, list[Exchange]]) -> dict[str, Any]:
    """Median seconds of the kept exchanges, whose kinds take turns, and what float16 adds to the error of the sums."""
    times: dict[str, list[float]] = {}
    errors = []
    for number in range(_STEPS_AHEAD):
        for vocabulary, of_steps in parts.items():
            part = of_steps[number]

            def take(kind: str, arrays: list[Any], action: Callable[[list[Any]], None]) -> list[Any]:
                times.setdefault(kind, []).append(_seconds_after_barrier(comm, arrays, action))
                return arrays

            full = take(f"sparse {vocabulary}", [a.copy() for a in part.gradients], comm.sum_gradients)
            half = [a.copy() for a in part.gradients]
            take(f"half {vocabulary}", half, lambda arrays: sum_in_half(comm, arrays))
            errors.append(float(((half[0] - full[0]).norm() / full[0].norm()).asscalar()))
            if number < _DENSE:
                take(f"dense {vocabulary}", dense_gradients(part, vocabulary), comm.sum_gradients)
    return {
        "exchange_s": {kind: statistics.median(values) for kind, values in times.items()},
        "half_error": statistics.median(errors),
    }


class Taken(NamedTuple):
    # By vocabulary: median seconds of a step; of an announcement, a step's share.
    step_s: dict[int, float]
    announce_s: float
    # Of the last steps, by vocabulary.
    parts: dict[int, list[Exchange]]


def _batches(settings: Config, index: Index, sentences: ShardReader, comm: Any) -> Iterator[Batch | None]:
    """This rank's, of epoch after epoch: the set may be small."""
    from ner_dist.data.shard_reader import train_rows

    rows_SB, train = train_rows(settings, index), settings.train
    for epoch in itertools.count():
        for step in epoch_steps(rows_SB, train.batch_sentences, train.seed, epoch, comm.num_ranks, comm.rank):
            yield sentences.step_batch(step)


def _take_steps(
    settings: Config,
    num_words: int,
    batches: Iterator[Batch | None],
    learners: dict[int, Learner],
    recorders: dict[int, Recorder],
) -> Taken:
    """The same steps with each of the vocabularies, in turn."""
    # By the turn that the vocabulary had: oneDNN compiles for a new shape in the first step that has it.
    step_s: dict[int, tuple[list[float], ...]] = {v: ([], []) for v in learners}
    announce_s, parts = [], {}
    last = _WARM_UP_STEPS + _TIMED_STEPS
    for first in range(0, last + 1, _STEPS_AHEAD):
        ahead = list(itertools.islice(batches, _STEPS_AHEAD))
        made = {v: [batch and spread(batch, num_words, v) for batch in ahead] for v in learners}
        shared = {}
        for v, learner in learners.items():
            took_s, shared[v] = _timed(learner.exchange_word_ids, made[v])
            announce_s.append(took_s)
            # A step's time would have the copying in it: steps that are kept are not timed.
            recorders[v].keep = first == last
        for at in range(_STEPS_AHEAD):
            for turn, v in enumerate(list(learners)[:: 1 if at % 2 else -1]):
                rate = settings.optimizer.learning_rate
                took_s, _ = _timed(learners[v].step, made[v][at], shared[v][at], 0, first + at, rate)
                if _WARM_UP_STEPS <= first < last:
                    step_s[v][turn].append(took_s)
    for v, recorder in recorders.items():
        parts[v] = [Exchange(of_all.ids_U, gradients) for of_all, gradients in zip(shared[v], recorder.kept)]
    medians = {v: statistics.mean(map(statistics.median, turns)) for v, turns in step_s.items()}
    return Taken(medians, statistics.median(announce_s) / _STEPS_AHEAD, parts)


def _timed(action: Callable[..., Value], *arguments: Any) -> tuple[float, Value]:
    """Seconds until all it has begun is done, and its value."""
    import mxnet as mx

    began_s = time.perf_counter()
    value = action(*arguments)
    mx.nd.waitall()
    return time.perf_counter() - began_s, value


def _measure(settings: Config, comm: Any) -> None:
    # Imports MXNet, which must not happen before run_rank has set the threads.
    from ner_dist.data.used_inputs import num_words
    from ner_dist.training import startup

    index, splits = startup.open_shards(settings, comm)
    recorders = {v: Recorder(comm) for v in VOCABULARIES}
    learners = {v: _new_learner(settings, index, v, recorder) for v, recorder in recorders.items()}
    batches = _batches(settings, index, splits[settings.data.train_on], comm)
    taken = _take_steps(settings, num_words(settings.model, index), batches, learners, recorders)
    counted = recorders[VOCABULARIES[-1]]
    announced = int(comm.sum_counts(np.array([sum(counted.announced_bytes)], np.int64))[0])
    found = {
        "step_s": {str(v): median_s for v, median_s in taken.step_s.items()},
        "announce_s": taken.announce_s,
        # Of one rank and step, in the mean.
        "summed_bytes": statistics.mean(counted.summed_bytes),
        "announced_bytes": announced / comm.num_ranks / len(counted.summed_bytes),
        "dense_bytes": {str(v): num_bytes(dense_gradients(parts[0], v)) for v, parts in taken.parts.items()},
        **_time_exchanges(comm, taken.parts),
    }
    if comm.rank == 0:
        print(json.dumps(found), flush=True)


def main() -> None:
    settings, _ = config.parse(sys.argv[1:])
    run_rank(lambda comm: _measure(settings, comm))


if __name__ == "__main__":
    main()
