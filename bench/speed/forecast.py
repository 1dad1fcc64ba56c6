"""What an epoch would take on more ranks than there are here, from a shard set, a measured step and a network.

python -m bench.speed.forecast data/conll2003 --sentences 1e9 --ranks 8 64 512 --gbit 10 --latency-us 50

Axes: V vocabulary, B buckets.
"""

from __future__ import annotations

import argparse
import os
from typing import NamedTuple

import numpy as np

from bench.speed.rows import Options, Row, row, seconds
from bench.speed.scaling import steps as timed_steps
from ner_dist.contract.shard_format import Index, read_index, read_vocab

# Of ner_dist.training.startup: steps whose words are announced in one exchange.
_STEPS_AHEAD = 16
_NUMBER_BYTES, _ID_BYTES = 4, 8

ASSUMPTIONS = """\
Assumed: every rank takes as long for its sentences as one did here, alone, and all wait for each other; a step of
fewer sentences takes as long as a whole one. One ring allreduce a step: 2 (N - 1) / N x bytes / bandwidth +
2 (N - 1) x latency, not overlapped with anything; announcing words is a ring allgather every 16 steps. Words fall
independently, as often as in train: a step of n tokens has the sum of 1 - (1 - p)^n distinct ones, whose rows every
rank exchanges and updates. The sentences a rank stay the same, so the global batch grows with the ranks; what that does
to the F1 is another question. There are at least as many shards as ranks."""


class Corpus(NamedTuple):
    """What matters of a training split."""

    # Sentences of each bucket, and tokens of all.
    rows_B: np.ndarray
    num_tokens: float
    # Share of each word of the tokens.
    share_V: np.ndarray


class Rank(NamedTuple):
    """One rank as it was measured alone."""

    # Sentences of a step, and seconds it takes for them.
    sentences: int
    step_s: float
    # Parameters exchanged in every step, units of a word's row, and seconds for a row to be read and updated.
    num_dense: int
    word_units: int
    row_s: float


class Network(NamedTuple):
    # Of one rank, in each direction.
    bytes_per_s: float
    latency_s: float


class Forecast(NamedTuple):
    num_ranks: int
    num_steps: int
    # Distinct words of a step, over all ranks.
    words: float
    exchanged_bytes: float
    # Of a step: for the exchanges, for the other ranks' words, and in all.
    exchange_s: float
    words_s: float
    step_s: float
    epoch_s: float
    # Speed against so many times that of one rank.
    efficiency: float
    tokens_per_s: float


def corpus(shards: str, index: Index, num_sentences: float | None = None) -> Corpus:
    """The training split, or one of so many sentences of the same lengths and words."""
    rows_B = np.sum([file.rows for file in index.splits["train"]], axis=0)
    scale = num_sentences / rows_B.sum() if num_sentences else 1
    count_V = np.array(read_vocab(shards, index, "word")["counts"], float)
    return Corpus(rows_B * scale, index.num_tokens("train") * scale, count_V / count_V.sum())


def distinct_words(share_V: np.ndarray, num_tokens: float) -> float:
    """How many distinct words so many independent tokens are expected to have."""
    # log1p and expm1 keep the digits of rare words; a share of 1 gives -inf, and one word.
    with np.errstate(divide="ignore"):
        return float(-np.expm1(num_tokens * np.log1p(-share_V)).sum()) if num_tokens else 0.0


def ring_allreduce_s(num_bytes: float, num_ranks: int, network: Network) -> float:
    """Patarasuk & Yuan 2009: each rank sends and receives 2 (N - 1) parts of 1 / N."""
    turns = 2 * (num_ranks - 1)
    return turns / num_ranks * num_bytes / network.bytes_per_s + turns * network.latency_s


def ring_allgather_s(bytes_a_rank: float, num_ranks: int, network: Network) -> float:
    return (num_ranks - 1) * (bytes_a_rank / network.bytes_per_s + network.latency_s)


def forecast_ranks(what: Corpus, rank: Rank, network: Network, num_ranks: int) -> Forecast:
    """An epoch on so many ranks; ASSUMPTIONS says of what kind."""
    # A bucket's last step may be short.
    num_steps, alone_steps = (int(np.ceil(what.rows_B / (rank.sentences * n)).sum()) for n in (num_ranks, 1))
    tokens_a_step = what.num_tokens / num_steps
    words = distinct_words(what.share_V, tokens_a_step)
    own_words = distinct_words(what.share_V, tokens_a_step / num_ranks)
    exchanged = _NUMBER_BYTES * (rank.num_dense + rank.word_units * words)
    announced = _STEPS_AHEAD * _ID_BYTES * own_words
    exchange_s = ring_allreduce_s(exchanged, num_ranks, network)
    exchange_s += ring_allgather_s(announced, num_ranks, network) / _STEPS_AHEAD
    words_s = rank.row_s * (words - own_words)
    step_s = rank.step_s + exchange_s + words_s
    epoch_s = num_steps * step_s
    return Forecast(
        num_ranks,
        num_steps,
        words,
        exchanged,
        exchange_s,
        words_s,
        step_s,
        epoch_s,
        alone_steps * rank.step_s / (num_ranks * epoch_s),
        what.num_tokens / epoch_s,
    )


def measured_rank(shards: str, index: Index, batch_sentences: int) -> Rank:
    """The default model on one core of this machine."""
    # MXNet reads it when it is imported.
    os.environ["OMP_NUM_THREADS"] = "1"
    import mxnet as mx

    from ner_dist import config
    from ner_dist.ranks.comm import Solo
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
    return Rank(batch_sentences, tokens_a_step / tokens_per_s, num_dense, rows_WD.shape[1], row_s)


def table(found: list[Forecast]) -> str:
    lines = [
        " ranks      steps  words a step  MB a step  exchange ms  words ms  step ms    epoch h   tokens/s  efficiency"
    ]
    for f in found:
        times = f"{1e3 * f.exchange_s:11.2f}  {1e3 * f.words_s:8.2f}  {1e3 * f.step_s:7.1f}"
        lines.append(
            f"{f.num_ranks:6,} {f.num_steps:10,}  {f.words:12,.0f}  {f.exchanged_bytes / 1e6:9.2f}  {times}"
            f"  {f.epoch_s / 3600:9.3f} {f.tokens_per_s:10,.0f}  {f.efficiency:10.3f}"
        )
    return "\n".join(lines)


def forecast(options: Options) -> list[Row]:
    """Speed with 1e8 sentences on 8, 64 and 512 ranks like a core of this machine, against as many times one."""
    index = read_index(options.shards)
    what, rank = corpus(options.shards, index, 1e8), measured_rank(options.shards, index, 32)
    print(ASSUMPTIONS)
    rows = []
    for name, network in (
        ("10 Gbit/s, 50 us", Network(10e9 / 8, 50e-6)),
        ("100 Gbit/s, 10 us", Network(100e9 / 8, 10e-6)),
    ):
        found = [forecast_ranks(what, rank, network, num_ranks) for num_ranks in (1, 8, 64, 512)]
        print(f"\n1e8 sentences like those of {options.shards}, {rank.sentences} a rank and step, {name}")
        print(table(found))
        alone = found[0].tokens_per_s
        rows += [
            row(
                f"forecast: {f.num_ranks} ranks / {f.num_ranks} times one, {name}",
                f.efficiency,
                f.tokens_per_s,
                f.num_ranks * alone,
                "tokens/s",
            )
            for f in found[1:]
        ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.speed.forecast", description=__doc__.splitlines()[0])
    parser.add_argument("shards", metavar="SHARDS", help="the shard set")
    parser.add_argument("--sentences", type=float, help="of a larger corpus of the same kind (those of the set)")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 8, 64, 512], metavar="N", help="(1 8 64 512)")
    parser.add_argument("--batch", type=int, default=32, help="sentences of a step and rank (32)")
    parser.add_argument("--gbit", type=float, default=10, help="gigabits a second and rank (10)")
    parser.add_argument("--latency-us", type=float, default=50, help="microseconds from rank to rank (50)")
    measured = parser.add_argument_group("a rank, as measured elsewhere; all of it, or it is measured here")
    measured.add_argument("--step-ms", type=float, help="milliseconds of a step alone")
    measured.add_argument("--dense", type=int, help="parameters beside the words'")
    measured.add_argument("--word-units", type=int, help="units of a word")
    measured.add_argument("--row-us", type=float, help="microseconds for reading and updating a word's row")
    arguments = parser.parse_args()
    index = read_index(arguments.shards)
    given = arguments.step_ms, arguments.dense, arguments.word_units, arguments.row_us
    if None in given:
        if any(value is not None for value in given):
            parser.error("--step-ms, --dense, --word-units and --row-us belong together; one of them is missing")
        rank = measured_rank(arguments.shards, index, arguments.batch)
    else:
        step_ms, num_dense, word_units, row_us = given
        rank = Rank(arguments.batch, step_ms / 1e3, num_dense, word_units, row_us / 1e6)
    network = Network(arguments.gbit * 1e9 / 8, arguments.latency_us / 1e6)
    what = corpus(arguments.shards, index, arguments.sentences)
    print(ASSUMPTIONS)
    print(f"\n{rank}\n{network}\n")
    print(table([forecast_ranks(what, rank, network, num_ranks) for num_ranks in arguments.ranks]))


if __name__ == "__main__":
    main()
