"""Entity types that are slips of the finger: near to a more frequent one, or a letter or two away from it."""

from __future__ import annotations

from collections.abc import Mapping

from data_prep.tags.near_types import near_types

# A misspelt type is used so much less than the one that is meant, and has so many letters for each wrong one.
RARE_SHARE = 0.05
MIN_LETTERS = 4
# More are no types.
MAX_TYPES = 1000


def renamed_types(num_entities: Mapping[str, int]) -> dict[str, str]:
    """What each type is probably meant to be, by the number of entities of each; only of those that are wrong."""
    used = [name for name, number in num_entities.items() if number]
    renamed: dict[str, str] = {}
    if len(used) > MAX_TYPES:
        return renamed
    for group in near_types(used):
        usual = max(group, key=lambda name: (num_entities[name], name))
        renamed.update({name: usual for name in group if name != usual})
    for name in used:
        if name not in renamed and (usual_name := _misspelt(name, num_entities)) is not None:
            renamed[name] = renamed.get(usual_name, usual_name)
    return renamed


def _misspelt(name: str, num_entities: Mapping[str, int]) -> str | None:
    """The type of which this rare one is a misspelling; None if there is none, or two."""
    near = [
        other
        for other, number in num_entities.items()
        if num_entities[name] <= RARE_SHARE * number
        # Without so many common letters, the next is not worth its time.
        and len({*name.casefold()} ^ {*other.casefold()}) <= 2 * (min(len(name), len(other)) // MIN_LETTERS)
        and edit_distance(name.casefold(), other.casefold()) <= min(len(name), len(other)) // MIN_LETTERS
        # PART-1 and PART-2 are two types.
        and _letters(name) != _letters(other)
    ]
    best = [other for other in near if edit_distance(name, other) == min(edit_distance(name, one) for one in near)]
    return best[0] if len(best) == 1 else None


def _letters(name: str) -> str:
    return "".join(char for char in name if not char.isdecimal())


def edit_distance(one: str, other: str, limit: int = 2) -> int:
    """Letters to insert, delete, replace or swap with the next; more than `limit` counts as limit + 1."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (char != wanted))
            if i > 1 and j > 1 and char == other[j - 2] and one[i - 2] == wanted:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return min(last[-1], limit + 1)
