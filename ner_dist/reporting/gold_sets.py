"""What models are scored on: a split of their own shards, or annotated files, named for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ner_dist.errors import UserError
from ner_dist.reporting.run_facts import short_names


class GoldSet(NamedTuple):
    # Of a split, the split's.
    name: str
    # Empty: a split.
    files: list[str]

    @property
    def is_split(self) -> bool:
        return not self.files

    @property
    def in_words(self) -> str:
        return f"the {self.name} split" if self.is_split else self.name


def gold_sets(gold: Sequence[Sequence[str]]) -> list[GoldSet]:
    """The test sets of a command line, each a list of files whose first may be NAME=FILE.

    Others are called by the end of the first file's path. Raises UserError if two have the same name.
    """
    named = [_named(files) for files in gold]
    short = iter(short_names([Path(files[0]) for name, files in named if not name]))
    found = [GoldSet(name or _with_more(next(short), files), files) for name, files in named]
    names = [gold_set.name for gold_set in found]
    again = next((name for name in names if names.count(name) > 1), None)
    if again is not None:
        raise UserError(f"--gold: two test sets are called {again}; give each a name of its own, NAME=FILE")
    return found


def _named(files: Sequence[str]) -> tuple[str, list[str]]:
    """A name that is no path, if there is one, and the files."""
    name, is_named, first = files[0].partition("=")
    if not is_named or not name or not first or "/" in name or Path(files[0]).exists():
        return "", list(files)
    return name, [first, *files[1:]]


def _with_more(name: str, files: list[str]) -> str:
    return name if len(files) == 1 else f"{name} and {len(files) - 1} more"
