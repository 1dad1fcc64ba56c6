"""What shard format version 4 left behind: its shards are read on, and its runs are continued on them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import sealed_files
from corpus_sources import sources_of
from processes import ROOT
from row_groups import group_sizes, regroup

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.synthesis.synth import synthesise
from ner_dist import Tagger
from ner_dist.contract.like_model import read_like
from ner_dist.contract.shard_format import INDEX_NAME, VERSION, ShardError, read_index, read_stored_index, write_index
from ner_dist.contract.shard_tables import open_shard, read_shard
from ner_dist.evaluate import evaluate_tagger
from ner_dist.prediction import export_format
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import CheckpointError

# Written by the last code of that version, of the same corpus as version_2; its shards list their row groups.
OLD = ROOT / "tests" / "version_4"
BEST = OLD / "run" / "checkpoints" / "best"
TEXT = "Sheaardo Gredgovov met the mayor of Stristaland, Maria Silva, on Tuesday. The Ministry of Trade won in Leeds."


@pytest.fixture
def rebuilt(tmp_path: Path) -> Path:
    """The same corpus in the present format."""
    settings = Settings(num_shards=1, num_buckets=2)
    build(sources_of(synthesise(60, 5, tmp_path / "corpus")), settings, tmp_path / "shards", Problems())
    return tmp_path / "shards"


def test_its_shards_are_read_and_their_row_groups_are_those_of_the_files() -> None:
    assert read_stored_index(OLD / "shards")[1] == 4
    index = read_index(OLD / "shards")
    listed = json.loads((OLD / "shards" / INDEX_NAME).read_text())["splits"]
    for split, (entry,) in index.splits.items():
        sizes = open_shard(OLD / "shards", entry).rows_of_group.tolist()
        assert sizes == group_sizes(OLD / "shards" / entry.path) == listed[split][0]["row_groups"]
        assert len(read_shard(OLD / "shards", index, entry, ["word", "text"])) == sum(entry.rows)


def test_its_index_is_checked_as_strictly_as_a_new_one(tmp_path: Path) -> None:
    shards = Path(shutil.copytree(OLD / "shards", tmp_path / "shards"))
    sealed_files.edit(shards / INDEX_NAME, lambda record: record["splits"]["dev"][0].update(odd=1))
    with pytest.raises(ShardError, match=r"splits\.dev\[0\]\.odd is unknown"):
        read_index(shards)
    text = (OLD / "shards" / INDEX_NAME).read_text()
    (shards / INDEX_NAME).write_text(text.replace('"version": 4', '"version":  4'))
    with pytest.raises(ShardError, match="its own checksum"):
        read_index(shards)


def test_the_same_corpus_is_built_as_the_same_shards_without_the_lists(rebuilt: Path, tmp_path: Path) -> None:
    old, new = read_index(OLD / "shards"), read_index(rebuilt)
    assert (new.splits, new.vocab, new.fingerprint()) == (old.splits, old.vocab, old.fingerprint())
    record = json.loads((rebuilt / INDEX_NAME).read_text())
    assert record["version"] == VERSION
    assert all("row_groups" not in shard for shards in record["splits"].values() for shard in shards)
    # Read and written again, as in the checkpoints of a run that is continued.
    shutil.copytree(OLD / "shards" / "vocab", tmp_path / "again" / "vocab")
    write_index(tmp_path / "again", old)
    assert (read_stored_index(tmp_path / "again")) == (old, VERSION)


def test_its_runs_are_continued_on_their_shards_and_on_the_same_built_anew(rebuilt: Path) -> None:
    saved = checkpoint.load(BEST)
    assert (saved.shards_version, saved.progress.epoch) == (4, 31)
    for shards in (OLD / "shards", rebuilt):
        checkpoint.require_same_data(saved, read_index(shards), shards, BEST)
        checkpoint.require_scorable(saved, read_index(shards), shards, BEST)


def test_its_runs_are_scored_but_not_continued_on_shards_with_other_row_groups(rebuilt: Path, tmp_path: Path) -> None:
    saved = checkpoint.load(BEST)
    shards = regroup(rebuilt, tmp_path / "regrouped", 5)
    index = read_index(shards)
    checkpoint.require_scorable(saved, index, shards, BEST)
    with pytest.raises(CheckpointError, match=rf"format version 4, .* in version {VERSION}; .* but not continued"):
        checkpoint.require_same_data(saved, index, shards, BEST)
    other = dataclasses.replace(saved, shards_version=VERSION)
    with pytest.raises(CheckpointError, match="trained on other shards than those in"):
        checkpoint.require_scorable(other, index, shards, BEST)


def test_its_runs_and_exports_predict_score_and_lend_their_vocabularies_as_they_did() -> None:
    assert json.loads((OLD / "export" / "tagger.json").read_text())["version"] == 4
    vocabularies, scores, origin, *_ = export_format.read(OLD / "export")
    assert (len(vocabularies.words), len(scores.start_K), origin["epoch"]) == (85, 17, 31)
    for model in (OLD / "run", OLD / "export"):
        (found,) = Tagger.load(model).tag([TEXT])
        assert [(entity.start, entity.end, entity.type) for entity in found] == [(0, 18, "PER"), (49, 60, "PER")]
        assert read_like(model).words == vocabularies.words
    expected = json.loads((OLD / "run" / "result.json").read_text())
    assert evaluate_tagger(OLD / "run", "dev", shards=OLD / "shards").items() >= expected["dev"].items()
