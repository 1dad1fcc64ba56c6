"""What an epoch would take on more ranks than there are here, from a shard set, a measured step and a network.

Axes: V vocabulary, B buckets.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from bench.speed.measurement import BenchOptions, Measurement, seconds
from bench.speed.scaling import timed_steps
from ner_dist.cli.options import make_parser, option, read_options
from ner_dist.cli.text_table import text_table
from ner_dist.contract.shard_format import Index, read_index, read_vocab
from ner_dist.ranks.comm import Solo
from ner_dist.training.epoch_windows import WINDOW_STEPS

_NUMBER_BYTES, _ID_BYTES = 4, 8
ASSUMPTIONS = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").rstrip()


@dataclasses.dataclass(frozen=True)
class ForecastOptions:
    """Forecast the time of an epoch on more ranks than there are here, from a shard set, a measured step and a network.

    A rank's speed is measured here, unless --step-ms, --dense, --word-units and --row-us give one measured elsewhere.
    """

    shards: str = option(positional=True, metavar="SHARDS")
    """the shard set"""
    sentences: Optional[float] = None
    """sentences of a larger corpus of the same kind (default those of the set)"""
    ranks: list[int] = option([1, 8, 64, 512], metavar="N")
    """numbers of ranks"""
    batch: int = option(32, least=1)
    """sentences of a step and rank"""
    gbit: float = 10.0
    """gigabits per second and rank"""
    latency_us: float = 50.0
    """microseconds from rank to rank"""
    step_ms: Optional[float] = option(None, group="a rank measured elsewhere")
    """milliseconds of a step alone"""
    dense: Optional[int] = option(None, group="a rank measured elsewhere")
    """parameters other than the word embeddings"""
    word_units: Optional[int] = option(None, group="a rank measured elsewhere")
    """units of a word embedding"""
    row_us: Optional[float] = option(None, group="a rank measured elsewhere")
    """microseconds for reading and updating a word's row"""


class TrainingSplit(NamedTuple):
    # Sentences in each bucket, and tokens in all.
    rows_B: np.ndarray
    num_tokens: float
    # Each word's share of the tokens.
    share_V: np.ndarray


class MeasuredRank(NamedTuple):
    # Sentences of a step, and the seconds it takes.
    sentences: int
    step_s: float
    # Parameters exchanged in every step, units of a word's row, and seconds to read and update a row.
    num_dense: int
    word_units: int
    row_s: float


class Connection(NamedTuple):
    """The network as one rank sees it, in each direction."""

    bytes_per_s: float
    latency_s: float


class Forecast(NamedTuple):
    num_ranks: int
    num_steps: int
    # Distinct words of a step, on all ranks together.
    words: float
    exchanged_bytes: float
    # Of a step: for the exchanges, for the words of other ranks, and in all.
    exchange_s: float
    words_s: float
    step_s: float
    epoch_s: float
    tokens_per_s: float
    # Speed relative to num_ranks times that of one rank.
    efficiency: float


def training_split(shards: str, index: Index, num_sentences: float | None = None) -> TrainingSplit:
    """The training split, or one with num_sentences sentences of the same lengths and words."""
    rows_B = np.sum([file.rows for file in index.splits["train"]], axis=0)
    scale = num_sentences / rows_B.sum() if num_sentences else 1
    count_V = np.array(read_vocab(shards, index, "word")["counts"], float)
    return TrainingSplit(rows_B * scale, index.num_tokens("train") * scale, count_V / count_V.sum())


def distinct_words(share_V: np.ndarray, num_tokens: float) -> float:
    """The expected number of distinct words among independent tokens."""
    # log1p and expm1 keep the precision for rare words; a share of 1 gives -inf, and one word.
    with np.errstate(divide="ignore"):
        return float(-np.expm1(num_tokens * np.log1p(-share_V)).sum()) if num_tokens else 0.0


def ring_allreduce_s(num_bytes: float, num_ranks: int, network: Connection) -> float:
    """Patarasuk & Yuan 2009: each rank sends and receives 2 (N - 1) parts of 1 / N."""
    turns = 2 * (num_ranks - 1)
    return turns / num_ranks * num_bytes / network.bytes_per_s + turns * network.latency_s


def ring_allgather_s(bytes_a_rank: float, num_ranks: int, network: Connection) -> float:
    return (num_ranks - 1) * (bytes_a_rank / network.bytes_per_s + network.latency_s)


def forecast_ranks(split: TrainingSplit, rank: MeasuredRank, network: Connection, num_ranks: int) -> Forecast:
    """An epoch on num_ranks ranks, under the ASSUMPTIONS."""
    # A bucket's last step may be short.
    num_steps, alone_steps = (int(np.ceil(split.rows_B / (rank.sentences * n)).sum()) for n in (num_ranks, 1))
    tokens_a_step = split.num_tokens / num_steps
    words = distinct_words(split.share_V, tokens_a_step)
    own_words = distinct_words(split.share_V, tokens_a_step / num_ranks)
    exchanged = _NUMBER_BYTES * (rank.num_dense + rank.word_units * words)
    announced = WINDOW_STEPS * _ID_BYTES * own_words
    exchange_s = ring_allreduce_s(exchanged, num_ranks, network)
    exchange_s += ring_allgather_s(announced, num_ranks, network) / WINDOW_STEPS
    words_s = rank.row_s * (words - own_words)
    step_s = rank.step_s + exchange_s + words_s
    epoch_s = num_steps * step_s
    per_step = words, exchanged, exchange_s, words_s, step_s
    efficiency = alone_steps * rank.step_s / (num_ranks * epoch_s)
    return Forecast(num_ranks, num_steps, *per_step, epoch_s, split.num_tokens / epoch_s, efficiency)


def measured_rank(shards: str, index: Index, batch_sentences: int) -> MeasuredRank:
    """The default model on one core of this machine."""
    # MXNet reads it while loading.
    os.environ["OMP_NUM_THREADS"] = "1"
    import mxnet as mx

    from ner_dist import config
    from ner_dist.training import startup

    settings, _ = config.parse(["--data.shards", shards])
    tokens_per_s = timed_steps(1, shards, batch_sentences)["tokens_per_second"]
    learner = startup.new_learner(settings, index, Solo())
    num_dense = sum(array.size for name, array in learner.state().items() if name.startswith("parameter/"))
    ids_W = np.arange(min(4096, len(learner.words.trained_LD)))
    rows_WD = mx.nd.zeros((len(ids_W), learner.words.trained_LD.shape[1]))
    learner.words.update(ids_W, rows_WD)
    row_s = min(seconds(lambda: learner.words.update(ids_W, rows_WD)) for _ in range(5)) / len(ids_W)
    tokens_a_step = batch_sentences * index.num_tokens("train") / index.num_sentences("train")
    return MeasuredRank(batch_sentences, tokens_a_step / tokens_per_s, num_dense, rows_WD.shape[1], row_s)


# Heading, scale and format of each field of a Forecast.
_COLUMNS = [
    *(("ranks", 1, ",d"), ("steps", 1, ",d"), ("words a step", 1, ",.0f"), ("MB a step", 1e-6, ".2f")),
    *(("exchange ms", 1e3, ".2f"), ("words ms", 1e3, ".2f"), ("step ms", 1e3, ".1f"), ("epoch h", 1 / 3600, ".3f")),
    *(("tokens/s", 1, ",.0f"), ("efficiency", 1, ".3f")),
]


def forecast_table(found: list[Forecast]) -> str:
    rows = [[format(value * scale, how) for value, (_, scale, how) in zip(one, _COLUMNS)] for one in found]
    return "\n".join(text_table([heading for heading, _, _ in _COLUMNS], rows, num_left=0))


def forecast(options: BenchOptions) -> Iterator[Measurement]:
    """Speed with 1e8 sentences on 8, 64 and 512 ranks like a core of this machine, against that many times one."""
    index = read_index(options.shards)
    split, rank = training_split(options.shards, index, 1e8), measured_rank(options.shards, index, 32)
    print(ASSUMPTIONS)
    for name, gbit, latency_us in (("10 Gbit/s, 50 us", 10, 50), ("100 Gbit/s, 10 us", 100, 10)):
        network = Connection(gbit * 1e9 / 8, latency_us / 1e6)
        alone, *found = [forecast_ranks(split, rank, network, num_ranks) for num_ranks in (1, 8, 64, 512)]
        print(f"\n1e8 sentences like those of {options.shards}, {rank.sentences} a rank and step, {name}")
        print(forecast_table([alone, *found]))
        for f in found:
            line = f"forecast: {f.num_ranks} ranks / {f.num_ranks} times one, {name}"
            yield Measurement(line, f.tokens_per_s, f.num_ranks * alone.tokens_per_s, "tokens/s")


def main() -> None:
    example, first = "data/conll2003 --sentences 1e9 --ranks 8 64 512", ("shards", "sentences", "ranks", "gbit")
    prog = "python -m bench.speed.forecast"
    parser = make_parser(ForecastOptions, prog, usage="SHARDS [options]", example=example, first=first)
    options = read_options(ForecastOptions, parser.parse_args())
    index = read_index(options.shards)
    given = [
        value for value in (options.step_ms, options.dense, options.word_units, options.row_us) if value is not None
    ]
    if len(given) == 4:
        step_ms, num_dense, word_units, row_us = given
        rank = MeasuredRank(options.batch, step_ms / 1e3, int(num_dense), int(word_units), row_us / 1e6)
    elif not given:
        rank = measured_rank(options.shards, index, options.batch)
    else:
        parser.error("--step-ms, --dense, --word-units and --row-us belong together; give all four or none")
    network = Connection(options.gbit * 1e9 / 8, options.latency_us / 1e6)
    split = training_split(options.shards, index, options.sentences)
    print(f"{ASSUMPTIONS}\n\n{rank}\n{network}\n")
    print(forecast_table([forecast_ranks(split, rank, network, num_ranks) for num_ranks in options.ranks]))


if __name__ == "__main__":
    main()
