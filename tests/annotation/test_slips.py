"""Slips of annotation: what the rest of a corpus hardly ever does is found, and what it does at times is not."""

from __future__ import annotations

import pytest
from made_blocks import TYPES, block_of

from data_prep.annotation.slips import SlipFinder, has_partner
from data_prep.sentences.string_ids import StringIds

VERBS = ("saw", "met", "left", "asked", "called")
# Sentences that say what entities are and where they stand, without any of those of the tests.
USUAL = [
    f"{name}/B-PER {verb} {town}/B-LOC yesterday ."
    for verb in VERBS
    for name, town in (("Bob", "Rome"), ("Carla", "Oslo"), ("Dan", "Bonn"))
]


def slips_of(lines: list[str]) -> list[tuple[str, str, str]]:
    """Kind, tokens and type of each slip."""
    tokens = StringIds()
    # Numbered before the finder asks how many there are.
    block = block_of([*USUAL, *lines], tokens)
    finder = SlipFinder(len(TYPES), tokens.texts)
    finder.count_entities(iter([block]))
    finder.learn_phrases(iter([block]))
    finder.count_occurrences(iter([block]))
    return [
        (slip.kind, " ".join(tokens.strings(block.token_M[slip.start : slip.end])), TYPES[slip.type_id])
        for slip in finder.slips(block)
    ]


def many(line: str, times: int = 12) -> list[str]:
    return [line.replace("VERB", VERBS[i % len(VERBS)]) for i in range(times)]


def test_a_corpus_that_is_consistent_has_no_slips() -> None:
    assert slips_of(many("Ann/B-PER Lee/I-PER VERB Bob/B-PER .")) == []


def test_a_phrase_that_is_left_blank_once_is_found() -> None:
    lines = [*many("Ann/B-PER Lee/I-PER VERB Bob/B-PER ."), "Ann Lee saw Rome/B-LOC ."]
    assert slips_of(lines) == [("inconsistent_phrase", "Ann Lee", "PER")]


def test_a_phrase_inside_a_longer_entity_is_not_blank() -> None:
    lines = [*many("Ann/B-PER Lee/I-PER VERB Bob/B-PER ."), "Ann/B-ORG Lee/I-ORG Works/I-ORG saw Rome/B-LOC ."]
    assert slips_of(lines) == []


def test_a_common_word_that_is_a_name_at_times_is_no_slip() -> None:
    lines = [*many("Bob/B-PER VERB May/B-PER ."), *many("Bob/B-PER May do it .", 4)]
    assert slips_of(lines) == []


def test_a_name_that_is_seen_twice_says_nothing_about_other_places() -> None:
    assert slips_of([*many("Ann/B-PER VERB Bob/B-PER .", 2), "Ann saw Bob/B-PER ."]) == []


def test_another_type_than_usual_is_found() -> None:
    lines = [*many("Ann/B-PER Lee/I-PER VERB Rome/B-LOC ."), "Ann/B-ORG Lee/I-ORG saw Rome/B-LOC ."]
    assert slips_of(lines) == [("inconsistent_type", "Ann Lee", "PER")]


def test_a_name_with_two_readings_is_no_slip() -> None:
    lines = [*many("Bob/B-PER VERB Leeds/B-LOC ."), *many("Leeds/B-ORG won again .", 4)]
    assert slips_of(lines) == []


def test_an_entity_that_is_only_a_part_of_the_usual_one_is_found() -> None:
    lines = [*many("Ann/B-PER Lee/I-PER VERB Bob/B-PER ."), "Ann/B-PER Lee saw Rome/B-LOC ."]
    assert slips_of(lines) == [("inconsistent_border", "Ann Lee", "PER")]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Bob/B-PER met Ann/B-PER Lee/I-PER ,/I-PER too", "punctuation_in_entity"),
        ("Bob/B-PER met Ann/B-PER Lee/I-PER ./I-PER", "punctuation_in_entity"),
        ("Bob/B-PER met Ann/B-PER Lee/I-PER and/I-PER Rome/B-LOC", "inconsistent_border"),
        ("Bob/B-PER met with/B-PER Ann/I-PER Lee/I-PER .", "inconsistent_border"),
    ],
)
def test_a_token_too_many_at_an_end_is_found(line: str, kind: str) -> None:
    lines = [
        *many("Bob/B-PER and Ann/B-PER Lee/I-PER , VERB Rome/B-LOC ."),
        *many("they VERB with Ann/B-PER Lee/I-PER and Rome/B-LOC"),
        line,
    ]
    assert slips_of(lines) == [(kind, "Ann Lee", "PER")]


def test_the_full_stop_of_an_abbreviation_belongs_to_the_entity() -> None:
    lines = [*many("Bob/B-PER VERB ."), "Bob/B-PER saw Acme/B-ORG Inc/I-ORG ./I-ORG", "an Inc . is here ."]
    assert slips_of(lines) == []


def test_a_closing_bracket_belongs_to_the_opening_one() -> None:
    lines = [*many("( Bob/B-PER ) VERB ."), "Ann/B-PER (/I-PER Lee/I-PER )/I-PER saw"]
    assert slips_of(lines) == []


@pytest.mark.parametrize("tokens", [["(", "a", ")"], ["a", "(", "b", ")"], ['"', "a", '"'], ["\u201e", "a", "\u201c"]])
def test_brackets_and_quotation_marks_have_partners(tokens: list[str]) -> None:
    assert has_partner(tokens)


@pytest.mark.parametrize("tokens", [["a", ")"], [",", "a", ","], ['"', "a"], ["a", "b"]])
def test_other_marks_have_none(tokens: list[str]) -> None:
    assert not has_partner(tokens)
