"""What shard format version 3 left behind: its shards are refused, its runs and exports work on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from corpus_sources import sources_of
from processes import ROOT

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.synthesis.synth import synthesise
from ner_dist import Tagger
from ner_dist.contract.shard_format import VERSION, ShardError, read_index, read_stored_index
from ner_dist.prediction import export_format
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import CheckpointError

# Written by version 0.3.0, of the same corpus as version_2: index.json, state.json and tagger.json without checksums.
OLD = ROOT / "tests" / "version_3"
TEXT = "Sheaardo Gredgovov met the mayor of Stristaland, Maria Silva, on Tuesday. The Ministry of Trade won in Leeds."


def test_its_shards_must_be_rebuilt() -> None:
    assert read_stored_index(OLD / "shards")[1] == 3
    with pytest.raises(
        ShardError, match=rf"format version 3, this code reads versions 4 and {VERSION}; rebuild the shards"
    ):
        read_index(OLD / "shards")


def test_its_checkpoints_are_read_and_may_be_continued_on_the_same_corpus_built_anew(tmp_path: Path) -> None:
    place = OLD / "run" / "checkpoints" / "best"
    saved = checkpoint.load(place)
    assert (saved.shards_version, saved.progress.epoch) == (3, 31)
    build(
        sources_of(synthesise(60, 5, tmp_path / "corpus")),
        Settings(num_shards=1, num_buckets=2),
        tmp_path / "shards",
        Problems(),
    )
    index = read_index(tmp_path / "shards")
    checkpoint.require_same_data(saved, index, tmp_path / "shards", place)


def test_its_damaged_arrays_are_noticed(tmp_path: Path) -> None:
    place = Path(shutil.copytree(OLD / "run" / "checkpoints" / "best", tmp_path / "best"))
    content = bytearray((place / "arrays.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (place / "arrays.npz").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"arrays\.npz: checksum"):
        checkpoint.load(place)


def test_its_runs_and_exports_predict_what_they_did() -> None:
    assert json.loads((OLD / "export" / "tagger.json").read_text())["version"] == 2
    vocabularies, scores, origin, *_ = export_format.read(OLD / "export")
    assert (len(vocabularies.words), np.shape(scores.start_K), origin["epoch"]) == (85, (17,), 31)
    found = [Tagger.load(model).tag([TEXT])[0] for model in (OLD / "run", OLD / "export")]
    spans = [[(entity.start, entity.end, entity.type) for entity in entities] for entities in found]
    assert spans[0] == spans[1] == [(0, 18, "PER"), (49, 60, "PER")]
