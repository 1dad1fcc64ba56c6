"""What shard format version 2 left behind: its shards are refused, its runs and exports work on."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from corpus_sources import sources_of
from processes import ROOT

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.synthesis.synth import synthesise
from ner_dist import Tagger
from ner_dist.contract.shard_format import VERSION, Index, ShardError, read_index, read_stored_index
from ner_dist.evaluate import evaluate_tagger
from ner_dist.exporting.write_export import export
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import CheckpointError

# Written by version 0.2.0: shards of the corpus below, a run of 60 epochs on them, and its export.
OLD = ROOT / "tests" / "version_2"
TEXT = "Sheaardo Gredgovov met the mayor of Stristaland, Maria Silva, on Tuesday. The Ministry of Trade won in Leeds."


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same corpus in the present format."""
    folder = tmp_path_factory.mktemp("rebuilt")
    corpus = synthesise(60, 5, folder / "corpus")
    build(sources_of(corpus), Settings(num_shards=1, num_buckets=2), folder / "shards", Problems())
    return folder / "shards"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLD / "run", tmp_path / "run"))


def test_its_shards_must_be_rebuilt() -> None:
    assert read_stored_index(OLD / "shards")[1] == 2
    with pytest.raises(ShardError) as caught:
        read_index(OLD / "shards")
    place = OLD / "shards" / "index.json"
    assert (
        str(caught.value) == f"{place}: format version 2, this code reads versions 4 and {VERSION}; rebuild the shards"
    )


def test_the_index_in_its_checkpoints_is_read_as_one_without_texts(run: Path) -> None:
    saved = checkpoint.load(run / "checkpoints" / "best")
    assert saved.shards_version == 2
    assert (saved.index.raw, saved.index.has_text, saved.index.tokenizer["applied"]) == ({}, False, False)
    # The fingerprint names the data, and its result.json has it.
    assert saved.index.fingerprint() == json.loads((run / "result.json").read_text())["shards"]


def test_its_runs_and_exports_predict_what_they_did(run: Path) -> None:
    for model in (run, OLD / "export"):
        (found,) = Tagger.load(model).tag([TEXT])
        assert [(entity.start, entity.end, entity.type) for entity in found] == [(0, 18, "PER"), (49, 60, "PER")]


def test_its_runs_can_be_exported(run: Path, tmp_path: Path) -> None:
    difference = export(run, None, tmp_path / "export").difference
    assert difference is not None
    # The shards that it names are not there, or are of another version.
    assert difference.sample.endswith("made-up sentences")
    (found,) = Tagger.load(tmp_path / "export").tag([TEXT])
    assert [entity.text for entity in found] == ["Sheaardo Gredgovov", "Maria Silva"]


def test_its_runs_are_scored_on_their_corpus_built_anew(run: Path, rebuilt: Path) -> None:
    expected = json.loads((run / "result.json").read_text())
    for split in ("dev", "test"):
        found = evaluate_tagger(run, split, shards=rebuilt)
        assert found.items() >= expected[split].items()


def test_its_runs_and_exports_are_scored_on_any_gold(run: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.conll"
    gold.write_text("Maria B-PER\nSilva I-PER\nmet O\nSheaardo B-PER\n", encoding="utf-8")
    of_run, of_export = (evaluate_tagger(model, gold=gold) for model in (run, OLD / "export"))
    assert of_run["entity"] == of_export["entity"]
    assert of_run["entity"]["gold"] == 2


def test_its_runs_are_neither_scored_on_another_corpus_nor_continued(
    run: Path, rebuilt: Path, synth_shards: Path
) -> None:
    with pytest.raises(ValueError, match="trained on other shards than those in"):
        evaluate_tagger(run, shards=synth_shards)
    saved, place = checkpoint.load(run / "checkpoints" / "best"), run / "checkpoints" / "best"
    index: Index = read_index(rebuilt)
    with pytest.raises(CheckpointError, match=rf"format version 2, .* in version {VERSION}; .* but not continued"):
        checkpoint.require_same_data(saved, index, rebuilt, place)
    # Nor is a run of this version that has other bytes.
    other = dataclasses.replace(saved, shards_version=VERSION)
    with pytest.raises(CheckpointError, match="trained on other shards than those in"):
        checkpoint.require_scorable(other, index, rebuilt, place)
