"""Characters: every one's type is kept, and the vocabulary is of train alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from data_prep.encoders.characters import CharEncoding, count_chars, encode_chars, fit_chars, gather_chars, sum_chars
from data_prep.encoders.vocab import Vocab
from ner_dist.contract.shard_format import CHAR_TYPES, CHAR_UNK_IDS, NUM_CHAR_SPECIALS

TOKENS = ["The", "the", "1996", "07", "Zoë", "!"]


def fitted(tokens: Sequence[str], *counts: int, min_count: int = 1, max_chars: int = 25) -> tuple[Vocab, CharEncoding]:
    vocab = fit_chars(count_chars(tokens, np.array(counts, np.int64), max_chars), min_count)
    return vocab, encode_chars(tokens, max_chars, vocab.values)


def ids_of(chars: CharEncoding) -> list[int]:
    return gather_chars(chars, np.arange(len(chars.length_V)))[0].tolist()


def test_characters_do_not_depend_on_how_many_tokens_are_processed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = [*TOKENS, "😀", "Ωmega", ""]
    vocab, chars = fitted(tokens, *range(9), min_count=3)
    monkeypatch.setattr("data_prep.encoders.characters.TOKENS_AT_ONCE", 1)
    other_vocab, other = fitted(tokens, *range(9), min_count=3)
    assert other_vocab == vocab
    assert (ids_of(other), other.length_V.tolist()) == (ids_of(chars), chars.length_V.tolist())


def test_counts_of_parts_add_up_to_those_of_the_whole() -> None:
    count_V = np.arange(len(TOKENS))
    whole = count_chars(TOKENS, count_V, 25)
    parts = [count_chars(TOKENS[some], count_V[some], 25) for some in (slice(2), slice(2, 2), slice(2, None))]
    for found in (sum_chars(parts), sum_chars(parts[::-1])):
        assert [values.tolist() for values in found] == [values.tolist() for values in whole]
    assert [len(values) for values in sum_chars([])] == [0, 0]


def test_unseen_characters_keep_their_type() -> None:
    vocab, chars = fitted(["aA", "bB.1"], 3, 0)
    assert vocab.values == ["<pad>", "<unk-upper>", "<unk-lower>", "<unk-punct>", "<unk-other>", "A", "a"]
    assert vocab.counts == [0, 0, 0, 0, 0, 3, 3]
    assert [CHAR_TYPES[kind] for kind in vocab.types or []] == [*CHAR_TYPES, "upper", "lower"]
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


def test_rare_characters_are_counted_under_the_unknown_of_their_type() -> None:
    vocab, _ = fitted(["aab", "C"], 2, 1, min_count=3)
    assert vocab.values[NUM_CHAR_SPECIALS:] == ["a"]
    assert vocab.counts == [0, 1, 2, 0, 0, 4]


def test_both_ends_of_a_long_word_are_encoded() -> None:
    vocab, chars = fitted(["abcdefgh"], 1, max_chars=4)
    assert "".join(vocab.values[i] for i in ids_of(chars)) == "abgh"


def test_characters_beyond_the_basic_plane_are_one_character() -> None:
    vocab, chars = fitted(["😀a"], 1)
    assert vocab.values[NUM_CHAR_SPECIALS:] == ["a", "😀"]
    assert chars.length_V.tolist() == [2]


def test_the_character_vocabulary_fits_its_16_bits() -> None:
    text = "".join(chr(code) for code in range(0x20, 0x20000) if not 0xD800 <= code < 0xE000)
    tokens = [text[i : i + 100] for i in range(0, len(text), 100)]
    vocab, chars = fitted(tokens, *[1] * len(tokens), max_chars=100)
    assert len(vocab.values) == 1 << 16
    assert max(ids_of(chars)) == (1 << 16) - 1
