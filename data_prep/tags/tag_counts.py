"""How often each distinct tag of a file occurs and which tags follow each other: what shows the scheme."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from ner_dist.contract.tag_schemes import B, I, L, O, U

# The forms of letters whose pairs are counted; a letter alone is read with the prefixes.
FORMS = ("prefix", "suffix")
# Code of what follows the last token of a sentence in the counts of pairs.
END = 5
# The rules of all schemes with a letter for the last token.
FULL = "bioes"


class TagCounts:
    """How often each distinct tag occurs in a file or several, and which tags follow each other."""

    def __init__(self) -> None:
        self.count: Counter[int] = Counter()
        # By form: counts of (prefix code, next prefix code or END, whether both have the same type): int64 (5, 6, 2).
        self.pairs = {form: np.zeros((5, 6, 2), np.int64) for form in FORMS}

    def add(self, other: TagCounts) -> None:
        self.count.update(other.count)
        for form in FORMS:
            self.pairs[form] += other.pairs[form]


def sum_counts(several: Iterable[TagCounts]) -> TagCounts:
    total = TagCounts()
    for counts in several:
        total.add(counts)
    return total


def count_pairs(prefix_M: np.ndarray, type_M: np.ndarray, starts_M: np.ndarray) -> np.ndarray:
    """How often a prefix code follows another, with the same type or not: int64 (5, 6, 2); see TagCounts.

    The first token of a sentence counts as preceded by O, and its last one as followed by END.
    """
    before_M = np.roll(prefix_M, 1)
    last_M = before_M[starts_M]
    before_M[starts_M] = O
    same_M = (np.roll(type_M, 1) == type_M) & ~starts_M
    pairs = np.bincount(before_M * 12 + prefix_M * 2 + same_M, minlength=60)
    return (pairs + np.bincount(last_M * 12 + END * 2, minlength=60)).reshape(5, 6, 2)


def count_broken(pairs: np.ndarray, scheme: str) -> int:
    """How many tokens break the rules of bio, iob1 or FULL; see tag_schemes.broken_tokens."""
    before, code, same = np.indices((5, END, 2))
    is_open = np.isin(before, (B, I)) & (same == 1)
    if scheme == "bio":
        broken = np.isin(code, (L, U)) | ((code == I) & ~is_open)
    elif scheme == "iob1":
        broken = np.isin(code, (L, U)) | ((code == B) & ~is_open)
    else:
        continues = np.isin(code, (I, L))
        broken = (continues & ~is_open) | (np.isin(before, (B, I)) & ~(continues & (same == 1)))
    unfinished = int(pairs[[B, I], END].sum()) if scheme == FULL else 0
    return int(pairs[:, :END][broken].sum()) + unfinished


def rules_of(scheme: str) -> str:
    """The scheme with the same rules for which `count_broken` is defined."""
    return scheme if scheme in ("bio", "iob1") else FULL
