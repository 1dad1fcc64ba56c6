"""Words and characters hidden in training: at the rate asked for, the same on any rank, and nothing else touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_batches import NUM_WORDS, IdSentence, batch_of, random_sentence

from ner_dist.config import Model
from ner_dist.contract.shard_format import UNK_ID
from ner_dist.data.batch import Batch
from ner_dist.training.word_dropout import WordDropout

# Every third word occurs once in train.
COUNT_V = np.where(np.arange(NUM_WORDS) % 3 == 0, 1, 5)


def sentences(num: int = 60, first_id: int = 0) -> list[IdSentence]:
    rng = np.random.default_rng(first_id)
    return [random_sentence(rng, first_id + i, int(rng.integers(1, 25))) for i in range(num)]


def word_dropout(seed: int = 1, **rates: float) -> WordDropout:
    return WordDropout(Model(**rates), seed, COUNT_V)  # type: ignore[arg-type]


def words(batch: Batch) -> np.ndarray:
    """(T, B) vocabulary ids, -1 at padding."""
    return np.where(batch.mask_TB > 0, batch.word_ids_W[batch.word_TB], -1)


def chars(batch: Batch) -> dict[tuple[int, int], tuple[int, ...]]:
    """The characters of each token by sentence and place."""
    return {
        (int(sentence), t): tuple(batch.char_NC[batch.spelling_TB[t, b]].tolist())
        for b, sentence in enumerate(batch.sentence_id_B)
        for t in range(batch.length_B[b])
    }


def test_without_rates_a_batch_is_left_alone() -> None:
    batch = batch_of(sentences(5))
    assert word_dropout().apply(batch, 0, 0) is batch


def test_singletons_become_unknown_at_their_rate_and_others_stay() -> None:
    batch = batch_of(sentences(300))
    before, after = words(batch), words(word_dropout(dropout_singletons=0.5).apply(batch, 0, 0))
    single = (before > 0) & (before % 3 == 0)
    np.testing.assert_array_equal(after[~single], before[~single])
    hidden = after[single] == UNK_ID
    np.testing.assert_array_equal(after[single][~hidden], before[single][~hidden])
    assert abs(hidden.mean() - 0.5) < 5 * np.sqrt(0.25 / hidden.size)


def test_all_singletons_become_unknown_at_a_rate_of_1() -> None:
    batch = batch_of(sentences(20))
    before, after = words(batch), words(word_dropout(dropout_singletons=1.0).apply(batch, 0, 0))
    assert (after[(before > 0) & (before % 3 == 0)] == UNK_ID).all()


def test_every_word_is_hidden_at_the_rate_of_words_and_singletons_at_the_larger_one() -> None:
    batch = batch_of(sentences(400))
    before = words(batch)
    hidden = words(word_dropout(dropout_words=0.25, dropout_singletons=0.75).apply(batch, 3, 0)) != before
    for single, rate in ((True, 0.75), (False, 0.25)):
        # The unknown word itself cannot be seen to change.
        share = hidden[(before > UNK_ID) & ((before % 3 == 0) == single)]
        assert abs(share.mean() - rate) < 5 * np.sqrt(0.25 / share.size)


def test_the_words_of_a_hidden_batch_are_distinct_rising_and_all_used() -> None:
    batch = word_dropout(dropout_words=0.5).apply(batch_of(sentences(30)), 0, 0)
    assert (np.diff(batch.word_ids_W) > 0).all()
    assert set(batch.word_TB[batch.mask_TB > 0].tolist()) == set(range(len(batch.word_ids_W)))
    assert batch.word_TB.dtype == np.int32


@pytest.mark.parametrize("rates", [{"dropout_words": 0.3}, {"dropout_chars": 0.3}])
def test_what_is_hidden_does_not_depend_on_the_batch(rates: dict[str, Any]) -> None:
    them = sentences(12)
    together = word_dropout(**rates).apply(batch_of(them), 2, 7)
    for column, sentence in enumerate(them):
        alone = word_dropout(**rates).apply(batch_of([sentence]), 2, 7)
        length = len(sentence.words)
        np.testing.assert_array_equal(words(together)[:length, column], words(alone)[:, 0])
        spelled, alone_spelled = chars(together), chars(alone)
        for place, form in alone_spelled.items():
            width = min(len(form), len(spelled[place]))
            assert spelled[place][:width] == form[:width]


@pytest.mark.parametrize("rates", [{"dropout_words": 0.5}, {"dropout_chars": 0.5}])
@pytest.mark.parametrize("changed", [{"seed": 2}, {"epoch": 1}])
def test_another_seed_or_epoch_hides_others(rates: dict[str, Any], changed: dict[str, int]) -> None:
    batch = batch_of(sentences(10))

    def hidden(seed: int = 1, epoch: int = 0) -> Batch:
        return word_dropout(seed, **rates).apply(batch, epoch, 0)

    one, other = hidden(), hidden(**changed)
    assert not np.array_equal(words(one), words(other)) or not np.array_equal(one.char_NC, other.char_NC)


def test_characters_become_the_unknown_one_of_their_type_at_the_rate() -> None:
    batch = batch_of(sentences(200))
    hidden = word_dropout(dropout_chars=0.25).apply(batch, 0, 0)
    changed = hidden.char_NC != batch.char_NC
    # Unknown characters of a type bear the type's number.
    np.testing.assert_array_equal(hidden.char_NC[changed], batch.char_type_NC[changed])
    np.testing.assert_array_equal(hidden.char_type_NC, batch.char_type_NC)
    could = (batch.char_NC > 0) & (batch.char_NC != batch.char_type_NC)
    assert abs(changed[could].mean() - 0.25) < 5 * np.sqrt(0.25 / could.sum())
    assert not hidden.char_NC[batch.char_NC == 0].any()


def test_a_form_is_spelled_otherwise_in_another_step() -> None:
    batch = batch_of(sentences(10))
    first, second = (word_dropout(dropout_chars=0.5).apply(batch, 0, step).char_NC for step in (0, 1))
    assert not np.array_equal(first, second)
