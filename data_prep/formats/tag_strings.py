"""Tag strings of any scheme -> (prefix, type), and which scheme a corpus uses, with the evidence."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from ner_dist.contract import tag_schemes

TAG_PATTERN = re.compile(r"(?:O|([BIELSU])-(.+))\Z")
# One scheme must break so many times less often than the other to be believed.
CLEAR_RATIO = 5


class TagTable(NamedTuple):
    """The distinct tag strings of a corpus, by their ids: prefix codes and type ids (-1 for O and the malformed)."""

    prefix_K: np.ndarray
    type_K: np.ndarray
    letters: set[str]
    entity_types: list[str]


class Scheme(NamedTuple):
    name: str
    evidence: str
    clear: bool


def is_well_formed(tag: str) -> bool:
    return TAG_PATTERN.match(tag) is not None


def tag_table(tags: list[str]) -> TagTable:
    """Types are ordered by name. Malformed tags read as O: whoever counts them reports them."""
    matches = [TAG_PATTERN.match(tag) for tag in tags]
    parts = [(match[1], match[2]) if match and match[1] else ("O", "") for match in matches]
    entity_types = sorted({entity_type for letter, entity_type in parts if letter != "O"})
    type_ids = {entity_type: type_id for type_id, entity_type in enumerate(entity_types)}
    return TagTable(
        np.array([tag_schemes.PREFIX_CODES[letter] for letter, _ in parts], np.int64),
        np.array([type_ids.get(entity_type, -1) for _, entity_type in parts], np.int64),
        {letter for letter, _ in parts},
        entity_types,
    )


def count_pairs(prefix_M: np.ndarray, type_M: np.ndarray, starts_M: np.ndarray) -> np.ndarray:
    """How often each (prefix of the token before, prefix, whether both have one type) occurs: int64 (5, 5, 2).

    Before the first token of a sentence stands O.
    """
    before_M = np.roll(prefix_M, 1)
    before_M[starts_M] = tag_schemes.O
    same_M = (np.roll(type_M, 1) == type_M) & ~starts_M
    return np.bincount(before_M * 10 + prefix_M * 2 + same_M, minlength=50).reshape(5, 5, 2)


def detect_scheme(pairs: np.ndarray, letters: set[str]) -> Scheme:
    """The scheme that the counts of `count_pairs` speak for; not clear if two would break about equally often."""
    if letters & set("ELSU"):
        name = "bilou" if letters & set("LU") else "bioes"
        used = ", ".join(f"{letter}-" for letter in "BILUES" if letter in letters)
        return Scheme(name, f"tags begin with {used}", clear=True)
    num_b = int(pairs[:, tag_schemes.B].sum())
    # In IOB1 a B only parts two neighbours of one type; in BIO an I never opens an entity.
    continued = int(pairs[[tag_schemes.B, tag_schemes.I], tag_schemes.I, 1].sum())
    opened_by_i = int(pairs[:, tag_schemes.I].sum()) - continued
    opened_by_b = num_b - int(pairs[[tag_schemes.B, tag_schemes.I], tag_schemes.B, 1].sum())
    evidence = f"{num_b:,} B- tags, {opened_by_b:,} of them where IOB1 has I-; {opened_by_i:,} entities begin with I-"
    fewer, more = sorted((opened_by_i, opened_by_b))
    return Scheme("bio" if opened_by_i <= opened_by_b else "iob1", evidence, clear=fewer * CLEAR_RATIO <= more)
