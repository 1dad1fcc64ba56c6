"""Words: from train alone, deterministic, and the same however the counts are spread over runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fitted_words import fitted_words

from data_prep.encoders import words as words_module
from data_prep.encoders.merge_counts import run_of
from data_prep.encoders.words import KeyRule, coverage, fit_words, misses, write_word_runs
from data_prep.settings import Settings
from ner_dist.contract.shard_format import UNK_ID

TOKENS = ["The", "the", "1996", "07", "Zoë", "!"]


def counts(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_spellings_of_a_word_share_an_id_and_their_counts_add_up() -> None:
    words = fitted_words(TOKENS, counts(2, 3, 1, 1, 1, 0), Settings(min_count=2))
    assert words.vocab.values == ["<pad>", "<unk>", "the", "0"]
    assert words.vocab.counts == [0, 1, 5, 2]
    assert words.id_V.tolist() == [2, 2, 3, 3, UNK_ID, UNK_ID]


# A file of vectors: words and their rows. Of the tokens, "rare" and "The" occur once in train, "dev" and "07" never.
ROWS = {"the": 0, "other": 1, "dev": 2, "0": 3, "The": 4, "rare": 5, "1996": 6, "<unk>": 7}
WITH_ROWS = ["THE", "The", "1996", "1997", "rare", "bare", "Bare", "dev", "07", "lone"]
COUNTS = [3, 1, 2, 1, 1, 1, 1, 0, 0, 1]


def test_words_of_train_come_first_and_one_with_a_vector_needs_to_occur_only_once() -> None:
    words = fitted_words(WITH_ROWS, counts(*COUNTS), Settings(min_count=2), ROWS)
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
    assert words.steps == steps


def test_of_many_words_the_most_frequent_are_kept_and_those_with_a_vector() -> None:
    few = fitted_words(TOKENS, counts(2, 3, 1, 1, 4, 0), Settings(min_count=1, max_words=2))
    assert (few.vocab.values, few.vocab.counts) == (["<pad>", "<unk>", "the", "zoë"], [0, 2, 5, 4])
    assert few.id_V.tolist() == [2, 2, UNK_ID, UNK_ID, 3, UNK_ID]
    words = fitted_words(WITH_ROWS, counts(*COUNTS), Settings(min_count=1, max_words=1), ROWS)
    assert words.vocab.values[:8] == ["<pad>", "<unk>", "the", "1996", "bare", "0", "The", "rare"]
    # "lone" alone.
    assert words.vocab.counts[UNK_ID] == 1


@pytest.mark.parametrize("rows", [None, ROWS])
def test_the_vocabulary_does_not_depend_on_how_the_counts_are_spread_over_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: dict[str, int] | None
) -> None:
    settings = Settings(min_count=2)
    keys, _ = KeyRule(settings.keep_case, settings.keep_digits, rows).keys(WITH_ROWS)
    whole = fit_words([run_of(keys, counts(*COUNTS))], settings, rows)
    monkeypatch.setattr(words_module, "RUN_TEXTS", 2)
    runs = write_word_runs(tmp_path / "run", keys, counts(*COUNTS))
    assert [path.name for path in runs] == [f"run-{number}" for number in range(5)]
    assert fit_words(runs, settings, rows).vocab == whole.vocab


def test_words_that_train_lacks_can_be_limited_to_those_of_the_corpus() -> None:
    words = fitted_words(WITH_ROWS, counts(*COUNTS), Settings(min_count=2, vector_words="corpus"), ROWS)
    assert words.vocab.values == ["<pad>", "<unk>", "the", "1996", "bare", "0", "The", "rare", "dev"]
    assert words.lookup is not None
    assert words.lookup.first_unseen == 8


def test_without_vectors_the_vocabulary_does_not_mention_them() -> None:
    words = fitted_words(TOKENS, counts(2, 3, 1, 1, 1, 0), Settings(min_count=2))
    assert words.lookup is None
    assert list(words.vocab.record()) == ["values", "counts"]
    with_vectors = fitted_words(TOKENS, counts(2, 3, 1, 1, 1, 0), Settings(min_count=2), {"the": 0})
    assert with_vectors.vocab.values == words.vocab.values, "the same forms, as no other has a vector"
    assert list(with_vectors.vocab.record()) == ["values", "counts", "without_vector"]


def test_types_and_tokens_with_a_vector_are_counted_by_the_step_that_found_it() -> None:
    rule = KeyRule(keep_case=False, keep_digits=False, with_vector=ROWS)
    # A token of several parts of a corpus is one type.
    runs = [run_of(["THE", "The", "bare"], [3, 1, 1]), run_of(["THE", "07", "lone"], [2, 4, 0])]
    assert coverage(runs, rule) == {
        "types": {"all": 4, "exact": 1, "lower": 1, "digits": 1},
        "tokens": {"all": 11, "exact": 1, "lower": 5, "digits": 4},
    }
    assert coverage([], rule)["types"] == {"all": 0, "exact": 0, "lower": 0, "digits": 0}


def test_the_most_frequent_words_without_a_vector_are_named() -> None:
    runs = [run_of(["the", "b", "a"], [9, 1, 1]), run_of(["b", *"cdefghijklm"], [1] * 12)]
    assert misses(runs, ROWS) == {"b": 2, **dict.fromkeys("acdefghij", 1)}
