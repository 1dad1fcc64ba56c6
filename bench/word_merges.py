"""The merges of the words of a corpus that is too large for this machine, on a sample of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.made_summaries import write_made_run
from bench.measured_merge import Merge, MergesOptions, alone
from data_prep.encoders import vocab
from data_prep.encoders.merge_counts import FAN_IN, merge_counts, merge_runs
from data_prep.sentences.string_ids import StringIds
from data_prep.settings import Settings


def _merged_words(paths: list[Path], folder: Path, max_words: int) -> int:
    return len(merge_counts(paths, folder, 2, max_words).texts)


def _counted_words(path: Path) -> tuple[list[str], np.ndarray]:
    counted = pa.ipc.open_file(path).read_all()
    return counted["text"].to_pylist(), counted["count"].to_numpy()


def _number_words(path: Path) -> None:
    ids = StringIds()
    ids.ids(_counted_words(path)[0])


def _fit_words(path: Path, folder: Path, max_words: int, sample: int) -> None:
    # What does not grow with the words must not be scaled with them. This process is for it alone.
    vocab.RUN_TEXTS //= sample
    vocab.fit_words(*_counted_words(path), Settings(max_words=max_words), spill=folder)


def build_word_merges(options: MergesOptions, folder: Path) -> Iterator[Merge]:
    """Numbers for the strings of all partitions, and the vocabulary of all of them."""
    generator, path, part_path, scale = np.random.default_rng(1), folder / "whole", folder / "part", options.sample
    num_words = write_made_run(path, options.tokens, scale, generator)
    num_part_words = write_made_run(part_path, options.tokens / options.partitions, scale, generator)
    _, cpu_s, peak = alone(_number_words, path)
    # A partition's strings take the time of as many new ones.
    times = options.partitions * num_part_words / num_words
    size = scale * options.partitions * part_path.stat().st_size
    yield Merge("strings of all partitions to numbers", times * scale * cpu_s, scale * peak, size)
    # The vocabulary is of the sample, too.
    _, cpu_s, peak = alone(_fit_words, path, folder, max(1, options.max_words // scale), scale)
    yield Merge("words of the corpus to the vocabulary", scale * cpu_s, scale * peak, scale * path.stat().st_size)


def run_word_merges(options: MergesOptions, folder: Path) -> Iterator[Merge]:
    """Runs of FAN_IN partitions to one, on workers; then all of these to the vocabulary."""
    generator = np.random.default_rng(0)
    num_groups = -(-options.partitions // FAN_IN)

    def runs(name: str, number: int, tokens: float) -> list[Path]:
        paths = [folder / f"{name}-{i}.arrow" for i in range(number)]
        for path in paths:
            write_made_run(path, tokens, options.sample, generator)
        return paths

    part = runs("part", min(FAN_IN, options.partitions), options.tokens / options.partitions)
    _, cpu_s, peak = alone(merge_runs, part, folder / "group.arrow")
    sizes = [sum(path.stat().st_size for path in paths) for paths in (part, [folder / "group.arrow"])]
    scale = options.sample
    name = f"counts of {len(part)} partitions to a run"
    yield Merge(name, scale * cpu_s, peak, scale * sizes[0], scale * sizes[1], num_groups)
    groups = runs("group", num_groups, options.tokens / num_groups)
    _, cpu_s, peak = alone(_merged_words, groups, folder, options.max_words)
    size = sum(path.stat().st_size for path in groups)
    yield Merge(f"{num_groups} runs to the vocabulary", scale * cpu_s, peak, scale * size)
