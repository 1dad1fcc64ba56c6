"""What a token's spelling shows: capitalisation, character types, both ends of a long token."""

from __future__ import annotations

import pytest

from ner_dist.contract.spelling import capitalisation, char_type, shorten


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("NATO", "allCaps"),
        ("U.S.", "allCaps"),
        ("A", "allCaps"),
        ("Paris", "upperInitial"),
        ("O'brien", "upperInitial"),
        ("word", "lowercase"),
        ("1990s", "lowercase"),
        ("iPhone", "mixedCaps"),
        ("McDonald", "mixedCaps"),
        ("1996-08-22", "noinfo"),
        (",", "noinfo"),
        ("東京", "noinfo"),
    ],
)
def test_capitalisation_classes(token: str, expected: str) -> None:
    assert capitalisation(token) == expected


@pytest.mark.parametrize(
    ("char", "expected"),
    [("A", "upper"), ("É", "upper"), ("z", "lower"), (".", "punct"), ("$", "punct"), ("7", "other"), ("東", "other")],
)
def test_character_types(char: str, expected: str) -> None:
    assert char_type(char) == expected


def test_a_long_word_shows_both_its_ends() -> None:
    assert shorten("abcdefgh", 5) == "abcgh"
    assert shorten("abcde", 5) == "abcde"
