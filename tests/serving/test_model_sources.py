"""Models on the command line: their names, and when another version is there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ner_dist.errors import UserError
from ner_dist.serving.model_sources import model_sources, stamp

OLD = Path(__file__).parents[1] / "version_3"


def load(path: Path) -> Any:
    return path


def test_models_are_called_by_their_directories_or_as_they_are_told(tmp_path: Path) -> None:
    (tmp_path / "a=b").mkdir()
    given = [f"{tmp_path}/news/", f"mine={tmp_path}/news", f"{tmp_path}/a=b"]
    assert [source.route for source in model_sources(given, load, False)] == ["news", "mine", "a-b"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["x/news", "y/news"], "two models are called news; give them names of their own: NAME=DIR"),
        (["a b=x"], "a b=x: the name of a model is 1 to 100 letters"),
    ],
)
def test_names_that_no_request_could_ask_for_are_refused(given: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        model_sources(given, load, False)


def test_both_processes_load_the_version_that_a_link_points_at_now(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    link = tmp_path / "current"
    link.symlink_to("one")
    (source,) = model_sources([str(link)], load, True)
    small, large = source.loads()
    link.unlink()
    link.symlink_to("two")
    assert (source.route, small(), large and large()) == ("current", tmp_path / "one", tmp_path / "one")
    assert source.loads().small() == tmp_path / "two"  # type: ignore[comparison-overlap]


def test_a_stamp_changes_with_the_model(tmp_path: Path) -> None:
    link = tmp_path / "current"
    assert stamp(link) is None
    for name in ("one", "two"):
        shutil.copytree(OLD / "export", tmp_path / name)
    link.symlink_to("one")
    first = stamp(link)
    assert first == stamp(link) is not None
    link.unlink()
    link.symlink_to("two")
    second = stamp(link)
    os.utime(tmp_path / "two" / "tagger.json", (1, 1))
    assert len({first, second, stamp(link)}) == 3
    assert stamp(OLD / "run") == stamp(OLD / "run") is not None
