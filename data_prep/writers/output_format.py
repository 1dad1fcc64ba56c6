"""What a format is that `convert` writes: how to write it, and what it can hold.

Each format's file defines one `OutputFormat`. Axes: N sentences of M tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import IO, NamedTuple, Protocol

import numpy as np

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from ner_dist.contract import tag_schemes
from ner_dist.contract.visible_text import shown


class WriteOptions(NamedTuple):
    """What is known about the sentences before the first one is written."""

    entity_types: list[str]
    # One of tag_schemes.ALL_SCHEMES.
    scheme: str
    # Whether some token, value of a feature or entity type is empty or contains a space.
    has_spaces: bool = False
    # Names of the token features.
    features: tuple[str, ...] = ()
    # Whether some sentence has an id or a document.
    has_ids: bool = False
    has_documents: bool = False
    # Whether the tokens are the source's own, not cut from its texts.
    has_own_tokens: bool = True
    # Whether the entities of a text are written as they stand in the source, not as the tags have them.
    as_in_source: bool = False


class Writer(Protocol):
    def write(self, block: TaggedSentences) -> None:
        """Write a block of sentences; what would not be read back unchanged is reported."""

    def close(self) -> None:
        """Write what is still to come. The file is not closed."""


class OutputFormat(NamedTuple):
    name: str
    # One line for --help.
    description: str
    open: Callable[[IO[bytes], WriteOptions, Problems], Writer]
    # `convert` writes this format to files with these endings (lower case).
    endings: tuple[str, ...] = ()
    # What it has a place for besides tokens, entities and documents; features by name, None: any.
    holds_ids: bool = True
    holds_features: Collection[str] | None = ()
    # Whether it holds tags of some scheme; and whether nothing in it depends on tokens.
    has_tags: bool = False
    is_text: bool = False


def document_numbers(block: TaggedSentences) -> np.ndarray:
    """The number of each sentence's document, 0 if it has none: (N,)."""
    return block.document_N if len(block.document_N) else np.zeros(len(block.length_N), np.int32)


def document_names(block: TaggedSentences) -> list[str]:
    """The name of each sentence's document, or its number if it has no name; "" if there is no document."""
    number_N = document_numbers(block).tolist()
    if block.origins is None:
        return [str(number) if number else "" for number in number_N]
    return [(origin.document or str(number)) if number else "" for number, origin in zip(number_N, block.origins)]


def record_ids(block: TaggedSentences) -> list[str]:
    return [""] * len(block.length_N) if block.origins is None else [origin.record for origin in block.origins]


def one_line(name: str) -> str:
    """A name that fits into a line."""
    return " ".join(name.split())


class DocumentStarts:
    """Finds where documents begin, from block to block."""

    def __init__(self) -> None:
        self._last = 0

    def find(self, block: TaggedSentences) -> dict[int, str]:
        """The sentences with which a document begins, and its name, "" if it has none, or only its number.

        Where sentences without a document follow a document, these are one, too: otherwise they would seem to be its.
        """
        number_N = document_numbers(block)
        if not len(number_N):
            return {}
        changes = np.flatnonzero(number_N != np.append(self._last, number_N[:-1])).tolist()
        self._last = int(number_N[-1])
        names = [""] * len(number_N) if block.origins is None else [origin.document for origin in block.origins]
        return {i: names[i] if names[i] != str(number_N[i]) and number_N[i] else "" for i in changes}


def report_separators(separators: str, block: TaggedSentences, entity_types: list[str], problems: Problems) -> None:
    """Report tokens and features that contain a separator, and types (once per block) that do or are blank."""
    features = ((f"token feature {name}", values) for name, values in block.features.items())
    for name, values in (("token", block.text_M), *features):
        # One search through all of them: hardly ever is there anything to report.
        joined = "".join(values)
        for char in (char for char in separators if char in joined):
            for i in (i for i, value in enumerate(values) if char in value):
                what = f"{name} {shown(values[i][:30])} contains the separator {shown(char)}; write jsonl instead"
                problems.error(block.where(i), what, "inexpressible")
    report_types(separators, block, entity_types, problems)


def report_types(separators: str, block: TaggedSentences, entity_types: list[str], problems: Problems) -> None:
    """Report types that contain a separator or are blank, once per block."""
    odd = [
        (type_id, name)
        for type_id, name in enumerate(entity_types)
        if not name.strip() or any(char in name for char in separators)
    ]
    if odd:
        _, type_M = tag_schemes.split_ids(block.tag_M)
        for type_id, name in odd:
            for i in np.flatnonzero(type_M == type_id)[:1]:
                what = f"entity type {shown(name)} cannot be written in this format"
                problems.error(block.where(int(i)), what, "inexpressible")
