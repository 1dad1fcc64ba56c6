"""What preparation says of a corpus before shards are written."""

from __future__ import annotations

from pathlib import Path

from corpus_sources import sources_of

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings

SOME, NONE = "Ann B-PER\nran O\n\nBo B-PER\n", "he O\nran O\n\nit O\n"


def warned(tmp_path: Path, train: str, dev: str, test: str) -> list[str]:
    """What is said of splits without entities."""
    paths = {split: tmp_path / split for split in ("train", "dev", "test")}
    for path, text in zip(paths.values(), (train, dev, test)):
        path.write_text(text)
    problems = Problems()
    index = build(sources_of(paths), Settings(num_shards=1), tmp_path / "out", problems)
    assert index.warnings.get("splits_without_entities", 0) == problems.warnings["splits_without_entities"]
    return [line for line in problems.warning_lines if "has an entity" in line]


def test_a_split_without_entities_is_warned_about_with_what_follows(tmp_path: Path) -> None:
    dev, test = warned(tmp_path, SOME, NONE, NONE)
    assert dev.startswith("dev: warning: none of its 2 sentences has an entity, so training cannot tell its best epoch")
    assert test.startswith("test: warning: none of its 2 sentences has an entity, so its F1 will be 0")


def test_splits_with_entities_are_not_warned_about(tmp_path: Path) -> None:
    assert warned(tmp_path, SOME, SOME, SOME) == []
