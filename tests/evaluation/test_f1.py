"""Counts and scores: against seqeval's strict mode, the CoNLL-2003 scorer's reading, and plain loops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as seqeval_scores
from seqeval.metrics.v1 import precision_recall_fscore_support as seqeval_strict_scores
from seqeval.scheme import BILOU, IOBES, Entities
from tag_sequences import (
    TYPES,
    Entity,
    Tag,
    all_sentences,
    alphabet,
    conll_entities,
    ids,
    starts,
    strings,
    valid_sentences,
)

from ner_dist.evaluation.f1 import Counts, count, ratios, scores

NUM_TYPES = len(TYPES)
Pair = tuple[list[list[Tag]], list[list[Tag]]]


@st.composite
def predictions(draw: Callable[..., Any], broken: bool = True) -> Pair:
    """Valid gold sentences and predictions for them: the gold with some tags changed, or some sentences re-drawn."""
    gold = draw(valid_sentences())
    changed = [list(tags) for tags in gold]
    if broken:
        tag = st.sampled_from(alphabet("OBILU", NUM_TYPES))
        for tags in changed:
            for place in draw(st.lists(st.integers(0, len(tags) - 1), max_size=3)):
                tags[place] = draw(tag)
        return gold, changed
    others = draw(valid_sentences())
    for i, (tags, other) in enumerate(zip(gold, others)):
        # As much of the other sentence as fits; a cut entity would be broken.
        length = min(len(tags), len(other))
        while length and (other[length - 1][0] in "BI" or (length < len(tags) and tags[length][0] in "IL")):
            length -= 1
        changed[i] = [*other[:length], *tags[length:]]
    return gold, changed


def counted(pair: Pair) -> Counts:
    gold, predicted = pair
    return count(ids(gold), ids(predicted), starts(gold), NUM_TYPES)


def scored(pair: Pair) -> dict[str, Any]:
    return scores(counted(pair), list(TYPES))


def strict_entities(tagged: list[list[Tag]]) -> set[Entity]:
    entities = Entities(strings(tagged), BILOU).entities
    return {Entity(e.sent_id, e.start, e.end, e.tag) for sentence in entities for e in sentence}


def assert_same_scores(part: dict[str, float], expected: tuple[float, ...]) -> None:
    assert [part["precision"], part["recall"], part["f1"]] == pytest.approx(list(expected), abs=1e-12)


def assert_like_seqeval(pair: Pair, letters: str, scheme: type) -> None:
    gold, predicted = (strings(tagged, letters) for tagged in pair)
    entity = scored(pair)["entity"]
    occurring = sorted({e.type for tagged in pair for e in strict_entities(tagged)})
    if not occurring:
        assert (entity["predicted"], entity["gold"], entity["f1"]) == (0, 0, 0)
        return
    per_type = seqeval_strict_scores(gold, predicted, average=None, scheme=scheme, zero_division=0)
    for name, *expected, support in zip(occurring, *per_type):
        assert_same_scores(entity["per_type"][name], tuple(expected))
        assert entity["per_type"][name]["gold"] == support
    for average, part in (("micro", entity), ("macro", entity["macro"])):
        *expected, _ = seqeval_strict_scores(gold, predicted, average=average, scheme=scheme, zero_division=0)
        assert_same_scores(part, tuple(expected))


@pytest.mark.parametrize(("letters", "scheme"), [("OBILU", BILOU), ("OBIES", IOBES)])
@settings(max_examples=150)
@given(predictions(broken=False) | predictions(broken=True))
@example(([], []))
@example(([[("U", "X"), ("O", "")]], [[("O", ""), ("O", "")]]))
def test_scores_are_those_of_seqeval_in_strict_mode(letters: str, scheme: type, pair: Pair) -> None:
    assert_like_seqeval(pair, letters, scheme)


def test_scores_of_every_pair_of_two_tokens_are_those_of_seqeval() -> None:
    every = [tags for tags in all_sentences("OBILU", 2, 2) if len(tags) == 2]
    pair = ([gold for gold in every for _ in every], [predicted for _ in every for predicted in every])
    assert len(pair[0]) == 81 * 81
    assert_like_seqeval(pair, "OBILU", BILOU)


@settings(max_examples=150)
@given(predictions(broken=False))
def test_scores_of_valid_sequences_are_those_of_the_conll_scorer(pair: Pair) -> None:
    gold, predicted = map(conll_entities, pair)
    entity = scored(pair)["entity"]
    assert (entity["right"], entity["predicted"], entity["gold"]) == (len(gold & predicted), len(predicted), len(gold))
    spelled = [strings(tagged, "OBIES") for tagged in pair]
    if gold or predicted:
        *expected, _ = seqeval_scores(*spelled, average="micro", zero_division=0)
        assert_same_scores(entity, tuple(expected))


@settings(max_examples=200)
@given(predictions(broken=True))
def test_every_count_is_that_of_a_plain_loop(pair: Pair) -> None:
    gold, predicted = map(strict_entities, pair)
    counts, entity = counted(pair), scored(pair)["entity"]
    type_at = [{e[:3]: e.type for e in entities} for entities in (gold, predicted)]
    spans = Counter((type_at[0].get(span, "-"), type_at[1].get(span, "-")) for span in {**type_at[0], **type_at[1]})
    assert entity["confusion"] == {
        name: {other: spans[name, other] for other in (*TYPES, "-") if spans[name, other]} for name in (*TYPES, "-")
    }
    same_span = sum(number for names, number in spans.items() if "-" not in names)
    assert entity["boundaries"] == ratios(same_span, len(predicted), len(gold))

    def touches(entity: Entity, others: set[Entity]) -> bool:
        tokens = set(range(entity.start, entity.end))
        return any(
            (o.sentence, o.type) == (entity.sentence, entity.type) and tokens & set(range(o.start, o.end))
            for o in others
        )

    touching_predicted = [e for e in predicted if touches(e, gold)]
    touching_gold = [e for e in gold if touches(e, predicted)]
    for touching, by_type in ((touching_predicted, counts.touching_predicted), (touching_gold, counts.touching_gold)):
        assert by_type.tolist() == [sum(e.type == name for e in touching) for name in TYPES]
    precision = len(touching_predicted) / len(predicted) if predicted else 0
    recall = len(touching_gold) / len(gold) if gold else 0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
    assert_same_scores(entity["overlap"], (precision, recall, f1))


@settings(max_examples=200)
@given(predictions(broken=True))
def test_token_scores_are_those_of_a_plain_loop(pair: Pair) -> None:
    right = right_bio = num_predicted = num_gold = 0
    bio = {"O": "O", "B": "B", "I": "I", "L": "I", "U": "B"}
    for gold, predicted in zip(*pair):
        for gold_tag, predicted_tag in zip(gold, predicted):
            num_gold += gold_tag[0] != "O"
            num_predicted += predicted_tag[0] != "O"
            right += gold_tag == predicted_tag and gold_tag[0] != "O"
            same_bio = (bio[gold_tag[0]], gold_tag[1]) == (bio[predicted_tag[0]], predicted_tag[1])
            right_bio += same_bio and gold_tag[0] != "O"
    token = scored(pair)["token"]
    assert (token["right"], token["predicted"], token["gold"]) == (right, num_predicted, num_gold)
    for found, part in ((right, token), (right_bio, token["bio"])):
        precision = found / num_predicted if num_predicted else 0
        recall = found / num_gold if num_gold else 0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
        assert_same_scores(part, (precision, recall, f1))


@settings(max_examples=100)
@given(predictions(broken=True), st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_counts_of_any_partition_of_the_sentences_add_up(pair: Pair, part_of: list[int]) -> None:
    total = Counts.zero(NUM_TYPES)
    for part in range(4):
        mine = [i for i in range(len(pair[0])) if part_of[i] == part]
        total += counted(([pair[0][i] for i in mine], [pair[1][i] for i in mine]))
    np.testing.assert_array_equal(total.to_vector(), counted(pair).to_vector())
    assert scores(total, list(TYPES)) == scored(pair)


@settings(max_examples=50)
@given(predictions(broken=True))
def test_a_vector_of_int64_carries_all_counts_there_and_back(pair: Pair) -> None:
    counts = counted(pair)
    vector = counts.to_vector()
    assert vector.dtype == np.int64
    again = Counts.from_vector(vector, NUM_TYPES)
    for name in ("spans", "touching_predicted", "touching_gold", "tokens"):
        np.testing.assert_array_equal(getattr(again, name), getattr(counts, name))


def test_counts_above_what_float32_or_int32_hold_stay_exact() -> None:
    one = counted(([[("U", "X")]], [[("U", "X")]]))
    many = Counts.from_vector(one.to_vector() * (2**40 + 1), NUM_TYPES)
    assert scores(many + one, list(TYPES))["entity"]["right"] == 2**40 + 2


@settings(max_examples=100)
@given(predictions(broken=True))
def test_confusion_adds_up_to_the_entities(pair: Pair) -> None:
    entity = scored(pair)["entity"]
    confusion = entity["confusion"]
    for name in TYPES:
        assert sum(confusion[name].values()) == entity["per_type"][name]["gold"]
        assert sum(row.get(name, 0) for row in confusion.values()) == entity["per_type"][name]["predicted"]
        assert confusion[name].get(name, 0) == entity["per_type"][name]["right"]
    assert "-" not in confusion["-"]


def test_nothing_predicted_scores_0_and_not_nan() -> None:
    gold = [[("B", "X"), ("L", "X"), ("O", ""), ("U", "Y")]]
    result = scored((gold, [[("O", "")] * 4]))
    zero = {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    for part in (result["entity"], result["entity"]["macro"], result["entity"]["overlap"], result["token"]):
        assert {name: part[name] for name in zero} == zero
    assert (result["entity"]["gold"], result["entity"]["predicted"]) == (2, 0)


def test_without_any_entity_all_scores_are_0_and_counts_are_integers() -> None:
    nothing = Counts.zero(2)
    assert {array.dtype for array in nothing} == {np.dtype(np.int64)}
    assert nothing.to_vector().dtype == np.int64
    found = scores(nothing, ["LOC", "PER"])["entity"]
    assert found["macro"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert found["f1"] == 0.0


def test_macro_leaves_out_types_that_occur_nowhere_and_keeps_those_only_predicted() -> None:
    # X is right once; Y is only predicted; Z occurs nowhere.
    result = scored(([[("U", "X"), ("O", "")]], [[("U", "X"), ("U", "Y")]]))
    assert result["entity"]["macro"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert result["entity"]["precision"] == 0.5
    assert result["entity"]["recall"] == 1.0


def test_a_worked_example() -> None:
    gold = [[("B", "X"), ("L", "X"), ("O", ""), ("U", "Y"), ("O", "")], [("B", "Z"), ("I", "Z"), ("L", "Z")]]
    predicted = [[("B", "X"), ("L", "X"), ("O", ""), ("U", "X"), ("U", "Y")], [("O", ""), ("B", "Z"), ("L", "Z")]]
    result = scored((gold, predicted))
    # Right: the first X. The second span has another type, the Y is elsewhere, and Z is one token short.
    assert_same_scores(result["entity"], (1 / 4, 1 / 3, 2 / 7))
    assert_same_scores(result["entity"]["boundaries"], (2 / 4, 2 / 3, 4 / 7))
    assert_same_scores(result["entity"]["overlap"], (2 / 4, 2 / 3, 4 / 7))
    assert_same_scores(result["token"], (3 / 6, 3 / 6, 3 / 6))
    assert result["entity"]["confusion"]["Y"] == {"X": 1}
