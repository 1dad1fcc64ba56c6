"""Counts of sentences add up to those of the split, and documents are named by the corpus or by their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile
from ner_dist.contract.like_model import find_like
from ner_dist.contract.tag_schemes import B, I, L, U, bilou_tags
from ner_dist.evaluation.f1 import count
from ner_dist.model.entities import concatenate_sentences
from ner_dist.scoring.documents import by_document, count_sentences, worst


def test_sentences_add_up_to_the_counts_of_entities() -> None:
    rng, tags = np.random.default_rng(4), len(bilou_tags(["X", "Y"]))
    length_B = np.array([3, 9, 1, 6])
    gold_TB, predicted_TB = rng.integers(0, tags, (2, 9, 4))
    predicted_TB = np.where(rng.random((9, 4)) < 0.6, gold_TB, predicted_TB)
    counts_B3 = count_sentences(gold_TB, predicted_TB, length_B)
    for column in [*range(4), slice(None)]:
        place = [column] if isinstance(column, int) else column
        gold_M, starts_M = concatenate_sentences(gold_TB[:, place], length_B[place])
        predicted_M, _ = concatenate_sentences(predicted_TB[:, place], length_B[place])
        spans = count(gold_M, predicted_M, starts_M, 2).spans
        expected = [np.diag(spans)[:-1].sum(), spans[:, :-1].sum(), spans[:-1].sum()]
        assert counts_B3[place].sum(0).tolist() == expected


def test_an_entity_is_right_with_its_borders_and_its_type() -> None:
    def tag(prefix: int, kind: int) -> int:
        return 1 + 4 * kind + (B, I, L, U).index(prefix)

    gold_TB = np.array([[tag(B, 0), tag(U, 1)], [tag(L, 0), 0], [tag(U, 1), 0]])
    predicted_TB = np.array([[tag(U, 0), tag(U, 0)], [0, 0], [tag(U, 1), tag(U, 1)]])
    assert count_sentences(gold_TB, predicted_TB, np.array([3, 3])).tolist() == [[1, 2, 2], [0, 2, 1]]


def test_documents_are_those_of_the_corpus_with_their_files(text_run: Path, tmp_path: Path) -> None:
    text = "-DOCSTART- O\n\nParis B-LOC\n\n-DOCSTART- O\n\nRome B-LOC\nis O\n\nOslo B-LOC\n"
    for name in ("a.conll", "b.conll"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    sources = [("test", SourceFile(tmp_path / name)) for name in ("a.conll", "b.conll")]
    index = build(sources, Settings(num_shards=2), tmp_path / "two", Problems(), like=find_like(text_run))
    counts = {sentence: [0, 0, sentence] for sentence in range(6)}
    found = by_document(counts, index, tmp_path / "two", "test")
    assert {name: part["gold"] for name, part in found.items()} == {
        "a.conll: 1": 0,
        "a.conll: 2": 3,
        "b.conll: 1": 3,
        "b.conll: 2": 9,
    }
    index = build(sources[:1], Settings(num_shards=2), tmp_path / "one", Problems(), like=find_like(text_run))
    assert list(by_document(counts, index, tmp_path / "one", "test")) == ["1", "2"]


def test_the_worst_have_the_most_mistakes() -> None:
    counts = {"a": (5, 5, 5), "b": (0, 1, 1), "c": (9, 12, 11), "d": (1, 1, 2)}
    documents = {name: dict(zip(("right", "predicted", "gold"), numbers)) for name, numbers in counts.items()}
    assert worst(documents, 2) == ["c", "b"]
    assert worst(documents, 9) == ["c", "b", "d"]
