"""The confidence that entities must have to be shown: one for all, or one for each type."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Union

from ner_dist.errors import UserError
from ner_dist.foreign.names import shortened

# One for all types, or by type, with "*" for those that are not named.
Threshold = Union[float, dict[str, float]]
OTHERS = "*"
METAVAR = "X|TYPE=X,..."


def parse_threshold(text: str) -> Threshold:
    """What --threshold is given: 0.8, or PER=0.9,LOC=0.5,*=0.7. Raises argparse.ArgumentTypeError."""
    try:
        if "=" not in text:
            return _checked(float(text))
        pairs = [part.rpartition("=") for part in text.split(",")]
        found = {name.strip(): _checked(float(value)) for name, _, value in pairs}
        if len(found) < len(pairs) or "" in found:
            raise ValueError
        return found
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{shortened(text)}: expected a confidence from 0 to 1, or one for each type with commas between, such as "
            "PER=0.9,LOC=0.5,*=0.7, where * is all other types"
        ) from error


def least_confidences(threshold: float | Mapping[str, float] | None, entity_types: Sequence[str]) -> dict[str, float]:
    """The least confidence by type, 0 where everything is shown.

    Raises UserError for a type that the model does not know, and for what is no number from 0 to 1.
    """
    if threshold is None:
        return dict.fromkeys(entity_types, 0.0)
    given = threshold if isinstance(threshold, Mapping) else {OTHERS: threshold}
    for name, value in given.items():
        if name != OTHERS and name not in entity_types:
            known = ", ".join(map(str, entity_types))
            raise UserError(f"a threshold for {shortened(name)}, which is no type of the model; it knows {known}")
        try:
            _checked(value)
        except ValueError as error:
            where = "" if name == OTHERS else f" for {name}"
            raise UserError(f"the threshold{where} is {shortened(value)}, expected a confidence from 0 to 1") from error
    others = given.get(OTHERS, 0.0)
    return {name: float(given.get(name, others)) for name in entity_types}


def _checked(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) <= 1:
        raise ValueError
    return float(value)
