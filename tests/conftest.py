"""What several test files share: one small shard set, and knobs that make a model tiny."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from corpus_sources import sources_of
from hypothesis import settings

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.synthesis.synth import synthesise

# Hundreds of processes would each compile the whole project.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Before anything imports MXNet, which reads it once; ranks that a test starts inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The tests use the CPU, whether or not the machine has a GPU.
os.environ["CUDA_VISIBLE_DEVICES"] = ""

# The same examples in every run, and no limit on the time of one: the machine may be busy.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")

NUM_SYNTH_SHARDS = 8

_HERE = Path(__file__).parent
# The files that take longest, longest first: workers that begin with them end at the same time.
_LONGEST = (
    "ranks/test_several_ranks.py",
    "project/test_docs.py",
    "run/test_resume.py",
    "passes/test_convert.py",
    "passes/test_build.py",
    "bench/test_profile.py",
    "launch/test_launch.py",
    "predicting/test_many_files.py",
    "prediction/test_predict.py",
    "project/test_docs_pages.py",
    "passes/test_round_trips.py",
    "training/test_train_command.py",
    "exporting/test_export.py",
    "bench/test_sweep.py",
    "bench/test_seeds.py",
    "ranks/test_environment.py",
    "launch/test_slurm.py",
    "run/test_trackers.py",
    "run/test_stopping.py",
    "launch/test_elastic_job.py",
    "doctor/test_own_name.py",
    "contract/test_language_rules.py",
)


def pytest_configure(config: pytest.Config) -> None:
    # Otherwise pytest-xdist begins with the files of most tests.
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {_HERE / name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def synth_corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """CoNLL files of 400 sentences: split -> path."""
    return synthesise(400, 3, tmp_path_factory.mktemp("synth-corpus"))


@pytest.fixture(scope="session")
def synth_shards(synth_corpus: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a shard set of 400 sentences with 8 shards per split. Do not change it: copy it first."""
    out = tmp_path_factory.mktemp("synth-shards") / "shards"
    build(sources_of(synth_corpus), Settings(num_shards=NUM_SYNTH_SHARDS, num_buckets=4), out, Problems())
    return out


@pytest.fixture(scope="session")
def rich_settings(synth_corpus: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with pretrained vectors of 5 units for half of the words and for some others, and a lexicon."""
    folder = tmp_path_factory.mktemp("rich")
    lines = synth_corpus["train"].read_text(encoding="utf-8").split("\n")
    words = sorted({line.split()[0].lower() for line in lines if line.strip()})
    rng = np.random.default_rng(0)
    with (folder / "vectors.txt").open("w", encoding="utf-8") as file:
        for word in [*words[::2], *(f"only-in-vectors-{i}" for i in range(20))]:
            file.write(" ".join([word, *(f"{value:.4f}" for value in rng.normal(0, 0.5, 5))]) + "\n")
    (folder / "lexicon").mkdir()
    for number, name in enumerate(("LOC", "PER")):
        (folder / "lexicon" / f"{name}.txt").write_text("\n".join(words[number::7]) + "\n", encoding="utf-8")
    return Settings(
        num_shards=NUM_SYNTH_SHARDS,
        num_buckets=4,
        min_count=1,
        vectors=(str(folder / "vectors.txt"),),
        lexicon=str(folder / "lexicon"),
    )


@pytest.fixture(scope="session")
def rich_shards(
    synth_corpus: dict[str, Path], rich_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Like synth_shards, with pretrained vectors and lexicon features."""
    out = tmp_path_factory.mktemp("rich-shards") / "shards"
    build(sources_of(synth_corpus), rich_settings, out, Problems())
    return out


@pytest.fixture(scope="session")
def everything_on() -> list[str]:
    """Command-line knobs that switch on every part of training that is off by default."""
    values = {
        "model.vectors": "require",
        "model.dropout_locked": "true",
        "model.dropout_recurrent": 0.2,
        "model.dropout_words": 0.1,
        "model.dropout_singletons": 0.5,
        "model.dropout_chars": 0.1,
        "model.lstm_layers": 2,
        "loss.likelihood": "sentence",
        "optimizer.name": "nadam",
        "optimizer.schedule": "plateau",
        "optimizer.plateau_epochs": 1,
        "optimizer.warmup_steps": 10,
        "optimizer.decoupled_decay": 0.01,
        "optimizer.frozen_epochs": 1,
        "optimizer.clip_norm": 1.0,
        "train.average": 0.9,
        "data.train_on": "train+dev",
        # Of shards of some kilobytes: several chapters.
        "data.memory_mb": 0.004,
        "train.keep": "last",
    }
    return [word for name, value in values.items() for word in (f"--{name}", str(value))]


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
        # All there are, whatever the default job has.
        "features": "null",
    }
    return [word for name, value in sizes.items() for word in (f"--model.{name}", str(value))]


@pytest.fixture(scope="session")
def tiny_run(synth_shards: Path, tiny_knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run that has learnt a little: softmax over tags. Not to be changed."""
    return _trained(tmp_path_factory.mktemp("tiny") / "run", synth_shards, tiny_knobs)


@pytest.fixture(scope="session")
def rich_run(rich_shards: Path, tiny_knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with pretrained vectors, every feature there is, and a CRF."""
    knobs = [*tiny_knobs, "--model.vectors", "require", "--loss.likelihood", "sentence"]
    return _trained(tmp_path_factory.mktemp("rich") / "run", rich_shards, knobs)


@pytest.fixture(scope="session")
def text_run(rich_shards: Path, tiny_knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As rich_run, but without parts of speech, so that it can tag raw text."""
    knobs = [*tiny_knobs, "--model.features", "[caps, lexicon]", "--loss.likelihood", "sentence"]
    return _trained(tmp_path_factory.mktemp("text") / "run", rich_shards, knobs)


def _trained(run: Path, shards: Path, knobs: list[str]) -> Path:
    # Imported once it is needed: it imports MXNet.
    from trained import train

    train(run, shards, knobs)
    return run
