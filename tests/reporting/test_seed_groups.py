"""A mean and a deviation are of models that differ by the seed alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_dist import config
from ner_dist.reporting.run_facts import RunFacts
from ner_dist.reporting.seed_groups import differing_knobs, seed_groups


def facts(name: str, *knobs: str, trained_on: str | None = "a") -> RunFacts:
    parsed, _ = config.parse(["--run", f"runs/{name}", *knobs])
    return RunFacts(Path(name), Path(name), name, "best checkpoint, epoch 1", parsed, trained_on, [], [], None, [])


def test_seeds_of_equal_knobs_have_a_mean_whatever_their_paths() -> None:
    models = [facts(f"{i}", "--train.seed", f"{i}", "--data.shards", f"shards/{i}") for i in range(3)]
    (group,) = seed_groups(models, [0.8, 0.9, 1.0])
    assert (group.names, group.seeds) == (["0", "1", "2"], [0, 1, 2])
    assert (group.mean, group.deviation) == (pytest.approx(0.9), pytest.approx(0.1))


def test_other_knobs_other_data_and_the_same_seed_again_have_none_in_common() -> None:
    models = [
        facts("one", "--train.seed", "1"),
        facts("wide", "--train.seed", "2", "--model.lstm_units", "300"),
        facts("other data", "--train.seed", "2", trained_on="b"),
        facts("its export", "--train.seed", "1"),
        facts("two", "--train.seed", "2"),
    ]
    groups = seed_groups(models, [0.5, 0.6, 0.7, 0.8, 0.9])
    assert [group.names for group in groups] == [["one", "two"], ["wide"], ["other data"], ["its export"]]
    assert [group.deviation for group in groups][1:] == [None, None, None]
    assert differing_knobs(models[:2]) == {"train.seed": [1, 2], "model.lstm_units": [200, 300]}


def test_models_of_unknown_data_are_never_seeds_of_one_thing() -> None:
    models = [facts(f"{i}", "--train.seed", f"{i}", trained_on=None) for i in range(2)]
    assert [group.deviation for group in seed_groups(models, [0.8, 0.9])] == [None, None]
