"""What to change in a sentence, and the sentence as it would then be."""

from __future__ import annotations

import pytest

from data_prep.annotation.suggestions import Entity, SentenceView, record, suggestion
from data_prep.sentences.record import NO_ORIGIN, Origin, Span

TOKENS = ["Ann", "Lee", "saw", "Rome", "."]
ANN, ROME = (0, 2, "PER"), (3, 4, "LOC")


def columns(entities: list[Entity], scheme: str = "bio", lines: tuple[int, ...] = (7, 8, 9, 10, 11)) -> SentenceView:
    return SentenceView(TOKENS, lines, entities, NO_ORIGIN, [NO_ORIGIN], scheme)


def text(entities: list[Entity]) -> SentenceView:
    """The second sentence of a record."""
    first = Origin(text="Hi.", starts=(0, 2), spans=(Span(0, 2, "X"),))
    starts = (4, 8, 12, 16, 20)
    spans = [Span(starts[a], starts[b - 1] + len(TOKENS[b - 1]), kind) for a, b, kind in entities]
    second = Origin(text=" Ann Lee saw Rome.", text_start=3, starts=starts, spans=tuple(spans))
    return SentenceView(TOKENS, [3] * 5, entities, second, [first, second], "bio")


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("bio", ["B-PER", "I-PER"]),
        ("bioes", ["B-PER", "E-PER"]),
        ("iob1", ["I-PER", "I-PER"]),
        ("?", ["B-PER", "I-PER"]),
    ],
)
def test_tags_of_columns_are_in_the_scheme_of_the_file(scheme: str, tags: list[str]) -> None:
    assert suggestion(columns([ROME], scheme), [], [ANN]) == {"action": "set_tags", "first_line": 7, "tags": tags}


def test_tags_that_stay_are_not_set() -> None:
    found = suggestion(columns([(0, 3, "PER"), ROME]), [(0, 3, "PER")], [ANN])
    assert found == {"action": "set_tags", "first_line": 9, "tags": ["O"]}


def test_in_a_record_of_tokens_the_first_one_is_counted() -> None:
    found = suggestion(columns([ANN], lines=(5,) * 5), [], [ROME])
    assert found == {"action": "set_tags", "first_line": 5, "first_token": 3, "tags": ["B-LOC"]}


def test_what_changes_nothing_suggests_nothing() -> None:
    assert suggestion(columns([ANN]), [ANN], [ANN]) is None


def test_places_in_texts_are_those_of_the_record() -> None:
    assert suggestion(text([ROME]), [], [ANN]) == {"action": "add", "entity": [4, 11, "PER"]}
    assert suggestion(text([ANN]), [ANN], []) == {"action": "remove", "entity": [4, 11, "PER"]}
    changed = suggestion(text([(0, 3, "PER")]), [(0, 3, "PER")], [ANN])
    assert changed == {"action": "replace", "entity": [4, 15, "PER"], "by": [4, 11, "PER"]}


def test_several_changes_of_a_text_are_no_suggestion() -> None:
    assert suggestion(text([ANN, ROME]), [ANN, ROME], []) is None


def test_the_record_of_columns_is_its_tokens_joined() -> None:
    after = record(columns([ROME]), [], [ANN])
    assert after == {"text": "Ann Lee saw Rome .", "entities": [[0, 7, "PER"], [12, 16, "LOC"]], "tokens": TOKENS}
    assert "Ann Lee saw Rome ."[12:16] == "Rome"


def test_the_record_of_a_text_is_all_of_it() -> None:
    after = record(text([(0, 3, "PER"), ROME]), [(0, 3, "PER")], [ANN])
    assert after == {"text": "Hi. Ann Lee saw Rome.", "entities": [[0, 2, "X"], [4, 11, "PER"], [16, 20, "LOC"]]}


def test_what_overlaps_the_new_entity_goes() -> None:
    after = record(columns([(1, 3, "ORG"), ROME]), [], [ANN])
    assert after["entities"] == [[0, 7, "PER"], [12, 16, "LOC"]]
