"""The distinct tags of a corpus while it is read: which are malformed, and which scheme they follow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_prep.formats.block import SentenceIds, starts_mask
from data_prep.formats.string_ids import StringIds
from data_prep.formats.tag_strings import Scheme, count_pairs, detect_scheme, is_well_formed, tag_table
from data_prep.problems import Problems
from data_prep.settings import Settings

MAX_TYPES = 1000


class TagCollector:
    def __init__(self) -> None:
        # The reader numbers the tags here.
        self.ids = StringIds()
        self.table = tag_table([])
        self.malformed: dict[int, str] = {}
        # Counts of tag pairs, to detect the scheme; see tag_strings.count_pairs.
        self.pairs = np.zeros((5, 5, 2), np.int64)

    def add(self, block: SentenceIds) -> None:
        first_id, new = self.ids.take_new()
        if new:
            self.malformed.update((i, name) for i, name in enumerate(new, first_id) if not is_well_formed(name))
            self.table = tag_table(self.ids.texts)
        prefix_M, type_M = self.table.prefix_K[block.tag_M], self.table.type_K[block.tag_M]
        self.pairs += count_pairs(prefix_M, type_M, starts_mask(block.length_N))

    def report_malformed(self, block: SentenceIds, path: Path, problems: Problems) -> None:
        for i, name in occurrences(block.tag_M, self.malformed):
            if problems.full:
                problems.more_errors(1)
                continue
            what = f"tag {name!r} is neither O nor one of B I E L S U, a hyphen and a type"
            problems.error(f"{path}:{block.line_M[i]}", what)

    def report_many_types(self, path: Path, problems: Problems) -> None:
        names = self.table.entity_types
        if len(names) > MAX_TYPES:
            found = f"{len(names):,} entity types, for example {names[0]!r}"
            problems.error(str(path), f"{found}; is this the column of the tags?")

    def choose_scheme(self, settings: Settings, option: str, path: Path, problems: Problems, report: bool) -> Scheme:
        """The scheme that is set by `option`, or the detected one; unless it is clear, report it if asked to."""
        if settings.scheme != "auto":
            return Scheme(settings.scheme, f"given by {option}", clear=True)
        scheme = detect_scheme(self.pairs, self.table.letters)
        if report and not scheme.clear:
            problems.error(str(path), f"the tag scheme is not clear ({scheme.evidence}); pass {option}")
        return scheme


def occurrences(id_M: np.ndarray, texts: dict[int, str]) -> Iterator[tuple[int, str]]:
    """The positions of these ids, with their texts."""
    if texts:
        for i in np.flatnonzero(np.isin(id_M, list(texts))):
            yield int(i), texts[int(id_M[i])]
