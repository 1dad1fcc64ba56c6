"""What a corpus format is: how to recognise, read and write it. Each format's file defines one `Format`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.formats.block import SentenceIds, TaggedSentences
from data_prep.formats.string_ids import CorpusStrings
from data_prep.problems import Problems
from ner_dist.contract import tag_schemes


class ReadOptions(NamedTuple):
    """What the user chose for reading. Columns count from 0; negative ones count from the last column."""

    # "auto": recognise it from the file.
    format: str = "auto"
    # None: that of a byte-order mark or of the format.
    encoding: str | None = None
    token_column: int = 0
    # None: do not read parts of speech.
    pos_column: int | None = 1
    tag_column: int = -1
    # Repair entity spans that do not fit the tokens, instead of reporting them.
    repair: bool = False


class Source(NamedTuple):
    """A corpus file while it is read."""

    path: Path
    # (number of the first line, whole lines) of one block after another; see text_source.text_blocks.
    blocks: Iterator[tuple[int, str]]
    options: ReadOptions
    # Numbers the tokens, tags and parts of speech.
    strings: CorpusStrings
    problems: Problems

    def error(self, line: int, what: str) -> None:
        self.problems.error(f"{self.path}:{line}", what)


class WriteOptions(NamedTuple):
    """What is known about the sentences before the first one is written, and what the user chose."""

    entity_types: list[str]
    scheme: str
    # Whether some token, part of speech or entity type is empty or contains a space.
    has_spaces: bool = False
    # Write the text with entity spans instead of tags; see Format.writes_spans.
    as_text: bool = False


class Format(NamedTuple):
    name: str
    # One line for --help.
    description: str
    default_encoding: str
    # What `recognise` looks for, for the message if no format is recognised.
    evidence: str
    # Whether the first lines of a file, without the blank ones, are in this format.
    recognise: Callable[[list[str], ReadOptions], bool]
    # Yields blocks of sentences; invalid lines are reported and skipped.
    read: Callable[[Source], Iterator[SentenceIds]]
    # (block, number of sentences written before it, options, problems) -> text, with any header before the first
    # sentence. What would not be read back unchanged is reported. None if the format can only be read.
    write: Callable[[TaggedSentences, int, WriteOptions, Problems], str] | None = None
    # `convert` writes this format to files with these endings (lower case).
    endings: tuple[str, ...] = ()
    # Whether it can be written as text with entity spans (--text).
    writes_spans: bool = False


def report_separators(separators: str, block: TaggedSentences, entity_types: list[str], problems: Problems) -> None:
    """Report tokens and parts of speech that contain a separator, and types (once per block) that do or are blank."""
    for name, values in (("token", block.text_M), ("part of speech", block.pos_M)):
        # One search through all of them: hardly ever is there anything to report.
        joined = "".join(values)
        for char in (char for char in separators if char in joined):
            for i in (i for i, value in enumerate(values) if char in value):
                what = f"{name} {values[i][:30]!r} contains the separator {char!r}; write jsonl instead"
                problems.error(block.where(i), what)
    _, type_M = tag_schemes.split_ids(block.tag_M)
    for type_id, name in enumerate(entity_types):
        if not name.strip() or any(char in name for char in separators):
            for i in np.flatnonzero(type_M == type_id)[:1]:
                problems.error(block.where(int(i)), f"entity type {name!r} cannot be written in this format")
