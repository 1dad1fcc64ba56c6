"""The merges of the words of a corpus that is too large for this machine, on a sample of them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.made_summaries import write_made_run
from bench.measured_merge import Merge, MergesOptions, alone
from data_prep.encoders.merge_counts import FAN_IN, merge_counts, merge_runs
from data_prep.encoders.vocab import ids_of
from data_prep.encoders.words import fit_words
from data_prep.passes.carried import Carried
from data_prep.passes.encode_tokens import Encoding
from data_prep.settings import Settings


def _num_distinct(paths: Sequence[Path]) -> int:
    return merge_counts(paths, max_texts=0).num_texts


def _vocabulary(paths: Sequence[Path], folder: Path, max_words: int) -> int:
    """Fitted, and written to where the workers find it."""
    words = fit_words(paths, Settings(max_words=max_words))
    encoding = Encoding(ids_of(words.vocab.values), (), 1, {})
    pickle.dumps(Carried(encoding, folder / "encoding"))
    return (folder / "encoding").stat().st_size


def word_merges(options: MergesOptions, folder: Path) -> Iterator[Merge]:
    """As passes/few_runs.py does it: FAN_IN runs to one, on workers, until so few are left; these to the vocabulary."""
    generator, scale = np.random.default_rng(0), options.sample

    def made(name: str, number: int, num_runs: int) -> tuple[list[Path], int]:
        """Some of `num_runs` runs of all words, and their bytes."""
        paths = [folder / f"{name}-{i}" for i in range(number)]
        for path in paths:
            write_made_run(path, options.tokens / num_runs, scale, generator)
        return paths, scale * sum(path.stat().st_size for path in paths)

    num_runs, what = options.partitions, "partitions"
    while num_runs > FAN_IN:
        runs, size = made(what, FAN_IN, num_runs)
        _, cpu_s, peak = alone(merge_runs, runs, folder / "merged")
        written = scale * (folder / "merged").stat().st_size
        num_runs = -(-num_runs // FAN_IN)
        yield Merge(f"counts of {FAN_IN} {what} to a run", scale * cpu_s, peak, size, written, num_runs)
        what = "runs"
    runs, size = made("few", num_runs, num_runs)
    written, cpu_s, peak = alone(_vocabulary, runs, folder, options.max_words)
    yield Merge(f"{num_runs} runs to the vocabulary", scale * cpu_s, peak, size, written)
    _, cpu_s, peak = alone(_num_distinct, runs)
    yield Merge(f"{num_runs} runs to the number of distinct tokens", scale * cpu_s, peak, size)
