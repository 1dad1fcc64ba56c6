"""What a report counts adds up to the scores of the split; groups of entities."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from judged_readings import Tagged, judged_readings, parse, training, two_readings

from ner_dist.reporting.gold_split import SeenInTraining
from ner_dist.reporting.tallies import tally_all


@given(two_readings())
def test_every_table_adds_up_to_the_scores_of_the_split(readings: tuple[Tagged, Tagged]) -> None:
    split, judged = judged_readings(*readings)
    entity = judged.scores["entity"]
    whole = [entity["right"], entity["predicted"], entity["gold"]]
    for name, tally in tally_all(split, judged, training(split)).items():
        found = tally.count_NL3.sum((0, 1)).tolist()
        if name == "token":
            assert found == [judged.scores["token"][part] for part in ("right", "predicted", "gold")]
        elif name == "boundaries":
            assert found[1:] == whole[1:]
            assert found[0] == sum(judged.span_right_P)
        elif name == "confidence":
            assert found == [*whole[:2], 0]
        else:
            assert found == whole


def test_known_words_and_seen_entities_are_told_apart() -> None:
    gold = [parse("U-X B-Y L-Y O U-X"), parse("U-Z")]
    split, judged = judged_readings(gold, gold)
    known_V = np.array([False, False, True, True, False, True, True, True])
    table = tally_all(split, judged, SeenInTraining(known_V, {"w0": {0}, "w4": {1}, "w1": {1}}))
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
