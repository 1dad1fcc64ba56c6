"""A learning curve is read as bench writes it, and shown."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from reported import curve_record

from ner_dist.errors import UserError
from ner_dist.pages.figure import drawing_style
from ner_dist.reporting.learning_curve import LearningCurve, picture, read_curve, rows, sentence


def read(folder: Path, **changes: Any) -> LearningCurve:
    (folder / "curve.json").write_text(json.dumps(curve_record(**changes)))
    return read_curve(folder / "curve.json")


def test_each_part_has_a_row_with_mean_and_deviation(tmp_path: Path) -> None:
    curve = read(tmp_path)
    assert rows(curve)[0] == ["25 %", "250", "2,250", "500", "86.00 ± 0.00", "84.15 ± 0.07"]
    assert sentence(curve).startswith(
        "Twice as much data (2,000 sentences): about +0.6 points of test F1 (-0.1 to +1.3)"
    )
    assert "that may be chance" in sentence(curve)
    with drawing_style():
        svg = str(picture(curve, "curve-1").svg)
    assert "1,000 sentences, seed 2: test F1 87.20 %" in svg
    assert "2,000 sentences, expected" in svg


def test_one_seed_or_two_parts_promise_nothing(tmp_path: Path) -> None:
    curve = read(tmp_path)
    assert curve.fit is not None
    of_one = dataclasses.replace(curve.fit.twice, low=None, high=None)
    assert "more seeds would tell" in sentence(
        dataclasses.replace(curve, fit=dataclasses.replace(curve.fit, twice=of_one))
    )
    assert "say nothing about more data" in sentence(read(tmp_path, fit=None))
    with drawing_style():
        assert "expected" not in str(picture(read(tmp_path, fit=None)).svg)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": []}, "its fractions have no points"),
        ({"split": "train"}, "no F1 on train"),
        ({"fractions": [0.1, 1.0]}, "its fractions have no points"),
        ({"fit": {"a": "x"}}, r"fit\.a"),
    ],
)
def test_what_is_no_learning_curve_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=rf"curve\.json.*{message}.*expected a curve\.json of python -m bench"):
        read(tmp_path, **changes)
