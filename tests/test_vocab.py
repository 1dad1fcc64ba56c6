"""Vocabularies: from train alone, deterministic, with every character's type kept."""

from __future__ import annotations

import numpy as np
import pytest

from data_prep.settings import Settings
from data_prep.vocab import char_type, fit_chars, fit_values, fit_words, gather_chars, normalise, shorten
from ner_dist.shard_format import CHAR_TYPES, CHAR_UNK_IDS, NUM_CHAR_SPECIALS, UNK_ID

TOKENS = ["The", "the", "1996", "07", "Zoë", "!"]


def counts(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_words_are_lower_cased_and_digit_runs_become_one_zero() -> None:
    assert normalise("F-16s", False, False) == "f-0s"
    assert normalise("1,000.50", False, False) == "0,0.0"
    assert normalise("F-16s", True, False) == "F-0s"
    assert normalise("F-16s", False, True) == "f-16s"


def test_forms_of_a_word_share_an_id_and_their_counts() -> None:
    words = fit_words(TOKENS, counts(2, 3, 1, 1, 1, 0), Settings(min_count=2))
    assert words.vocab.values == ["<pad>", "<unk>", "the", "0"]
    assert words.vocab.counts == [0, 1, 5, 2]
    assert words.id_V.tolist() == [2, 2, 3, 3, UNK_ID, UNK_ID]


def test_values_are_ordered_by_falling_count_then_text_whatever_their_first_order() -> None:
    vocab, ids = fit_values(["b", "a", "c", "d"], counts(2, 2, 3, 0), min_count=1)
    assert vocab.values == ["<pad>", "<unk>", "c", "a", "b"]
    assert fit_values(["d", "c", "b", "a"], counts(0, 3, 2, 2), min_count=1)[0] == vocab
    assert ids.tolist() == [4, 3, 2, UNK_ID]


@pytest.mark.parametrize(
    ("char", "expected"),
    [("A", "upper"), ("É", "upper"), ("z", "lower"), (".", "punct"), ("$", "punct"), ("7", "other"), ("東", "other")],
)
def test_character_types(char: str, expected: str) -> None:
    assert char_type(char) == expected


def test_unseen_characters_keep_their_type() -> None:
    chars = fit_chars(["aA", "bB.1"], counts(3, 0), Settings())
    assert chars.vocab.values == ["<pad>", "<unk-upper>", "<unk-lower>", "<unk-punct>", "<unk-other>", "A", "a"]
    assert chars.vocab.counts == [0, 0, 0, 0, 0, 3, 3]
    assert [CHAR_TYPES[kind] for kind in chars.vocab.types or []] == [*CHAR_TYPES, "upper", "lower"]
    ids, token_chars = gather_chars(chars, np.array([1, 0]))
    assert ids.tolist() == [
        CHAR_UNK_IDS["lower"],
        CHAR_UNK_IDS["upper"],
        CHAR_UNK_IDS["punct"],
        CHAR_UNK_IDS["other"],
        6,
        5,
    ]
    assert token_chars.tolist() == [4, 2]


def test_rare_characters_are_counted_under_their_unknown() -> None:
    chars = fit_chars(["aab", "C"], counts(2, 1), Settings(min_char_count=3))
    assert chars.vocab.values[NUM_CHAR_SPECIALS:] == ["a"]
    assert chars.vocab.counts == [0, 1, 2, 0, 0, 4]


def test_a_long_word_shows_both_its_ends() -> None:
    assert shorten("abcdefgh", 5) == "abcgh"
    assert shorten("abcde", 5) == "abcde"
    chars = fit_chars(["abcdefgh"], counts(1), Settings(max_chars=4))
    assert "".join(chars.vocab.values[i] for i in chars.id_C) == "abgh"


def test_characters_beyond_the_basic_plane_are_one_character() -> None:
    chars = fit_chars(["😀a"], counts(1), Settings())
    assert chars.vocab.values[NUM_CHAR_SPECIALS:] == ["a", "😀"]
    assert chars.length_V.tolist() == [2]


def test_the_character_vocabulary_fits_its_16_bits() -> None:
    text = "".join(chr(code) for code in range(0x20, 0x20000) if not 0xD800 <= code < 0xE000)
    chars = fit_chars(
        [text[i : i + 100] for i in range(0, len(text), 100)], np.ones(len(text) // 100 + 1, np.int64), Settings()
    )
    assert len(chars.vocab.values) == 1 << 16
    assert chars.id_C.dtype == np.uint16
