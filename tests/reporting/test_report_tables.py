"""What a report counts: resamples against plain loops, every error of one kind, sentences cut where entities are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tag_sequences import TYPES, Tag, ids, starts, valid_sentences

from ner_dist.contract.tag_schemes import split_ids, strict_spans
from ner_dist.evaluation.f1 import count, scores
from ner_dist.reporting import breakdown, mistakes
from ner_dist.reporting.answers import Answers, judge
from ner_dist.reporting.bootstrap import compare, draws, interval, resample, rows
from ner_dist.reporting.corpus import Corpus, Training
from ner_dist.reporting.tallies import Tally, tally_all

Tagged = list[list[Tag]]
OUTSIDE: Tag = ("O", "")


def parse(text: str) -> list[Tag]:
    """'O U-X B-Y' as tags."""
    return [(word[0], word[2:]) for word in text.split()]


def judged(gold: Tagged, predicted: Tagged, confidence: float = 0.75) -> tuple[Corpus, Answers]:
    """A corpus whose tokens are called w0, w1, ..., with word ids from 2 on, and what a run says of it."""
    gold_M, starts_M = ids(gold), starts(gold)
    num_tokens = len(gold_M)
    corpus = Corpus(
        split="test",
        entity_types=list(TYPES),
        sentence_id_N=np.arange(len(gold)),
        length_N=np.array([len(tags) for tags in gold], np.int64),
        text_M=[f"w{i}" for i in range(num_tokens)],
        word_M=np.arange(2, num_tokens + 2),
        gold_M=gold_M,
        gold=strict_spans(*split_ids(gold_M), starts_M),
    )
    sure_M = np.full(num_tokens, confidence)
    return corpus, judge(corpus, ids(predicted), sure_M, sure_M)


def training(corpus: Corpus, known: bool = True) -> Training:
    return Training(np.full(len(corpus.text_M) + 2, known), {})


@st.composite
def two_readings(draw: Any) -> tuple[Tagged, Tagged]:
    """Sentences, and a second reading of each with tags of the same number."""
    gold = draw(valid_sentences().filter(bool))
    other = draw(valid_sentences().filter(bool))
    spare = [tags for tags in other if tags]
    predicted = []
    for i, tags in enumerate(gold):
        reading = spare[i % len(spare)] if spare else [OUTSIDE]
        # Of the right length: entities that are cut off become O.
        cut = (reading * len(tags))[: len(tags)]
        while cut and cut[-1][0] in "BI":
            cut = [*cut[:-1]]
        predicted.append(cut + [OUTSIDE] * (len(tags) - len(cut)))
    return gold, predicted


# --- Resampling


@given(two_readings())
def test_a_draw_counts_what_scoring_the_drawn_sentences_would(readings: tuple[Tagged, Tagged]) -> None:
    gold, predicted = readings
    corpus, answers = judged(gold, predicted)
    tallies = tally_all(corpus, answers, training(corpus))
    sums = resample([tallies], 5, 3)[0]
    weight_SN = np.concatenate(list(draws(len(gold), 5, 3)))
    assert weight_SN.shape == (5, len(gold))
    for draw, weight_N in enumerate(weight_SN):
        assert weight_N.sum() == len(gold)
        drawn = [i for i, times in enumerate(weight_N) for _ in range(times)]
        golds, predictions = [gold[i] for i in drawn], [predicted[i] for i in drawn]
        plain = scores(count(ids(golds), ids(predictions), starts(golds), len(TYPES)), list(TYPES))
        right, said, there = (plain["entity"][name] for name in ("right", "predicted", "gold"))
        assert sums["entity"][draw, 0].tolist() == [right, said, there]
        assert sums["token"][draw, 0].tolist() == [plain["token"][n] for n in ("right", "predicted", "gold")]
        for name, found in zip(tallies["type"].labels, sums["type"][draw]):
            part = plain["entity"]["per_type"][name]
            assert found.tolist() == [part["right"], part["predicted"], part["gold"]]
        (line,) = rows(Tally(["all"], tallies["entity"].count_NL3[drawn]), sums["entity"][draw : draw + 1])
        # Of one draw alone: both ends of the interval are its score.
        assert line.f1.value == pytest.approx(plain["entity"]["f1"])
        assert line.f1.low == pytest.approx(plain["entity"]["f1"])
        assert line.recall.high == pytest.approx(plain["entity"]["recall"])


@given(two_readings())
def test_every_table_adds_up_to_the_scores_of_the_split(readings: tuple[Tagged, Tagged]) -> None:
    corpus, answers = judged(*readings)
    entity = answers.scores["entity"]
    whole = [entity["right"], entity["predicted"], entity["gold"]]
    for name, tally in tally_all(corpus, answers, training(corpus)).items():
        found = tally.count_NL3.sum((0, 1)).tolist()
        if name == "token":
            assert found == [answers.scores["token"][part] for part in ("right", "predicted", "gold")]
        elif name == "boundaries":
            assert found[1:] == whole[1:]
            assert found[0] == sum(answers.span_right_P)
        elif name == "confidence":
            assert found == [*whole[:2], 0]
        else:
            assert found == whole


def test_portions_of_draws_are_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(draws(7, 10, 1)))
    monkeypatch.setattr("ner_dist.reporting.bootstrap._PORTION", 21)
    parts = list(draws(7, 10, 1))
    assert [len(part) for part in parts] == [3, 3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_an_interval_leaves_out_a_fortieth_on_each_side() -> None:
    assert interval(np.arange(1001) / 1000) == pytest.approx((0.025, 0.975))


def test_runs_that_say_the_same_do_not_differ_and_a_clear_difference_is_found() -> None:
    gold = [parse("U-X O")] * 60
    good, bad = [*[parse("U-X O")] * 55, *[parse("O O")] * 5], [*[parse("U-X O")] * 30, *[parse("O O")] * 30]
    tallies = []
    for said in (good, good, bad):
        corpus, answers = judged(gold, said)
        tallies.append(tally_all(corpus, answers, training(corpus)))
    sums = [draw["entity"] for draw in resample(tallies, 500, 1)]
    entity = [tally["entity"] for tally in tallies]
    same, differ, reverse = (compare(entity[i], entity[j], sums[i], sums[j]) for i, j in ((0, 1), (0, 2), (2, 0)))
    assert (same.difference.value, same.difference.high, same.p, same.wins) == (0, 0, 1, 0)
    assert differ.difference.value == pytest.approx(110 / 115 - 60 / 90)
    assert differ.p == 0
    assert differ.wins == 1
    assert differ.difference.low > 0
    assert reverse.difference.value == -differ.difference.value
    assert reverse.p == 1


def test_p_is_the_share_of_draws_with_twice_the_difference() -> None:
    gold = [parse("U-X"), parse("U-X"), parse("U-X"), parse("O")]
    a, b = [gold[0], gold[1], parse("O"), gold[3]], [gold[0], parse("O"), parse("O"), parse("U-X")]
    tallies = [tally_all(c, answers, training(c)) for c, answers in (judged(gold, said) for said in (a, b))]
    sums = [draw["entity"] for draw in resample(tallies, 200, 5)]
    found = compare(tallies[0]["entity"], tallies[1]["entity"], *sums)

    def f1(weights: list[int], right: list[int], said: list[int]) -> float:
        entities = sum(n for n in weights[:3])
        hits = sum(n * r for n, r in zip(weights, right))
        total = sum(n * s for n, s in zip(weights, said)) + entities
        return 2 * hits / total if total else 0.0

    differences = [
        f1(weights, [1, 1, 0, 0], [1, 1, 0, 0]) - f1(weights, [1, 0, 0, 0], [1, 0, 0, 1])
        for weights in np.concatenate(list(draws(4, 200, 5))).tolist()
    ]
    assert found.difference.value == pytest.approx(0.8 - 0.4)
    assert found.p == np.mean([d >= 2 * found.difference.value for d in differences])
    assert found.wins == np.mean([d > 0 for d in differences])
    assert 0 < found.p < 1


# --- Groups


def test_known_words_and_seen_entities_are_told_apart() -> None:
    gold = [parse("U-X B-Y L-Y O U-X"), parse("U-Z")]
    corpus, answers = judged(gold, gold)
    known_V = np.array([False, False, True, True, False, True, True, True])
    table = tally_all(corpus, answers, Training(known_V, {"w0": {0}, "w4": {1}, "w1": {1}}))
    # w2, of the entity "w1 w2", is the only unknown word in an entity.
    assert dict(zip(table["words"].labels, table["words"].count_NL3.sum(0)[:, 2])) == {
        "all words known": 3,
        "with an unknown word": 1,
    }
    assert dict(zip(table["seen"].labels, table["seen"].count_NL3.sum(0)[:, 2])) == {
        "seen in train with this type": 1,
        "seen in train with other types only": 1,
        "never an entity in train": 2,
    }
    assert dict(zip(table["entity_length"].labels, table["entity_length"].count_NL3.sum(0)[:, 2])) == {"1": 3, "2": 1}
    assert dict(zip(table["sentence_length"].labels, table["sentence_length"].count_NL3.sum(0)[:, 2])) == {
        "1\N{EN DASH}5": 4
    }
    assert table["confidence"].labels == ["70\N{EN DASH}80 %"]


# --- Kinds of error


@pytest.mark.parametrize(
    ("gold", "predicted", "of_gold", "of_predicted"),
    [
        ("U-X", "U-X", ["right"], ["right"]),
        ("U-X", "U-Y", ["wrong type"], ["wrong type"]),
        ("O B-X L-X", "B-X I-X L-X", ["too long"], ["too long"]),
        ("B-X I-X L-X", "O U-Y O", ["too short"], ["too short"]),
        ("B-X L-X O", "O B-X L-X", ["overlapping otherwise"], ["overlapping otherwise"]),
        ("U-X O", "O U-X", ["missed"], ["spurious"]),
        # One prediction over two entities, and two within one.
        ("U-X U-Y", "B-X L-X", ["too long"] * 2, ["too long"]),
        ("B-X L-X", "U-X U-X", ["too short"], ["too short"] * 2),
        # Set against the one that it shares most with.
        ("B-X L-X B-X I-X L-X", "O B-X I-X I-X L-X", ["overlapping otherwise", "too long"], ["too long"]),
    ],
)
def test_kinds(gold: str, predicted: str, of_gold: list[str], of_predicted: list[str]) -> None:
    found = breakdown.sort_errors(*judged([parse(gold)], [parse(predicted)]))
    assert [breakdown.NAMES[kind] for kind in found.kind_G] == of_gold
    assert [breakdown.NAMES[kind] for kind in found.kind_P] == of_predicted


@given(two_readings())
def test_every_entity_is_of_one_kind_and_mending_all_of_them_leaves_no_error(readings: tuple[Tagged, Tagged]) -> None:
    corpus, answers = judged(*readings)
    kinds = breakdown.error_kinds(corpus, answers, breakdown.sort_errors(corpus, answers))
    entity = answers.scores["entity"]
    assert sum(kind.gold for kind in kinds) == entity["gold"] - entity["right"]
    assert sum(kind.predicted for kind in kinds) == entity["predicted"] - entity["right"]
    for kind in kinds:
        assert sum(kind.per_type.values()) == (kind.predicted if kind.name == "spurious" else kind.gold)
        assert kind.same_type <= kind.gold
    if len(kinds) == 1:
        assert kinds[0].f1_if_mended == (1 if entity["gold"] else 0)


# --- Examples


def shown(example: mistakes.Example) -> list[tuple[str, str | None, str | None, bool]]:
    return [
        (s.text, s.gold and s.gold.name, s.predicted and s.predicted.name, s.focus)  # type: ignore[misc]
        for s in example.segments
    ]


def test_an_example_shows_gold_and_prediction_where_they_are() -> None:
    corpus, answers = judged([parse("O B-X I-X L-X O U-Y")], [parse("O O B-X L-X O U-Y")])
    (example,) = mistakes.choose(corpus, answers, breakdown.sort_errors(corpus, answers), 5).wrong
    assert shown(example) == [
        ("w0", None, None, False),
        ("w1", "X", None, True),
        ("w2 w3", "X", "X", True),
        ("w4", None, None, False),
        ("w5", "Y", "Y", False),
    ]
    first, second = example.segments[1].gold, example.segments[2].gold
    assert first is not None
    assert second is not None
    assert (first.begins, first.ends, second.begins, second.ends) == (True, False, False, True)
    assert (example.kind, example.probability, example.before, example.after) == ("too short", 0.75, False, False)
    assert [segment.agrees for segment in example.segments] == [True, False, False, True, True]


def test_examples_are_cut_between_entities_and_each_sentence_is_there_once() -> None:
    half = mistakes.CONTEXT - 1
    tags = parse("B-X L-X " + "O " * half + "U-Y " + "O " * half + "B-X L-X O O")
    said = [*tags]
    said[half + 2] = OUTSIDE
    said[0:2] = parse("O O")
    corpus, answers = judged([tags, parse("O")], [said, parse("U-Z")])
    found = mistakes.choose(corpus, answers, breakdown.sort_errors(corpus, answers), 10)
    assert [example.sentence_id for example in found.missed] == [0]
    example = mistakes._View(corpus, answers, breakdown.sort_errors(corpus, answers)).gold(1)
    # Twelve tokens to each side end within entities, which are shown to their ends.
    assert shown(example)[0][0] == "w0 w1"
    assert shown(example)[-1] == (f"w{2 * half + 3} w{2 * half + 4}", "X", "X", False)
    assert (example.before, example.after) == (False, True)
    assert [example.kind for example in found.wrong] == ["spurious"]
