"""Phrases: how often they are entities, and where they occur."""

from __future__ import annotations

import numpy as np
import pytest
from made_blocks import TYPES, block_of

from data_prep.annotation import phrases
from data_prep.annotation.annotated_block import MAX_PHRASE
from data_prep.annotation.phrases import Lexicon, Occurrences, PhraseCounter
from data_prep.sentences.string_ids import StringIds

TEXT = [
    "Ann/B-PER Lee/I-PER saw New/B-LOC York/I-LOC",
    "New/B-LOC York/I-LOC and Ann/B-ORG Lee/I-ORG",
    "Ann/B-PER Lee/I-PER ran",
]


def test_each_phrase_is_counted_by_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrases, "MAX_PENDING", 1)
    tokens = StringIds()
    block = block_of(TEXT, tokens)
    counter = PhraseCounter(len(TYPES))
    counter.add(block)
    counter.add(block_of(["Ann/B-PER Lee/I-PER"], tokens))
    found = counter.phrases()
    ann = found.of_tokens(block, 0, 2)
    assert (found.count_P[ann], TYPES[found.top_type_P[ann]], found.top_count_P[ann]) == (4, "PER", 3)
    counts = found.count_with_type(np.full(3, ann), np.arange(3))
    assert dict(zip(TYPES, counts.tolist())) == {"LOC": 0, "ORG": 1, "PER": 3}
    assert found.of_tokens(block, 0, 1) == -1
    assert found.of_entities(block)[0] == ann


def occurrences(lines: list[str], min_count: int = 1) -> list[tuple[str, bool, bool]]:
    """Text of each occurrence in the last line, and whether it is blank or in part annotated."""
    tokens = StringIds()
    block = block_of(lines, tokens)
    counter = PhraseCounter(len(TYPES))
    counter.add(block)
    lexicon = Lexicon(counter.phrases(), min_count, len(tokens.texts))
    lexicon.learn(block)
    lexicon.fix()
    found: Occurrences = lexicon.occurrences(block)
    shown = [" ".join(tokens.strings(block.token_M[start:end])) for start, end in zip(found.start_K, found.end_K)]
    rows = zip(found.start_K, shown, found.blank(block).tolist(), found.partial(block).tolist())
    return [row[1:] for row in rows if row[0] >= block.start_N[-1]]


def test_occurrences_are_blank_in_part_annotated_or_neither() -> None:
    assert occurrences([*TEXT, "Ann Lee saw New/B-LOC York and Ann/B-PER Lee/I-PER"]) == [
        ("Ann Lee", True, False),
        ("New York", False, True),
        ("Ann Lee", False, False),
    ]


def test_the_longest_phrase_at_a_place_counts() -> None:
    lines = ["York/B-LOC ran", "New/B-LOC York/I-LOC ran", "in New York City , York"]
    assert occurrences(lines) == [("New York", True, False), ("York", True, False)]


def test_a_phrase_does_not_reach_over_the_end_of_a_sentence() -> None:
    assert occurrences([*TEXT, "then New", "York ran"]) == []


def test_rare_phrases_are_not_looked_for() -> None:
    assert occurrences([*TEXT, "New York and Ann Lee"], min_count=3) == [("Ann Lee", True, False)]


def test_very_long_entities_are_no_phrases() -> None:
    words = " ".join("ab"[i % 2] for i in range(MAX_PHRASE + 1))
    long = " ".join(f"{word}/{'I' if i else 'B'}-PER" for i, word in enumerate(words.split()))
    assert occurrences([long, words]) == []
