"""Invisible characters are trimmed and shown; look-alikes are named."""

from __future__ import annotations

import pytest

from data_prep.tags.tag_characters import character_name, plain_characters
from ner_dist.contract.visible_text import shown, trim

INVISIBLE = [
    " ",
    "\t",
    "\u00a0",
    "\u3000",
    "\u200b",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "\u200e",
    "\u202e",
    "\u3164",
]


@pytest.mark.parametrize("char", INVISIBLE, ids=character_name)
def test_invisible_characters_are_trimmed_at_the_ends_only(char: str) -> None:
    assert trim(f"{char}{char}a{char}b{char}") == f"a{char}b"
    assert trim(char) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PER\u00a0", r"'PER\u00a0'"),
        ("PER ", "'PER '"),
        ("a\u200bb\U000e0020", r"'a\u200bb\U000e0020'"),
        ("it's \\", r"'it\'s \\'"),
        ("Müßig-\u4eba", "'Müßig-\u4eba'"),
    ],
)
def test_invisible_characters_are_shown(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_look_alikes_have_names_and_plain_characters() -> None:
    assert character_name("\u2013") == "U+2013 EN DASH"
    assert plain_characters("\u0412\u2013\u041e") == "B-O"
