"""Training steps on one rank, two and four: tokens/s, and the share of padding."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

from bench.speed.measurement import BenchOptions, Measurement, alternate, child_json


def timed_steps(ranks: int, shards: str, batch_sentences: int) -> dict[str, float]:
    """tokens_per_second and padding of training steps on `ranks` ranks of this machine, a thread and a core each."""
    knobs = ["--data.shards", shards, "--train.batch_sentences", str(batch_sentences)]
    return child_json("bench.speed.step_speed", *knobs, ranks=ranks)


def scaling(options: BenchOptions) -> Iterator[Measurement]:
    """2 and 4 ranks against 1, a thread each: with the same batch in total, and with the same batch per rank."""
    # 4 times 128 sentences would leave too few steps of a small set.
    for batch, several in ((32, (2, 4)), (128, (2,))):
        trials = [(1, batch), *((ranks, in_all) for ranks in several for in_all in (batch, ranks * batch))]
        one, *others = alternate(
            options.repeats, *(partial(timed_steps, ranks, options.shards, in_all) for ranks, in_all in trials)
        )
        for (ranks, in_all), found in zip(trials[1:], others):
            kind = f"{batch} sentences a step in both" if in_all == batch else f"{batch} sentences a rank"
            cores = len(os.sched_getaffinity(0))
            name = f"{ranks} ranks{f' on {cores} cores' if ranks > cores else ''} / 1 rank, {kind}"
            yield Measurement(name, found["tokens_per_second"], one["tokens_per_second"], "tokens/s")


def padding(options: BenchOptions) -> Iterator[Measurement]:
    """Share of token slots without a token, with the default batch on each of 1, 2 and 4 ranks."""
    for ranks in (1, 2, 4):
        share = timed_steps(ranks, options.shards, 32 * ranks)["padding"]
        of_ranks = "" if ranks == 1 else f", {ranks} ranks of 32 sentences"
        yield Measurement(f"padding, share of all slots{of_ranks}", share, 1, "")
