"""Sentences that are annotated in several ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_blocks import TYPES, block_of

from data_prep.annotation import same_sentences
from data_prep.annotation.annotated_block import AnnotatedBlock
from data_prep.annotation.phrases import PhraseCounter
from data_prep.annotation.same_sentences import SentenceVersions, Version
from data_prep.sentences.string_ids import StringIds

RIGHT, WRONG = "Ann/B-PER Lee/I-PER saw it", "Ann/B-PER Lee saw it"


def unusual(tmp_path: Path, *texts: list[str]) -> dict[int, Version]:
    """By the line of its first token, each unusual version; each text is a block, from lines 1, 101, 201, ..."""
    tokens = StringIds()
    blocks = [block_of(text, tokens, 100 * i + 1) for i, text in enumerate(texts)]
    counter = PhraseCounter(len(TYPES))
    for block in blocks:
        counter.add(block)
    versions = SentenceVersions(tmp_path / "versions")
    with open(versions.path, "wb") as file:
        assert list(versions.noted(iter(blocks), counter.phrases(), file)) == blocks
    found = versions.unusual()
    return {line: found[key] for block in blocks for line, key in keys(block).items() if key in found}


def keys(block: AnnotatedBlock) -> dict[int, tuple[int, int]]:
    pairs = zip(block.hash_N.view(np.int64).tolist(), block.tag_hash_N.view(np.int64).tolist())
    return dict(zip(block.line_M[block.start_N].tolist(), pairs))


def test_the_less_frequent_version_is_unusual_and_knows_the_other_one(tmp_path: Path) -> None:
    found = unusual(tmp_path, [WRONG, "he saw it ."], [RIGHT, RIGHT])
    assert list(found) == [1]
    assert found[1][:4] == (2, 1, 0, 101)


def test_of_two_equally_frequent_ones_that_without_entities_of_its_own_stays(tmp_path: Path) -> None:
    assert list(unusual(tmp_path, [WRONG], [RIGHT], ["Ann/B-PER Lee/I-PER ran"])) == [1]


def test_copies_with_the_same_tags_are_none(tmp_path: Path) -> None:
    assert unusual(tmp_path, [RIGHT, RIGHT], [RIGHT]) == {}


def test_short_sentences_are_headings(tmp_path: Path) -> None:
    assert unusual(tmp_path, ["Leeds/B-LOC 1 2", "Leeds/B-ORG 1 2"]) == {}


def test_ranges_of_hashes_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [[f"Ann/B-PER saw {i} ." for i in range(20)], [f"Ann saw {i} ." for i in range(20)]]
    expected = unusual(tmp_path, *texts)
    assert len(expected) == 20
    monkeypatch.setattr(same_sentences, "MAX_SORTED", 3)
    assert unusual(tmp_path, *texts) == expected
