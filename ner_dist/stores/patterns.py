"""Patterns of names as the shell has them, also for stores, which do not know them: *, ?, [...], and ** for folders."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

# What makes a name a pattern.
WILD = frozenset("*?[")


def split_pattern(parts: Sequence[str]) -> tuple[list[str], list[str]]:
    """The folders that a pattern names as they are, and the rest; its first wild part begins that."""
    first_wild = next((place for place, part in enumerate(parts) if WILD & set(part)), len(parts))
    return list(parts[:first_wild]), list(parts[first_wild:])


def is_like(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """As glob's, part by part; ** is any number of them."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(is_like(parts[place:], pattern[1:]) for place in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and is_like(parts[1:], pattern[1:])
