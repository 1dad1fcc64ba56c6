"""Odd words and characters are found and named."""

from __future__ import annotations

from collections import Counter

from data_prep.statistics.odd_tokens import char_kinds, odd_kinds


def test_odd_words_and_characters_are_told_by_kind() -> None:
    tokens = Counter(
        {"Paris": 3, "H5N1": 2, "McCain": 1, "--": 4, "naïve": 1, "Ωmega": 1, "a\u200bb": 1, "x" * 31: 1, "5\u00a0m": 1}
    )
    odd = {kind.name: (kind.num_occurrences, kind.num_distinct, kind.examples) for kind in odd_kinds(tokens)}
    assert odd == {
        "invisible characters": (1, 1, ["a\u200bb"]),
        "letters of several scripts": (1, 1, ["Ωmega"]),
        "white space within": (1, 1, ["5\u00a0m"]),
        "longer than 30 characters": (1, 1, ["x" * 31]),
        "capitals after small letters": (1, 1, ["McCain"]),
        "letters and digits mixed": (3, 2, ["H5N1", "5\u00a0m"]),
        "several characters, no letter or digit": (4, 1, ["--"]),
    }
    chars = {kind.name: (kind.num_occurrences, kind.num_distinct) for kind in char_kinds(tokens)}
    assert chars["punctuation"] == (8, 1)
    assert chars["greek letters"] == chars["latin letters beyond a to z"] == (1, 1)
    assert chars["invisible: spaces, controls, private use"] == (2, 2)


def test_decomposed_and_wrongly_decoded_words_are_odd() -> None:
    names = [kind.name for kind in odd_kinds(Counter(["cafe\u0301", "cafÃ©", "ca\ufffd", "\x85"]))]
    assert names == [
        "replacement characters",
        "mojibake",
        "not in Unicode's composed form (NFC)",
        "control characters",
        "white space within",
        "capitals after small letters",
    ]
