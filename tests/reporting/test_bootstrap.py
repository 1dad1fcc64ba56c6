"""Resampling against plain loops; differences between runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from judged_readings import Tagged, judged_readings, parse, training, two_readings
from tag_sequences import TYPES, ids, starts

from ner_dist.evaluation.f1 import count, scores
from ner_dist.evaluation.intervals import wilson
from ner_dist.reporting.bootstrap import draws, interval, paired_test, ratios_of_draws, resample, score_rows
from ner_dist.reporting.tallies import Tally, tally_all


@given(two_readings())
def test_a_draw_counts_what_scoring_the_drawn_sentences_would(readings: tuple[Tagged, Tagged]) -> None:
    gold, predicted = readings
    split, judged = judged_readings(gold, predicted)
    tallies = tally_all(split, judged, training(split))
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
        (line,) = score_rows(Tally(["all"], tallies["entity"].count_NL3[drawn]), sums["entity"][draw : draw + 1])
        assert line.f1.value == pytest.approx(plain["entity"]["f1"])
        ratio_3 = ratios_of_draws(sums["entity"][draw])[0]
        assert ratio_3 == pytest.approx([plain["entity"][name] for name in ("precision", "recall", "f1")])
        for estimate in (line.precision, line.recall, line.f1):
            assert estimate.low <= estimate.value <= estimate.high


def test_76_of_76_right_do_not_read_100_to_100() -> None:
    every = Tally(["all"], np.ones((76, 1, 3), np.int64))
    (row,) = score_rows(every, resample([{"entity": every}], 100, 1)[0]["entity"])
    assert (row.f1.value, row.f1.high) == (1, 1)
    assert row.precision.low == row.recall.low == pytest.approx(0.952, abs=5e-4)
    assert row.f1.low == pytest.approx(2 * 0.9519 / 1.9519, abs=5e-4)


def test_the_interval_is_the_bootstraps_where_the_errors_of_a_sentence_come_together() -> None:
    # In every other sentence, all ten are wrong.
    together = Tally(["all"], np.array([[[10 * (i % 2), 10, 10]] for i in range(100)]))
    (row,) = score_rows(together, resample([{"entity": together}], 500, 1)[0]["entity"])
    assert row.recall.high - row.recall.low > 2 * np.diff(wilson(500, 1000))[0]


def test_draws_without_any_entity_of_a_kind_say_nothing_about_it() -> None:
    # All eight are in one sentence of four, which a third of the draws leave out.
    rare = Tally(["long"], np.array([[[8, 8, 8]], *[[[0, 0, 0]]] * 3]))
    (row,) = score_rows(rare, resample([{"entity": rare}], 200, 1)[0]["entity"])
    assert row.recall.low == pytest.approx(wilson(8, 8)[0])
    (row,) = score_rows(rare, np.zeros((1, 1, 3), np.int64))
    assert (row.recall.low, row.recall.high) == wilson(8, 8)


def test_where_gold_is_not_counted_precision_alone_has_an_interval() -> None:
    (row,) = score_rows(Tally(["sure"], np.array([[[5, 5, 0]]])), np.array([[[5, 5, 0]]]))
    assert (row.precision.value, row.precision.high) == (1, 1)
    assert row.precision.low == pytest.approx(0.566, abs=1e-3)


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
        split, judged = judged_readings(gold, said)
        tallies.append(tally_all(split, judged, training(split)))
    sums = [draw["entity"] for draw in resample(tallies, 500, 1)]
    entity = [tally["entity"] for tally in tallies]
    same, differ, reverse = (paired_test(entity[i], entity[j], sums[i], sums[j]) for i, j in ((0, 1), (0, 2), (2, 0)))
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
    read = [judged_readings(gold, said) for said in (a, b)]
    tallies = [tally_all(split, judged, training(split)) for split, judged in read]
    sums = [draw["entity"] for draw in resample(tallies, 200, 5)]
    found = paired_test(tallies[0]["entity"], tallies[1]["entity"], *sums)

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
