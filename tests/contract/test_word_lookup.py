"""One rule gives a token its word id, in preparation and in prediction."""

from __future__ import annotations

import numpy as np
import pytest
from fitted_words import fitted_words
from hypothesis import given
from hypothesis import strategies as st

from data_prep.settings import Settings
from ner_dist.contract.shard_format import UNK_ID
from ner_dist.contract.word_lookup import lookup_key, normalise, word_id_lookup


def test_words_are_lower_cased_and_digit_runs_become_one_zero() -> None:
    assert normalise("F-16s", False, False) == "f-0s"
    assert normalise("1,000.50", False, False) == "0,0.0"
    assert normalise("F-16s", True, False) == "F-0s"
    assert normalise("F-16s", False, True) == "f-16s"


@pytest.mark.parametrize(
    ("with_vector", "expected"),
    [
        ({"F-16s", "f-16s", "f-0s", "F-0s"}, ("F-16s", "exact")),
        ({"f-16s", "f-0s", "F-0s"}, ("f-16s", "lower")),
        ({"f-0s", "F-0s"}, ("f-0s", "digits")),
        ({"F-0s"}, ("f-0s", None)),
        (set(), ("f-0s", None)),
    ],
)
def test_the_first_key_that_has_a_vector_is_taken(with_vector: set[str], expected: tuple[str, str | None]) -> None:
    assert lookup_key("F-16s", False, False, with_vector) == expected


def test_a_kept_spelling_without_a_vector_of_its_own_may_find_that_of_another_word() -> None:
    assert lookup_key("F-16s", True, False, {"F-0s"}) == ("F-0s", "digits")
    assert lookup_key("F-16s", True, True, {"F-0s"}) == ("F-16s", None)
    assert lookup_key("F-16s", False, True, {"F-0s"}) == ("f-16s", None)


def test_a_token_of_unseen_text_gets_the_id_of_its_key_or_unknown() -> None:
    values = ["<pad>", "<unk>", "the", "bare", "0", "1996", "The"]
    word_id = word_id_lookup(values, False, False, [0, 1, 3])
    found = {token: word_id(token) for token in ("The", "THE", "1996", "1997", "BARE", "new", "<unk>", "<pad>")}
    assert found == {
        "The": 6,
        "THE": 2,
        "1996": 5,
        "1997": 4,
        "BARE": 3,
        "new": UNK_ID,
        "<unk>": UNK_ID,
        "<pad>": UNK_ID,
    }


def test_without_vectors_only_the_normalised_key_counts() -> None:
    values = ["<pad>", "<unk>", "the", "The", "1996", "0"]
    assert [word_id_lookup(values, False, False)(token) for token in ("The", "1996")] == [2, 5]
    assert [word_id_lookup(values, True, False)(token) for token in ("The", "THE", "1996")] == [3, UNK_ID, 5]


# Few letters, so that keys meet; some whose lower case is longer, or depends on what stands beside them.
TOKENS = st.lists(st.text("aA1\u0661İΣς-", min_size=1, max_size=4), min_size=1, max_size=20, unique=True)


@given(
    tokens=TOKENS,
    vector_words=st.none() | TOKENS,
    chance=st.integers(0, 1 << 32),
    keep_case=st.booleans(),
    keep_digits=st.booleans(),
    which=st.sampled_from(["all", "corpus"]),
)
def test_every_token_of_a_corpus_gets_the_id_that_preparation_gave_it(
    tokens: list[str], vector_words: list[str] | None, chance: int, keep_case: bool, keep_digits: bool, which: str
) -> None:
    count_V = np.random.default_rng(chance).integers(0, 4, len(tokens))
    rows = None if vector_words is None else {word: row for row, word in enumerate(vector_words)}
    settings = Settings(keep_case=keep_case, keep_digits=keep_digits, vector_words=which)
    words = fitted_words(tokens, count_V, settings, rows)
    word_id = word_id_lookup(words.vocab.values, keep_case, keep_digits, words.vocab.without_vector)
    assert [word_id(token) for token in tokens] == words.id_V.tolist()
    for word in rows or {} if which == "all" else ():
        assert words.vocab.values[word_id(word)] == word, "a word of the file is found as it is"
