"""YAML files and values, of which a few hundred bytes may unfold to more than any machine holds: checked, then read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.json_files import read_bytes
from ner_dist.foreign.names import shortened

# Generous for what people write by hand: scalars, lists and mappings, those that aliases repeat included.
MOST_BYTES = 1 << 18
MOST_NODES = 20_000
MOST_DEPTH = 40
# LibYAML's, ten times as fast, where PyYAML was built with it.
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _TooMuch(ForeignFileError):
    """YAML beyond a limit."""


def read_yaml(path: str | os.PathLike[str], most_bytes: int = MOST_BYTES) -> Any:
    """What a YAML file says: null, numbers, texts, lists and mappings. Raises ForeignFileError."""
    return parse_yaml(read_text(path, most_bytes), str(path))


def read_text(path: str | os.PathLike[str], most_bytes: int = MOST_BYTES) -> str:
    """A text file in UTF-8 that is not too large. Raises ForeignFileError naming the line of the first other byte."""
    data = read_bytes(Path(path), most_bytes)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ForeignFileError(
            f"{path}:{line}: byte {data[error.start]:#04x} is not UTF-8; save the file with that encoding"
        ) from error


def parse_yaml(text: str, place: str) -> Any:
    """What a text says, by the rules of check_yaml. Raises ForeignFileError."""
    check_yaml(text, place)
    try:
        return yaml.load(text, _PARSER)
    except yaml.YAMLError as error:
        raise ForeignFileError(_sentence(place, error)) from error
    # A date of month 13, for example.
    except (ValueError, RecursionError) as error:
        raise ForeignFileError(f"{place}: not readable as YAML ({error})") from error


def check_limits(text: str, place: str) -> None:
    """For what another reader reads: raises as check_yaml does, but only for size, depth and unfolding."""
    try:
        check_yaml(text, place)
    except _TooMuch:
        raise
    except ForeignFileError:
        pass


def check_yaml(text: str, place: str) -> None:
    """Raises ForeignFileError if the text is not YAML, or is too large, too deep, tagged, or has a key twice.

    place: of the text, for the message.
    """
    if len(text) > MOST_BYTES:
        raise _TooMuch(f"{place}: more than {MOST_BYTES:,} characters of YAML")
    try:
        # Nothing recurses and nothing is built here: a stream of events is counted.
        _count(yaml.parse(text, _PARSER), place)
    except yaml.YAMLError as error:
        # LibYAML has a limit of its own, and meets it when it looks ahead.
        kind = _TooMuch if "nesting depth" in str(error) else ForeignFileError
        raise kind(_sentence(place, error)) from error
    # Half of a surrogate pair, which no file in UTF-8 has.
    except UnicodeError as error:
        raise ForeignFileError(f"{place}: not readable as YAML ({error})") from error


class _Node:
    """A node whose end has not come yet: what it contains, and the keys if it is a mapping."""

    __slots__ = ("anchor", "depth", "is_mapping", "keys", "num_children", "size")

    def __init__(self, anchor: str | None, is_mapping: bool) -> None:
        self.anchor, self.is_mapping = anchor, is_mapping
        self.size, self.depth, self.num_children = 1, 1, 0
        self.keys: set[str] = set()


def _count(events: Any, place: str) -> None:
    open_nodes: list[_Node] = []
    # Size and depth of what each anchor stands for, aliases in it unfolded.
    anchored: dict[str, tuple[int, int]] = {}
    for event in events:
        line = f"{place}:{event.start_mark.line + 1}"
        if getattr(event, "tag", None) is not None:
            raise ForeignFileError(f"{line}: the tag {shortened(event.tag)} is not allowed here; leave it out")
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append(_Node(event.anchor, isinstance(event, yaml.MappingStartEvent)))
            if len(open_nodes) > MOST_DEPTH:
                raise _TooMuch(f"{line}: nested more than {MOST_DEPTH} deep")
            continue
        if isinstance(event, yaml.ScalarEvent):
            size, depth = 1, 1
            if event.anchor:
                anchored[event.anchor] = size, depth
            if open_nodes:
                _note_key(open_nodes[-1], event, line)
        elif isinstance(event, yaml.AliasEvent):
            if any(node.anchor == event.anchor for node in open_nodes):
                raise _TooMuch(f"{line}: contains itself, by the alias *{shortened(event.anchor)[1:-1]}")
            if event.anchor not in anchored:
                raise ForeignFileError(f"{line}: the alias *{shortened(event.anchor)[1:-1]} has no anchor")
            size, depth = anchored[event.anchor]
        elif isinstance(event, yaml.CollectionEndEvent):
            node = open_nodes.pop()
            size, depth = node.size, node.depth
            if node.anchor:
                anchored[node.anchor] = size, depth
        else:
            continue
        if open_nodes:
            parent = open_nodes[-1]
            parent.size += size
            parent.num_children += 1
            parent.depth = max(parent.depth, depth + 1)
            if parent.size > MOST_NODES or len(open_nodes) + depth > MOST_DEPTH:
                limit = f"{MOST_NODES:,} values or {MOST_DEPTH} levels"
                raise _TooMuch(f"{line}: unfolds to more than {limit}, which no file of this kind needs")


def _note_key(mapping: _Node, event: Any, line: str) -> None:
    if mapping.is_mapping and mapping.num_children % 2 == 0:
        if event.value in mapping.keys:
            raise ForeignFileError(f"{line}: {shortened(event.value)} is there twice; leave one out")
        mapping.keys.add(event.value)


def _sentence(place: str, error: Exception) -> str:
    """PyYAML's complaint on one line."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return f"{place}: not readable as YAML ({' '.join(str(error).split())})"
    return f"{place}:{mark.line + 1}: not readable as YAML ({problem})"
