"""Calibration: the temperature that made the data is found, and the error is the one that is reported."""

from __future__ import annotations

import numpy as np
import pytest
from thread_comm import ThreadComm, on_ranks

from ner_dist.contract.calibration import Calibration
from ner_dist.data.batch import Batch
from ner_dist.evaluation.calibration import CONFIDENCES, calibrate, calibration_error, confidence_group
from ner_dist.evaluation.judged_entities import judge_all
from ner_dist.model.crf import TransitionScores
from ner_dist.model.entities import DecodedBatch
from ner_dist.model.viterbi import decode
from ner_dist.ranks.comm import Solo

NUM_TAGS, LENGTH = 9, 3


def batch_of(seed: int, temperature: float, num_sentences: int = 400) -> DecodedBatch:
    """Scores of which the gold tags were drawn at this temperature, by independent tokens of O, U-0 or U-1."""
    rng = np.random.default_rng(seed)
    emission_TBK = np.full((LENGTH, num_sentences, NUM_TAGS), -1e3, np.float32)
    single = [0, 4, 8]
    emission_TBK[:, :, single] = rng.normal(0, 3, (LENGTH, num_sentences, 3))
    # Of the Gumbel distribution: the largest of scores with such noise is a draw from their softmax.
    noisy = emission_TBK[:, :, single] / temperature + rng.gumbel(size=(LENGTH, num_sentences, 3))
    tag_TB = np.array(single)[noisy.argmax(2)]
    zeros = TransitionScores(np.zeros(NUM_TAGS), np.zeros((NUM_TAGS, NUM_TAGS)), np.zeros(NUM_TAGS))
    length_B = np.full(num_sentences, LENGTH)
    batch = Batch(*[np.zeros(0)] * (len(Batch._fields)))._replace(length_B=length_B, tag_TB=tag_TB)
    return DecodedBatch(batch, emission_TBK, zeros, decode(emission_TBK, length_B, zeros))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_data_is_found(temperature: float) -> None:
    found = calibrate([batch_of(seed, temperature) for seed in range(4)], 2, "dev", Solo())
    assert found is not None
    assert found.temperature == pytest.approx(temperature, rel=0.1)
    assert found.error_after < 0.03
    assert found.error_before > found.error_after or temperature == 1
    held_out = judge_all([batch_of(9, temperature)._replace(temperature=found.temperature)], 2, Solo())
    assert calibration_error(held_out.confidence_P, held_out.right_P) < 0.05


def test_the_error_is_the_mean_over_entities_of_their_groups_difference() -> None:
    confidence_P = np.array([0.2, 0.4, 0.95, 0.97, 1.0])
    right_P = np.array([False, True, True, False, True])
    expected = (2 * abs(0.5 - 0.3) + 2 * abs(0.5 - 0.96) + 1 * 0) / 5
    assert calibration_error(confidence_P, right_P) == pytest.approx(expected)
    assert calibration_error(np.zeros(0), np.zeros(0, bool)) == 0


def test_a_group_begins_with_its_lower_bound() -> None:
    assert confidence_group(np.array(CONFIDENCES)).tolist() == list(range(len(CONFIDENCES)))
    # Rounding may take a probability beyond 1.
    assert confidence_group(np.array([1 + 1e-12])).tolist() == [len(CONFIDENCES) - 1]


def test_entities_are_right_if_span_and_type_are() -> None:
    given = batch_of(0, 1.0, 3)
    # U-1 B-0 L-0, B-0 I-0 L-0, and U-0; the predictions differ in type, in nothing, in the span, and in nothing.
    gold_TB = np.array([[8, 1, 4], [1, 2, 0], [3, 3, 0]])
    tag_TB = np.array([[4, 1, 4], [1, 3, 0], [3, 0, 0]])
    length_B = np.array([3, 3, 1])
    batch = given.batch._replace(tag_TB=gold_TB.astype(np.uint8), length_B=length_B)
    found = judge_all([given._replace(batch=batch, tag_TB=tag_TB)], 2, Solo())
    assert found.type_P.tolist() == [0, 0, 0, 0]
    assert found.right_P.tolist() == [False, True, False, True]
    assert found.gold_K.tolist() == [3, 1]


def test_nothing_can_be_fitted_to_nothing() -> None:
    assert calibrate([], 2, "dev", Solo()) is None


def test_ranks_find_what_one_finds() -> None:
    batches = [batch_of(seed, 2.0, 100) for seed in range(4)]
    alone = calibrate(batches, 2, "dev", Solo())
    assert alone is not None

    # The third has nothing.
    def action(comm: ThreadComm) -> Calibration | None:
        return calibrate([batches[:1], batches[1:], []][comm.rank], 2, "dev", comm)

    together = on_ranks(3, action)
    assert together[0] == together[1] == together[2]
    assert vars(together[0]) == pytest.approx(vars(alone), abs=1e-4)
