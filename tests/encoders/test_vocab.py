"""Vocabularies: from train alone, deterministic, with every character's type kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_prep.encoders.vocab import fit_chars, fit_values, fit_words, gather_chars
from data_prep.settings import Settings
from ner_dist.contract.shard_format import CHAR_TYPES, CHAR_UNK_IDS, NUM_CHAR_SPECIALS, UNK_ID

TOKENS = ["The", "the", "1996", "07", "Zoë", "!"]


def counts(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_spellings_of_a_word_share_an_id_and_their_counts_add_up() -> None:
    words = fit_words(TOKENS, counts(2, 3, 1, 1, 1, 0), Settings(min_count=2))
    assert words.vocab.values == ["<pad>", "<unk>", "the", "0"]
    assert words.vocab.counts == [0, 1, 5, 2]
    assert words.id_V.tolist() == [2, 2, 3, 3, UNK_ID, UNK_ID]


def test_values_are_ordered_by_descending_count_then_text() -> None:
    vocab, ids = fit_values(["b", "a", "c", "d"], counts(2, 2, 3, 0), min_count=1)
    assert vocab.values == ["<pad>", "<unk>", "c", "a", "b"]
    assert fit_values(["d", "c", "b", "a"], counts(0, 3, 2, 2), min_count=1)[0] == vocab
    assert ids.tolist() == [4, 3, 2, UNK_ID]


# A file of vectors: words and their rows. Of the tokens, "rare" and "The" occur once in train, "dev" and "07" never.
ROWS = {"the": 0, "other": 1, "dev": 2, "0": 3, "The": 4, "rare": 5, "1996": 6, "<unk>": 7}
WITH_ROWS = ["THE", "The", "1996", "1997", "rare", "bare", "Bare", "dev", "07", "lone"]
COUNTS = [3, 1, 2, 1, 1, 1, 1, 0, 0, 1]


def test_words_of_train_come_first_and_one_with_a_vector_needs_to_occur_only_once() -> None:
    words = fit_words(WITH_ROWS, counts(*COUNTS), Settings(min_count=2), ROWS)
    of_train = ["the", "1996", "bare", "0", "The", "rare"]
    unseen = ["other", "dev", "<unk>"]
    assert words.vocab.values == ["<pad>", "<unk>", *of_train, *unseen]
    assert words.vocab.counts == [0, 1, 3, 2, 2, 1, 1, 1, 0, 0, 0]
    assert words.vocab.without_vector == [0, 1, of_train.index("bare") + 2]
    assert words.lookup is not None
    assert words.lookup.first_unseen == 2 + len(of_train)
    assert words.lookup.row_I.tolist() == [-1, -1, 0, 6, -1, 3, 4, 5, 1, 2, 7]
    found = [words.vocab.values[word_id] for word_id in words.id_V]
    assert found == ["the", "The", "1996", "0", "rare", "bare", "bare", "dev", "0", "<unk>"]
    assert words.id_V[-1] == UNK_ID
    steps = ["lower", "exact", "exact", "digits", "exact", None, None, "exact", "digits", None]
    assert words.lookup.steps == steps


def test_of_many_words_the_most_frequent_are_kept_and_those_with_a_vector() -> None:
    few = fit_words(TOKENS, counts(2, 3, 1, 1, 4, 0), Settings(min_count=1, max_words=2))
    assert (few.vocab.values, few.vocab.counts) == (["<pad>", "<unk>", "the", "zoë"], [0, 2, 5, 4])
    assert few.id_V.tolist() == [2, 2, UNK_ID, UNK_ID, 3, UNK_ID]
    words = fit_words(WITH_ROWS, counts(*COUNTS), Settings(min_count=1, max_words=1), ROWS)
    assert words.vocab.values[:8] == ["<pad>", "<unk>", "the", "1996", "bare", "0", "The", "rare"]
    # "lone" alone.
    assert words.vocab.counts[UNK_ID] == 1


@pytest.mark.parametrize("rows", [None, ROWS])
def test_counts_of_many_words_go_through_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: dict[str, int] | None
) -> None:
    settings = Settings(min_count=2)
    whole = fit_words(WITH_ROWS, counts(*COUNTS), settings, rows)
    monkeypatch.setattr("data_prep.encoders.vocab.RUN_TEXTS", 2)
    monkeypatch.setattr("data_prep.encoders.merge_counts.FAN_IN", 2)
    parts = fit_words(WITH_ROWS, counts(*COUNTS), settings, rows, spill=tmp_path)
    assert (parts.vocab, parts.keys, parts.id_V.tolist()) == (whole.vocab, whole.keys, whole.id_V.tolist())
    assert not list(tmp_path.iterdir())


def test_words_that_train_lacks_can_be_limited_to_those_of_the_corpus() -> None:
    words = fit_words(WITH_ROWS, counts(*COUNTS), Settings(min_count=2, vector_words="corpus"), ROWS)
    assert words.vocab.values == ["<pad>", "<unk>", "the", "1996", "bare", "0", "The", "rare", "dev"]
    assert words.lookup is not None
    assert words.lookup.first_unseen == 8


def test_without_vectors_the_vocabulary_does_not_mention_them() -> None:
    words = fit_words(TOKENS, counts(2, 3, 1, 1, 1, 0), Settings(min_count=2))
    assert words.lookup is None
    assert list(words.vocab.record()) == ["values", "counts"]
    with_vectors = fit_words(TOKENS, counts(2, 3, 1, 1, 1, 0), Settings(min_count=2), {"the": 0})
    assert with_vectors.vocab.values == words.vocab.values, "the same forms, as no other has a vector"
    assert list(with_vectors.vocab.record()) == ["values", "counts", "without_vector"]


def test_characters_do_not_depend_on_how_many_tokens_are_processed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, count_V = [*TOKENS, "😀", "Ωmega"], np.arange(8)
    whole = fit_chars(tokens, count_V, Settings(min_char_count=3))
    monkeypatch.setattr("data_prep.encoders.vocab.TOKENS_AT_ONCE", 1)
    parts = fit_chars(tokens, count_V, Settings(min_char_count=3))
    assert parts.vocab == whole.vocab
    assert (parts.id_C.tolist(), parts.length_V.tolist()) == (whole.id_C.tolist(), whole.length_V.tolist())


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


def test_rare_characters_are_counted_under_the_unknown_of_their_type() -> None:
    chars = fit_chars(["aab", "C"], counts(2, 1), Settings(min_char_count=3))
    assert chars.vocab.values[NUM_CHAR_SPECIALS:] == ["a"]
    assert chars.vocab.counts == [0, 1, 2, 0, 0, 4]


def test_both_ends_of_a_long_word_are_encoded() -> None:
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
