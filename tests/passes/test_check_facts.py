"""The facts of a corpus as JSON values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from corpus_sources import sources_of

from data_prep.passes.check import check
from data_prep.passes.check_facts import percentiles
from data_prep.settings import Settings


def test_the_facts_tell_files_schemes_and_splits(tmp_path: Path) -> None:
    files = {"train": tmp_path / "train", "dev": tmp_path / "dev"}
    files["train"].write_text("Ann B-PER\nLee I-PER\nran O\n\nin O\nRome B-LOC\n")
    files["dev"].write_text("Bob B-PER\nran O\n")
    facts = json.loads(json.dumps(check(sources_of(files), Settings(num_shards=1)).facts))
    assert [file["format"] for file in facts["files"]] == ["conll", "conll"]
    assert [scheme["scheme"] for scheme in facts["schemes"]] == ["bio"]
    assert facts["entity_types"] == ["LOC", "PER"]
    assert facts["splits"]["train"]["entities"] == {"LOC": 1, "PER": 1}
    train = facts["splits"]["train"]
    assert (train["sentences"], train["tokens"], train["tokens_in_entities"]) == (2, 5, 3)
    assert train["longest_sentence"] == {"tokens": 3, "place": f"{files['train']}:1"}
    assert train["tokens_per_sentence"]["100"] == 3
    assert facts["splits"]["dev"]["unknown_words"] == 2


def test_percentiles_of_nothing_are_none() -> None:
    assert percentiles(np.zeros(3, np.int64)) == {}
    assert percentiles(np.array([0, 9, 0, 1])) == {"50": 1, "90": 1, "99": 3, "99.9": 3, "100": 3}
