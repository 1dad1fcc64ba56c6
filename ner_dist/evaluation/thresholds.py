"""The threshold of confidence that reaches a wanted precision or the best F1, over all entities and by type.

Axes: P predicted entities, N thresholds to choose from, the highest first.
"""

from __future__ import annotations

import argparse
import math
import shlex
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ner_dist.cli.text_table import text_table
from ner_dist.evaluation.judged_entities import JudgedEntities

METAVAR = "precision=X|f1"


class Target(NamedTuple):
    """What a threshold should reach; the best F1 if precision is None."""

    precision: float | None

    def __str__(self) -> str:
        return "best F1" if self.precision is None else f"precision {self.precision:g}"


class Score(NamedTuple):
    right: int
    predicted: int
    gold: int

    @property
    def precision(self) -> float:
        return self.right / max(1, self.predicted)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.gold)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, self.predicted + self.gold)


class Choice(NamedTuple):
    """The lowest threshold that reaches the target, and the score with it; None if no threshold does."""

    before: Score
    threshold: float | None
    after: Score | None
    # With any threshold that leaves an entity.
    best_precision: float


def parse_target(text: str) -> Target:
    """What --find-threshold is given: precision=0.95, or f1. Raises argparse.ArgumentTypeError."""
    name, is_pair, value = text.partition("=")
    if text == "f1":
        return Target(None)
    try:
        if name == "precision" and is_pair and 0 < float(value) <= 1:
            return Target(float(value))
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text}: expected precision=X with X above 0 and up to 1, or f1")


def choose(judged: JudgedEntities, target: Target) -> Choice:
    """Of all entities that are judged."""
    gold, num_predicted = int(judged.gold_K.sum()), len(judged.confidence_P)
    before = Score(int(judged.right_P.sum()), num_predicted, gold)
    order_P = np.argsort(-judged.confidence_P, kind="stable")
    confidence_P = judged.confidence_P[order_P]
    # A threshold keeps all entities of one confidence or none: the last place of each.
    last_N = np.flatnonzero(np.append(confidence_P[1:] < confidence_P[:-1], num_predicted > 0))
    right_N = np.cumsum(judged.right_P[order_P])[last_N]
    kept = [Score(right, last + 1, gold) for right, last in zip(right_N.tolist(), last_N.tolist())]
    best_precision = max((score.precision for score in kept), default=0.0)
    if target.precision is None:
        best = max((score.f1 for score in kept), default=0.0)
        reached = [place for place, score in enumerate(kept) if score.f1 == best > 0]
    else:
        reached = [place for place, score in enumerate(kept) if score.precision >= target.precision]
    if not reached:
        return Choice(before, None, None, best_precision)
    place = reached[-1]
    lowest = float(confidence_P[last_N[place]])
    dropped = float(confidence_P[last_N[place + 1]]) if place + 1 < len(last_N) else None
    threshold = 0.0 if dropped is None else _shortest_between(dropped, lowest)
    return Choice(before, threshold, kept[place], best_precision)


def of_type(judged: JudgedEntities, type_id: int) -> JudgedEntities:
    own_P = judged.type_P == type_id
    gold_1 = judged.gold_K[type_id : type_id + 1]
    return JudgedEntities(judged.confidence_P[own_P], judged.type_P[own_P], judged.right_P[own_P], gold_1)


def _shortest_between(low: float, high: float) -> float:
    """The number of fewest decimal places above low, up to high."""
    for places in range(1, 17):
        found = math.floor(high * 10**places) / 10**places
        if low < found <= high:
            return found
    return high


def threshold_report(judged: JudgedEntities, entity_types: Sequence[str], target: Target) -> str:
    """For the terminal: scores before and after, what is unreachable, and the options of predict for the rest."""
    whole = choose(judged, target)
    of_types = {name: choose(of_type(judged, type_id), target) for type_id, name in enumerate(entity_types)}
    together = [choice.after or choice.before for choice in of_types.values()]
    rows = [_row(name, choice) for name, choice in of_types.items()]
    rows += [_row("all, one threshold", whole), ["all, by type", "", *_changes(whole.before, _total(together))]]
    by_type = [f"{name}={_shown(choice)}" for name, choice in of_types.items() if choice.threshold is not None]
    lines = [*text_table(["", "threshold", "precision", "recall", "F1"], rows), ""]
    for name, choice in [*of_types.items(), ("all entities", whole)]:
        if choice.threshold is None:
            lines.append(_unreachable(name, choice, target))
    if whole.threshold is not None:
        lines.append(f"one threshold: --threshold {_shown(whole)}")
    if by_type:
        lines.append(f"by type: --threshold {shlex.quote(','.join(by_type))}")
    return "\n".join(lines)


def _row(name: str, choice: Choice) -> list[str]:
    return [name, _shown(choice), *_changes(choice.before, choice.after or choice.before)]


def _changes(before: Score, after: Score) -> list[str]:
    pairs = zip((before.precision, before.recall, before.f1), (after.precision, after.recall, after.f1))
    return [f"{100 * old:.2f} -> {100 * new:.2f}" if old != new else f"{100 * old:.2f}" for old, new in pairs]


def _total(scores: Sequence[Score]) -> Score:
    return Score(*map(sum, zip(*scores)))


def _unreachable(name: str, choice: Choice, target: Target) -> str:
    if not choice.before.predicted:
        return f"{name}: none are predicted, so there is no threshold"
    if not choice.before.right:
        return f"{name}: none of the {choice.before.predicted:,} predicted ones is right, so there is no threshold"
    return f"{name}: {target} is unreachable; the highest precision with any threshold is {choice.best_precision:.4f}"


def _shown(choice: Choice) -> str:
    return "unreachable" if choice.threshold is None else str(choice.threshold or 0)
