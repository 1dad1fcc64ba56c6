"""Patterns of names are those of the shell."""

from __future__ import annotations

import glob
from pathlib import Path

import pytest

from ner_dist.stores.patterns import is_like, split_pattern

NAMES = ("a.txt", "b/a.txt", "b/c/a.txt", "b/c/d.csv", "e1/a.txt", "e2/a.txt")


@pytest.mark.parametrize(
    "pattern", ["*", "*.txt", "*/*.txt", "**/*.txt", "**/a.txt", "b/**/*", "e[12]/?.txt", "b/c/*.csv"]
)
def test_a_pattern_means_what_it_means_for_paths(pattern: str, tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {Path(path).relative_to(tmp_path).as_posix() for path in glob.glob(f"{tmp_path}/{pattern}", recursive=True)}
    assert {name for name in NAMES if is_like(name.split("/"), pattern.split("/"))} == found & set(NAMES)


def test_a_pattern_begins_with_its_first_wild_part() -> None:
    assert split_pattern(["a", "b*", "c"]) == (["a"], ["b*", "c"])
    assert split_pattern(["a", "b"]) == (["a", "b"], [])
    assert split_pattern([]) == ([], [])
