"""Broken tags are reported or repaired; long sentences are cut, and the entities in them if need be."""

from __future__ import annotations

import numpy as np
from read_tags import read_one

from data_prep.passes.repair_tags import cut_long


def test_an_entity_longer_than_a_sentence_may_be_is_cut_and_counted() -> None:
    # B I I I L of one type, ids 1 2 2 2 3.
    tags, lengths, pieces, num_cut = cut_long(np.array([0, 1, 2, 2, 2, 3, 0]), np.array([1, 6]), 2)
    assert lengths.tolist() == [1, 2, 2, 2]
    assert pieces.tolist() == [1, 3]
    assert tags.tolist() == [0, 1, 3, 1, 3, 4, 0]
    assert num_cut == 2


def test_tags_are_quoted_as_they_stand_in_the_file() -> None:
    read = read_one(["O", "I_per\u00a0", "O"], ["b_per", "i_loc"], ["b_per"], scheme="bio")
    assert read.problems.errors == [
        r"c:2: error: tag 'I_per\u00a0' is neither O nor one of b i, an underscore and a type "
        "(--on-malformed-tag repair reads it as I-per, outside as O)",
        "c:6: error: tag 'i_loc' after 'b_per' breaks bio (--on-broken repair reads it as the CoNLL scorer does)",
    ]


def test_an_unfinished_entity_is_told_in_the_letters_of_the_file() -> None:
    read = read_one(*["B-X M-X E-X"] * 9, "S-X B-X")
    assert read.problems.errors == [
        "c:38: error: tag 'B-X' after 'S-X' and at the end of the sentence breaks bmes "
        "(--on-broken repair reads it as the CoNLL scorer does)"
    ]


def test_errors_of_all_kinds_are_in_the_order_of_the_lines() -> None:
    read = read_one(*["B-X I-X O"] * 20, "I-X OO E-X", "B\u2013X I-X", "X-X I-Y")
    assert [error[:20] for error in read.problems.errors] == [
        "c:81: error: tag 'I-",
        "c:82: error: tag 'OO",
        "c:83: error: tag 'E-",
        # What follows a look-alike fits what is meant.
        "c:85: error: tag 'B\u2013",
        "c:88: error: tag 'X-",
        "c:89: error: tag 'I-",
    ]


def test_errors_beyond_the_first_20_are_counted() -> None:
    read = read_one(*["B-X I-X O"] * 99, "OO " * 50)
    assert (len(read.problems.errors), read.problems.num_errors) == (20, 50)


def test_malformed_and_foreign_tags_are_repaired_and_counted() -> None:
    good = ["B-X I-X O"] * 20
    read = read_one(*good, "B-X E-X OO B\u2013X I-X", "S-X \u041e X-X B_Y", on_broken="repair")
    assert read.problems.errors == []
    assert read.problems.warnings == {"broken_tags_repaired": 2, "malformed_tags_repaired": 5}
    assert [entity[1:] for entity in read.entities[0] if entity.sentence >= 20] == [
        (0, 2, "X"),
        (3, 5, "X"),
        (0, 1, "X"),
        (3, 4, "Y"),
    ]
    assert any(message.endswith("and a type; read as O") for message in read.messages)
    assert any("EN DASH where '-' is expected; read as B-X" in message for message in read.messages)


def test_repaired_types_are_no_types_without_repair() -> None:
    assert read_one(*["B-X I-X O"] * 20, "B_Y").entity_types == ["X"]


def test_a_word_for_a_tag_in_the_first_line_may_be_a_header() -> None:
    read = read_one("label", *["B-X I-X O"] * 20, "label")
    assert "c:1: error: tag 'label' is neither" in read.problems.errors[0]
    assert "if this line is a header, --columns token=NAME tag=NAME says so" in read.problems.errors[0]
    assert "header" not in read.problems.errors[1]
