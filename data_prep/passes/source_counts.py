"""How often each distinct tag occurs in a source, and where first; parts of a source are added up."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from data_prep.sentences.block import SentenceIds
from data_prep.tags.tag_counts import TagCounts


class SourceCounts:
    """The tags of a source."""

    def __init__(self) -> None:
        self.counts = TagCounts()
        # Line of the first token with each tag.
        self.first_line: dict[int, int] = {}
        # Whether its entities are given by characters, so that the tags are our own.
        self.has_spans = False
        # Tags of the texts as the tokenizer alone cuts them.
        self.raw_ids: set[int] = set()

    def add(self, block: SentenceIds, num_tags: int) -> None:
        count_K = np.bincount(block.tag_M, minlength=num_tags)
        for tag_id in np.flatnonzero(count_K).tolist():
            if tag_id not in self.first_line:
                self.first_line[tag_id] = int(block.line_M[np.argmax(block.tag_M == tag_id)])
            self.counts.count[tag_id] += int(count_K[tag_id])
        self.has_spans = self.has_spans or bool(block.span_types)
        if block.raw is not None:
            self.raw_ids.update(np.unique(block.raw.tag_M).tolist())

    def take(self, other: SourceCounts, id_K: list[int]) -> None:
        """Add those of a part of the source after the others; id_K: the numbers here of the tags there."""
        for tag_id, line in other.first_line.items():
            self.first_line.setdefault(id_K[tag_id], line)
            self.counts.count[id_K[tag_id]] += other.counts.count[tag_id]
        # In the order of their numbers, whatever the parts are.
        self.first_line = dict(sorted(self.first_line.items()))
        self.counts.count = Counter(dict(sorted(self.counts.count.items())))
        for form, pairs in other.counts.pairs.items():
            self.counts.pairs[form] += pairs
        self.has_spans = self.has_spans or other.has_spans
        self.raw_ids.update(id_K[tag_id] for tag_id in other.raw_ids)


class PartTags(NamedTuple):
    """What is counted of the tags of some sources, by their numbers."""

    sources: dict[int, SourceCounts]
    # Types of entities by characters, some of which no tag may express.
    span_types: set[str]
