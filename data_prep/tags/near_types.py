"""Entity types that differ only in what is easily mistaken: case, white space, hyphens, invisible characters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from data_prep.problems import Problems
from data_prep.tags.tag_characters import plain_characters
from ner_dist.contract.visible_text import is_invisible, shown


class TypeUse(NamedTuple):
    """How many tokens have a type, and the place of the first."""

    num_tokens: int
    where: str


def _key(name: str) -> str:
    """The same for types that are near to each other; look-alikes of hyphens and letters count as them."""
    plain = plain_characters(name)
    return "".join(char for char in plain if char not in "-_" and not is_invisible(char)).casefold()


def near_types(names: list[str]) -> list[list[str]]:
    """Groups of two or more types that may be meant to be one, in the order of their first names."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_key(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _times(num_tokens: int) -> str:
    return "1 token" if num_tokens == 1 else f"{num_tokens:,} tokens"


def report_near_types(uses: Mapping[str, TypeUse], problems: Problems) -> None:
    """Warn of each group, with the number of tokens and the first place of each type; and of types that are tags."""
    for group in near_types(list(uses)):
        ordered = sorted(group, key=lambda name: (-uses[name].num_tokens, name))
        found = [f"{shown(name)} ({_times(uses[name].num_tokens)}, first {uses[name].where})" for name in ordered]
        what = f"types {', '.join(found[:-1])} and {found[-1]} differ only in case, spaces, hyphens or look-alikes"
        problems.warn("near_types", uses[ordered[-1]].where, f"{what}; they stay different types")
    for name in uses:
        begins = f"B{name[1:]}"
        if name[:2] in ("I-", "I_") and begins in uses:
            what = f"types {shown(begins)} and {shown(name)} look like tags of single tokens, each read as an entity"
            advice = f"an entity of several tokens is one span of type {shown(name[2:])}"
            problems.warn("tags_as_types", uses[name].where, f"{what}; {advice}")
