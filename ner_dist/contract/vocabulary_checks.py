"""What a vocabulary's file says, as a dataclass, and whether it can be the vocabulary of its name."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Optional

from ner_dist.foreign.errors import refuse
from ner_dist.foreign.names import shortened

# Ids without a token of their own come first, and a token of the corpus may be spelled like one of them.
_NUM_SPECIALS, _NUM_CHAR_SPECIALS, _NUM_CHAR_TYPES = 2, 5, 5


@dataclasses.dataclass
class Vocabulary:
    """Lists by id, but for the last three, which shard_format.read_vocab explains."""

    values: list[str]
    counts: list[int]
    types: Optional[list[int]] = None
    without_vector: Optional[list[int]] = None
    entries: Optional[list[str]] = None
    parts: Optional[list[int]] = None


def check_vocabulary(found: Vocabulary, path: Path, name: str, num_values: int) -> None:
    """Raises ForeignFileError naming the first fault."""
    own = {"char": {"types"}, "word": {"without_vector"}}.get(name, set())
    own = {"entries", "parts"} if name.startswith("lexicon_") else own
    foreign = [
        f for f in ("types", "without_vector", "entries", "parts") if getattr(found, f) is not None and f not in own
    ]
    if foreign:
        refuse(path, f"it has {foreign[0]}", f"none in the vocabulary {name}")
    if len(found.values) != num_values or len(found.counts) != num_values:
        refuse(path, f"{len(found.values)} values with {len(found.counts)} counts", f"{num_values} of each")
    named = found.values[_NUM_CHAR_SPECIALS if name == "char" else _NUM_SPECIALS :]
    if len(set(named)) < len(named):
        seen: set[str] = set()
        twice = next(value for value in named if value in seen or seen.add(value))  # type: ignore[func-returns-value]
        refuse(path, f"the value {shortened(twice)} is there twice", "distinct values")
    if min(found.counts) < 0 or max(found.counts) >= 1 << 62:
        refuse(path, "a count is negative or very large", "how often each value occurs")
    if name == "char":
        types = found.types or []
        if len(types) != num_values or not all(0 <= kind < _NUM_CHAR_TYPES for kind in types):
            refuse(
                path, f"{len(types)} types, or types of other kinds", f"{num_values} from 0 to {_NUM_CHAR_TYPES - 1}"
            )
    ids = found.without_vector or []
    if ids and (ids[0] < 0 or ids[-1] >= num_values or any(a >= b for a, b in zip(ids, ids[1:]))):
        refuse(path, "without_vector has ids out of order", f"0 to {num_values - 1}, ascending")
    check_parts(found.parts, found.entries, path, "parts")


def check_parts(parts: list[int] | None, entries: list[str] | None, path: Path, name: str) -> None:
    """Whether numbers of a lexicon's partial matches can be those; name: of the field, for the error."""
    fits = parts is None or (len(parts) == 2 and all(0 <= number < 1 << 31 for number in parts))
    # Old ones have no entries.
    if (entries is not None and parts is None) or not fits:
        refuse(path, f"{name} is {shortened(parts)}", "two numbers of tokens beside entries")
