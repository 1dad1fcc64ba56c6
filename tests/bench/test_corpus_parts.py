"""A shard set taken apart: its corpus comes back, and parts are whole documents, the smaller in the larger."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench import corpus_parts
from bench.corpus_parts import PartsOptions
from data_prep.prepare_shards import prepare_shards
from data_prep.settings import Settings
from ner_dist.contract.shard_format import read_index
from ner_dist.errors import UserError


def test_all_of_a_corpus_built_anew_has_the_same_vocabularies_and_counts(synth_shards: Path, tmp_path: Path) -> None:
    index = read_index(synth_shards)
    corpus = corpus_parts.unpack(synth_shards, index, tmp_path, PartsOptions())
    corpus_parts.build_part(corpus.files, corpus.settings, tmp_path / "all")
    again = read_index(tmp_path / "all")
    assert (again.vocab, again.stats, again.bucket_edges) == (index.vocab, index.stats, index.bucket_edges)
    assert {split: [shard.rows for shard in shards] for split, shards in again.splits.items()} == {
        split: [shard.rows for shard in shards] for split, shards in index.splits.items()
    }


def test_texts_are_cut_and_scored_as_before(tmp_path: Path) -> None:
    texts = [
        {
            "id": f"t{i}",
            "text": f"Mr. Smith{i} went to New-York. He saw it.",
            "entities": [[4, 10, "PER"], [23, 27, "LOC"]],
        }
        for i in range(10, 40)
    ]
    (tmp_path / "texts.jsonl").write_text("\n".join(map(json.dumps, texts)))
    with pytest.warns(UserWarning, match="was widened"):
        prepare_shards(tmp_path / "texts.jsonl", tmp_path / "shards", progress=False, on_misaligned="widen")
    index = read_index(tmp_path / "shards")
    corpus = corpus_parts.unpack(tmp_path / "shards", index, tmp_path / "work", PartsOptions())
    corpus_parts.build_part(corpus.files, corpus.settings, tmp_path / "all")
    again = read_index(tmp_path / "all")
    assert (again.vocab, again.stats, again.tokenizer) == (index.vocab, index.stats, index.tokenizer)
    assert index.has_gold_spans("train")


def test_vectors_and_lexicon_must_be_named_and_apply(
    rich_shards: Path, rich_settings: Settings, synth_shards: Path, tmp_path: Path
) -> None:
    index, named = read_index(rich_shards), PartsOptions(rich_settings.vectors, rich_settings.lexicon)
    with pytest.raises(
        UserError, match=r"was built with vectors, which its parts need, too; name them: --vectors PATH$"
    ):
        corpus_parts.unpack(rich_shards, index, tmp_path, PartsOptions(lexicon=rich_settings.lexicon))
    with pytest.raises(UserError, match=r"was built with lexicon, .*--lexicon PATH$"):
        corpus_parts.unpack(rich_shards, index, tmp_path, PartsOptions(vectors=rich_settings.vectors))
    with pytest.raises(UserError, match="was built without vectors; leave --vectors out"):
        corpus_parts.unpack(synth_shards, read_index(synth_shards), tmp_path, named)
    corpus = corpus_parts.unpack(rich_shards, index, tmp_path, named)
    corpus_parts.build_part(corpus.files, corpus.settings, tmp_path / "all")
    again = read_index(tmp_path / "all")
    assert (again.vocab, again.vectors, again.features) == (index.vocab, index.vectors, index.features)


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """Forty documents of one to four sentences."""
    path = tmp_path / "train.jsonl"
    lines = [
        {"document": f"d{i}", "tokens": [f"w{i}", str(j)], "tags": ["O", "O"]}
        for i in range(40)
        for j in range(i % 4 + 1)
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


def test_parts_are_whole_documents_and_the_smaller_is_in_the_larger(documents: Path, tmp_path: Path) -> None:
    lines = corpus_parts.lines_of([documents])
    assert lines.by_document
    before = np.zeros(100, bool)
    for fraction in (0.25, 0.5, 0.75, 1.0):
        kept_L = corpus_parts.part_of(lines, fraction)
        assert abs(kept_L.mean() - fraction) < 0.03
        assert not (before & ~kept_L).any()
        for unit in range(len(lines.hash_U)):
            assert len(set(kept_L[lines.unit_L == unit])) == 1
        before = kept_L
    assert before.all()
    corpus_parts.write_part([documents], corpus_parts.part_of(lines, 0.25), [], tmp_path / "part.jsonl")
    written = (tmp_path / "part.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in written] == [
        json.loads(line)
        for line, kept in zip(documents.read_text().splitlines(), corpus_parts.part_of(lines, 0.25))
        if kept
    ]


def test_without_documents_copies_of_a_sentence_stay_together(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps({"tokens": [f"w{i % 30}"], "tags": ["O"]}) + "\n" for i in range(60)))
    lines = corpus_parts.lines_of([path])
    assert not lines.by_document
    kept_L = corpus_parts.part_of(lines, 0.5)
    assert kept_L.sum() == 30
    assert (kept_L[:30] == kept_L[30:]).all()
