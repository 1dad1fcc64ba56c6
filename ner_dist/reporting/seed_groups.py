"""Models that differ by the seed alone, whose mean and deviation mean something; others are never summarised as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ner_dist import config as knobs
from ner_dist.reporting.run_facts import RunFacts

# They do not matter to what a run has learned: that it was trained on the same shards, their fingerprint says.
_NOT_SETTINGS = ("run", "data.shards", "train.resume")
_SEED = "train.seed"


class SeedGroup(NamedTuple):
    names: list[str]
    # Of different seeds, all with the same knobs and training data.
    seeds: list[int]
    f1: list[float]

    @property
    def mean(self) -> float:
        return float(np.mean(self.f1))

    @property
    def deviation(self) -> float | None:
        """The standard deviation over seeds; None with one."""
        return float(np.std(self.f1, ddof=1)) if len(self.f1) > 1 else None


def seed_groups(models: Sequence[RunFacts], f1: Sequence[float]) -> list[SeedGroup]:
    """A second model of the same seed, such as a run's export, begins a group of its own."""
    groups: dict[tuple[object, ...], list[SeedGroup]] = {}
    in_order: list[SeedGroup] = []
    for facts, score in zip(models, f1):
        seed = facts.config.train.seed
        alike = groups.setdefault(_settings(facts), [])
        group = next((group for group in alike if seed not in group.seeds), None)
        if group is None:
            group = SeedGroup([], [], [])
            alike.append(group)
            in_order.append(group)
        group.names.append(facts.name)
        group.seeds.append(seed)
        group.f1.append(score)
    return in_order


def differing_knobs(models: Sequence[RunFacts]) -> dict[str, list[Any]]:
    """Knob -> its value in each model."""
    flat = [knobs.flat(facts.config) for facts in models]
    names = [name for name in flat[0] if name not in _NOT_SETTINGS]
    values = {name: [of_model[name] for of_model in flat] for name in names}
    return {name: found for name, found in values.items() if any(value != found[0] for value in found)}


def _settings(facts: RunFacts) -> tuple[object, ...]:
    """Equal for models that differ by the seed alone; of unknown training data, none is equal to another."""
    values = {name: value for name, value in knobs.flat(facts.config).items() if name not in (*_NOT_SETTINGS, _SEED)}
    data = facts.trained_on if facts.trained_on is not None else object()
    return (data, tuple((name, repr(value)) for name, value in values.items()))
