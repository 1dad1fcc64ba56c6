"""Thresholds: what --threshold and Tagger take, and what they refuse."""

from __future__ import annotations

import argparse

import numpy as np
import pytest

from ner_dist.errors import UserError
from ner_dist.prediction.thresholds import least_confidences, parse_threshold

TYPES = ["PER", "LOC", "ORG"]


def test_one_number_is_for_all_types() -> None:
    assert least_confidences(parse_threshold("0.8"), TYPES) == {"PER": 0.8, "LOC": 0.8, "ORG": 0.8}
    assert least_confidences(1, TYPES) == dict.fromkeys(TYPES, 1.0)
    assert least_confidences(np.float64(0.5), TYPES) == dict.fromkeys(TYPES, 0.5)


def test_a_star_is_for_the_types_that_are_not_named() -> None:
    found = parse_threshold("PER=0.9, LOC=0.5,*=0.7")
    assert found == {"PER": 0.9, "LOC": 0.5, "*": 0.7}
    assert least_confidences(found, TYPES) == {"PER": 0.9, "LOC": 0.5, "ORG": 0.7}


def test_types_without_a_threshold_are_shown_whatever_their_confidence() -> None:
    assert least_confidences({"PER": 0.9}, TYPES) == {"PER": 0.9, "LOC": 0.0, "ORG": 0.0}
    assert least_confidences(None, TYPES) == dict.fromkeys(TYPES, 0.0)


def test_a_type_may_contain_an_equals_sign() -> None:
    assert least_confidences(parse_threshold("a=b=0.5"), ["a=b"]) == {"a=b": 0.5}


@pytest.mark.parametrize("text", ["high", "1.5", "-0.1", "nan", "", "PER=", "=0.5", "PER=0.5,PER=0.6", "PER=0.5,0.7"])
def test_what_is_no_threshold_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"PER=0\.9,LOC=0\.5"):
        parse_threshold(text)


def test_an_unknown_type_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match="'GPE', which is no type of the model; it knows PER, LOC, ORG"):
        least_confidences({"GPE": 0.5}, TYPES)


@pytest.mark.parametrize("value", [2, -1, float("nan"), "0.5", None, True])
def test_from_python_only_numbers_from_0_to_1_are_taken(value: object) -> None:
    with pytest.raises(UserError, match=r"threshold for PER is .*, expected a confidence from 0 to 1"):
        least_confidences({"PER": value}, TYPES)  # type: ignore[dict-item]
