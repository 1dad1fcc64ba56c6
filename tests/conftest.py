"""What several test files share: one small shard set, and knobs that make a model tiny."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.synth import synthesise
from data_prep.write import build

# Before anything imports MXNet, which reads it once; ranks that a test starts inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run, and no limit on the time of one: the machine may be busy.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")

NUM_SYNTH_SHARDS = 8


@pytest.fixture(scope="session")
def synth_corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """CoNLL files of 400 sentences: split -> path."""
    return synthesise(400, 3, tmp_path_factory.mktemp("synth-corpus"))


@pytest.fixture(scope="session")
def synth_shards(synth_corpus: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a shard set of 400 sentences, 8 shards a split. Not to be changed: copy it first."""
    out = tmp_path_factory.mktemp("synth-shards") / "shards"
    build(synth_corpus, Settings(num_shards=NUM_SYNTH_SHARDS, num_buckets=4), out, Problems())
    return out


@pytest.fixture(scope="session")
def tiny_knobs() -> list[str]:
    """Command-line knobs of a model that trains in a moment, every part of it present."""
    sizes = {
        "word_units": 8,
        "char_units": 4,
        "char_type_units": 2,
        "char_filters": 6,
        "feature_units": 3,
        "lstm_units": 8,
        "lstm_layers": 1,
    }
    return [word for name, value in sizes.items() for word in (f"--model.{name}", str(value))]
