"""Tokens and entity types as text without white space, for files whose columns other programs split at any of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def without_space(text: str) -> str:
    """A token or type as one column: an underscore for each run of white space, of whatever kind in Unicode."""
    return "_".join(text.split()) or "_"


def distinct_types(entity_types: Iterable[str], spell: Callable[[str], str] = without_space) -> dict[str, str]:
    """What to write for each type. Types that spell leaves as they are keep their names, and no two share one.

    Of types that would be spelled the same, such as "A B" and "A_B", the later get a number: A_B_2.
    """
    entity_types = list(entity_types)
    written = {name: name for name in entity_types if spell(name) == name}
    taken = set(written)
    for name in entity_types:
        if name not in written:
            plain = spell(name)
            numbered = (f"{plain}_{number}" for number in range(2, len(entity_types) + 2))
            written[name] = next(free for free in (plain, *numbered) if free not in taken)
            taken.add(written[name])
    return {name: written[name] for name in entity_types}
