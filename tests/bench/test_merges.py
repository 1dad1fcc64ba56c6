"""Made-up summaries look like those of a corpus, and every merge of them is measured."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from bench import merges, word_merges
from bench.made_summaries import made_index, made_lengths, write_made_run
from bench.measured_merge import MergesOptions
from bench.merges import footer_bytes
from data_prep.encoders.merge_counts import merge_counts
from ner_dist.contract.shard_format import read_index, write_index


def test_words_of_a_made_run_follow_heaps_law_and_their_counts_add_up_to_the_tokens(tmp_path: Path) -> None:
    path = tmp_path / "run.arrow"
    for num_tokens in (1e5, 1e6):
        num_texts = write_made_run(path, num_tokens, 1, np.random.default_rng(1))
        assert num_texts == pytest.approx(10 * num_tokens**0.65, rel=0.15)
        found = merge_counts([path])
        assert found.num_texts == num_texts
        assert found.total == pytest.approx(num_tokens, rel=0.05)


def test_a_sample_has_its_share_of_the_words(tmp_path: Path) -> None:
    sizes = [write_made_run(tmp_path / "run", 1e6, sample, np.random.default_rng(1)) for sample in (1, 20)]
    assert sizes[0] / sizes[1] == pytest.approx(20, rel=0.1)


def test_a_made_index_passes_all_checks(tmp_path: Path) -> None:
    index = made_index(tmp_path, 1e6, 3, 2, [10, 40])
    write_index(tmp_path, index)
    assert read_index(tmp_path) == index
    assert made_lengths(1000).sum() == pytest.approx(1000, rel=0.05)


def test_footers_grow_with_the_row_groups() -> None:
    one, two, three = map(footer_bytes, (1, 2, 3))
    assert 0 < two - one == pytest.approx(three - two, abs=20)


def test_every_merge_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # Not in processes of their own, which takes seconds.
    for module in (merges, word_merges):
        monkeypatch.setattr(module, "alone", lambda function, *arguments: (function(*arguments), 0.5, 1e6))
    options = ["--tokens", "1e6", "--partitions", "70", "--shards", "2", "--sample", "50", "--buckets", "4"]
    monkeypatch.setattr(sys, "argv", ["merges", *options])
    merges.main()
    lines = capsys.readouterr().out.splitlines()
    assert sum("  1  " in line or "  2  " in line for line in lines) == 8
    assert any(line.startswith("counts of 64 partitions to a run") and "25.0" in line for line in lines)
    assert lines[-1].startswith("Footers: ")
    assert MergesOptions(tokens=1e6).partitions == 10_000
