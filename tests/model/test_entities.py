"""The entities of a decoded batch: their places within sentences of any length, and their probability."""

from __future__ import annotations

import numpy as np

from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.data.batch import Batch
from ner_dist.model import crf
from ner_dist.model.crf import TransitionScores
from ner_dist.model.entities import DecodedBatch, concatenate_sentences, predicted_entities

NAMES = bilou_tags(["LOC", "PER"])
SENTENCES = ["U-PER", "B-LOC L-LOC O U-LOC", "O", "O B-PER I-PER L-PER O"]


def padded(sentences: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Tags (T, B), with a tag of an entity as padding, and lengths."""
    ids = [[NAMES.index(tag) for tag in sentence.split()] for sentence in sentences]
    length_B = np.array([len(tags) for tags in ids])
    tag_TB = np.full((length_B.max(), len(ids)), NAMES.index("U-PER"))
    for column, tags in enumerate(ids):
        tag_TB[: len(tags), column] = tags
    return tag_TB, length_B


def decoded(sentences: list[str]) -> DecodedBatch:
    tag_TB, length_B = padded(sentences)
    rng = np.random.default_rng(0)
    emission_TBK = rng.normal(0, 1, (*tag_TB.shape, len(NAMES))).astype(np.float32)
    sizes = len(NAMES), (len(NAMES), len(NAMES)), len(NAMES)
    scores = TransitionScores(*(rng.normal(0, 1, size) for size in sizes))
    batch = Batch(*[np.zeros(0)] * (len(Batch._fields)))._replace(length_B=length_B)
    return DecodedBatch(batch, emission_TBK, scores, tag_TB)


def test_sentences_are_put_end_to_end_without_their_padding() -> None:
    tag_M, starts_M = concatenate_sentences(*padded(SENTENCES))
    assert [NAMES[tag] for tag in tag_M] == " ".join(SENTENCES).split()
    assert starts_M.dtype == bool
    assert np.flatnonzero(starts_M).tolist() == [0, 1, 5, 6]


def test_entities_are_placed_within_their_sentences_in_order() -> None:
    found = predicted_entities(decoded(SENTENCES))
    placed = zip(*(part.tolist() for part in found[:4]))
    assert list(placed) == [(0, 0, 1, 1), (1, 0, 2, 0), (1, 3, 4, 0), (3, 1, 4, 1)]
    assert predicted_entities(decoded(["O", "O O"])).confidence_S.shape == (0,)


def test_confidence_is_the_share_among_the_valid_sequences() -> None:
    given = decoded(SENTENCES)
    length_B, valid = given.batch.length_B, given.transition_scores.allowed()
    found = predicted_entities(given)
    spans_S = found.sentence_S, found.first_S, found.end_S
    expected = crf.span_probabilities(given.emission_TBK, length_B, valid, given.tag_TB, spans_S)
    assert found.confidence_S.tolist() == expected.tolist()
    # An entity of a whole sentence is the tag of its only token.
    marginal_TBK = crf.marginals(given.emission_TBK, length_B, valid)
    assert found.confidence_S[0] == marginal_TBK[0, 0, NAMES.index("U-PER")]
    unlimited = crf.span_probabilities(given.emission_TBK, length_B, given.transition_scores, given.tag_TB, spans_S)
    assert (found.confidence_S > unlimited).all()
