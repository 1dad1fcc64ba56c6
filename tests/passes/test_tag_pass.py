"""Counts of the tag pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from corpus_sources import sources_of

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile, Sources
from ner_dist.contract.shard_format import Index


def documents(numbers: range) -> str:
    """Documents with as many sentences as their numbers say, at most five."""
    sentences = ("".join(f"w{i} O\nAda{i}{j} B-PER\n\n" for j in range(1 + i % 5)) for i in numbers)
    return "".join(f"-DOCSTART- O\n\n{text}" for text in sentences)


def built(tmp_path: Path, sources: Sources, **knobs: Any) -> Index:
    return build(sources, Settings(num_shards=1, **knobs), tmp_path / "out", Problems())


@pytest.mark.parametrize("split_by", ["document", "sentence"])
def test_each_document_counts_in_one_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split_by: str) -> None:
    # Blocks that end within documents.
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", 100)
    (tmp_path / "a").write_text(documents(range(30)))
    (tmp_path / "b").write_text(documents(range(30, 40)))
    index = built(tmp_path, [("train", SourceFile(tmp_path / name)) for name in "ab"], split_by=split_by)
    assert sum(stats["documents"] for stats in index.stats.values()) == 40
    assert [stats["documents"] > 0 for stats in index.stats.values()] == [True] * 3


def test_documents_of_given_splits_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(documents(range(4)))
    (tmp_path / "b").write_text("Ada B-PER\nran O\n")
    index = built(tmp_path, sources_of({"train": tmp_path / "a", "dev": tmp_path / "b", "test": tmp_path / "a"}))
    assert {split: stats["documents"] for split, stats in index.stats.items()} == {"train": 4, "dev": 0, "test": 4}
    assert "inexpressible" not in index.stats["train"]


@pytest.mark.parametrize("on_misaligned", ["split", "widen", "drop"])
def test_entities_that_no_token_of_new_text_expresses_are_counted_by_type(tmp_path: Path, on_misaligned: str) -> None:
    text = "Many pro-Ada songs. Ada lives in antiOsloism."
    spans = [[9, 12, "PER"], [20, 23, "PER"], [37, 41, "LOC"]]
    (tmp_path / "c.jsonl").write_text((json.dumps({"text": text, "entities": spans}) + "\n") * 3)
    (tmp_path / "d.jsonl").write_text(json.dumps({"text": "Ada ran.", "entities": [[0, 3, "PER"]]}))
    sources = sources_of({"train": tmp_path / "c.jsonl", "dev": tmp_path / "d.jsonl"})
    index = built(tmp_path, sources, on_misaligned=on_misaligned, on_unseen_type="keep", tokenizer="whitespace")
    assert index.stats["train"]["inexpressible"] == {"LOC": 3, "PER": 3}
    assert index.stats["dev"]["inexpressible"] == {}
    kept = {"split": {"LOC": 3, "PER": 6}, "widen": {"LOC": 3, "PER": 6}, "drop": {"LOC": 0, "PER": 3}}
    assert index.stats["train"]["entities"] == kept[on_misaligned]
    assert index.entity_types == ["LOC", "PER"]
