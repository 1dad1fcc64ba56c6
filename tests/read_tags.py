"""Tag strings of made-up files, read as the passes over a corpus read them: schemes, complaints and entities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from data_prep.passes.repair_tags import to_bilou
from data_prep.passes.tag_collector import Scheme, TagCollector, describe_schemes
from data_prep.problems import Problems
from data_prep.sentences.block import SentenceIds
from data_prep.settings import Settings
from ner_dist.contract.tag_schemes import split_ids, strict_spans

# A file's sentences, each a list of tags or one text of tags separated by spaces.
Sentences = Sequence[Sequence[str]]


class Entity(NamedTuple):
    sentence: int
    start: int
    end: int
    type: str


class TagsRead(NamedTuple):
    schemes: list[Scheme]
    problems: Problems
    entity_types: list[str]
    # Of each file.
    entities: list[list[Entity]]
    # Of all files, in words.
    scheme: Scheme

    @property
    def messages(self) -> list[str]:
        return [*self.problems.errors, *self.problems.warning_lines]


def _block(sentences: Sentences, collector: TagCollector) -> SentenceIds:
    """Each sentence is followed by an empty line."""
    split = [tags.split() if isinstance(tags, str) else list(tags) for tags in sentences]
    lines = [line for line, tag in enumerate((tag for tags in split for tag in (*tags, None)), 1) if tag is not None]
    length_N = np.array([len(tags) for tags in split])
    tag_M = collector.ids.ids([tag for tags in split for tag in tags])
    return SentenceIds(np.zeros(len(tag_M), np.int32), tag_M, [], np.array(lines), length_N)


def read_tags(files: dict[str, Sentences], splits: Sequence[str] | None = None, **knobs: Any) -> TagsRead:
    settings, problems, collector = Settings(**knobs), Problems(), TagCollector()
    blocks = [_block(sentences, collector) for sentences in files.values()]
    for source_id, block in enumerate(blocks):
        # In two blocks, as a long file.
        half = len(block.length_N) // 2
        for part in (slice(half), slice(half, None)):
            before, inside = int(block.length_N[: part.start].sum()) if part.start else 0, block.length_N[part]
            tokens = slice(before, before + int(inside.sum()))
            if len(inside):
                collector.add(
                    block._replace(tag_M=block.tag_M[tokens], line_M=block.line_M[tokens], length_N=inside), source_id
                )
    names = list(files)
    found = collector.choose_schemes(names, settings, "--scheme", problems, splits=splits)
    entities = []
    for name, block, tags in zip(names, blocks, found):
        tag_M = to_bilou(block, name, tags, settings, problems)
        first_N = np.cumsum(block.length_N) - block.length_N
        starts_M = np.isin(np.arange(len(tag_M)), first_N)
        spans = strict_spans(*split_ids(tag_M), starts_M)
        sentence_E = np.searchsorted(first_N, spans.start_E, side="right") - 1
        entities.append(
            [
                Entity(int(n), int(start - first_N[n]), int(end - first_N[n]), collector.entity_types[type_id])
                for n, start, end, type_id in zip(sentence_E, spans.start_E, spans.end_E, spans.type_E)
            ]
        )
    schemes = [tags.scheme for tags in found]
    return TagsRead(schemes, problems, collector.entity_types, entities, describe_schemes(names, found))


def read_one(*sentences: str | Sequence[str], **knobs: Any) -> TagsRead:
    """Read a file "c" of these sentences."""
    return read_tags({"c": list(sentences)}, **knobs)
