"""Tag strings of any scheme <-> prefix and type; which scheme a corpus uses, with the evidence."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from data_prep.formats.block import TaggedSentences, starts_mask
from ner_dist.contract import tag_schemes

TAG_PATTERN = re.compile(r"(?:O|([BIELSU])-(.+))\Z")
# One scheme must be broken this many times less often than the other to be clear.
CLEAR_RATIO = 5
# How each scheme spells B, I, L and U; and where an entity directly follows one of its type.
LETTERS = {"bio": "BIIB", "iob1": "IIII", "bioes": "BIES", "bilou": "BILU"}
LETTERS_AFTER_SAME_TYPE = {**LETTERS, "iob1": "BIIB"}


class TagTable(NamedTuple):
    """Prefix code and type id (-1 for O and malformed tags) of each of K distinct tag strings."""

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
    """Types are ordered by name. Malformed tags count as O; the caller reports them."""
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
    """How often each (prefix of the previous token, prefix, whether both have the same type) occurs: int64 (5, 5, 2).

    The first token of a sentence counts as preceded by O.
    """
    before_M = np.roll(prefix_M, 1)
    before_M[starts_M] = tag_schemes.O
    same_M = (np.roll(type_M, 1) == type_M) & ~starts_M
    return np.bincount(before_M * 10 + prefix_M * 2 + same_M, minlength=50).reshape(5, 5, 2)


def detect_scheme(pairs: np.ndarray, letters: set[str]) -> Scheme:
    """The scheme that fits the counts of `count_pairs`; not clear if two are broken about equally often."""
    if letters & set("ELSU"):
        name = "bilou" if letters & set("LU") else "bioes"
        used = ", ".join(f"{letter}-" for letter in "BILUES" if letter in letters)
        return Scheme(name, f"tags begin with {used}", clear=True)
    num_b = int(pairs[:, tag_schemes.B].sum())
    # In IOB1 a B only separates adjacent entities of one type; in BIO an I never opens an entity.
    continued = int(pairs[[tag_schemes.B, tag_schemes.I], tag_schemes.I, 1].sum())
    opened_by_i = int(pairs[:, tag_schemes.I].sum()) - continued
    opened_by_b = num_b - int(pairs[[tag_schemes.B, tag_schemes.I], tag_schemes.B, 1].sum())
    evidence = f"{num_b:,} B- tags, {opened_by_b:,} of them where IOB1 has I-; {opened_by_i:,} entities begin with I-"
    fewer, more = sorted((opened_by_i, opened_by_b))
    return Scheme("bio" if opened_by_i <= opened_by_b else "iob1", evidence, clear=fewer * CLEAR_RATIO <= more)


def spell_tags(block: TaggedSentences, entity_types: list[str], scheme: str) -> list[str]:
    """The tags of a block as strings of a scheme."""
    prefix_M, type_M = tag_schemes.split_ids(block.tag_M)
    before_M = np.roll(prefix_M, 1)
    after_entity_M = ~starts_mask(block.length_N) & ((before_M == tag_schemes.L) | (before_M == tag_schemes.U))
    after_same_type_M = after_entity_M & (np.roll(type_M, 1) == type_M)
    table = []
    for letters in (LETTERS[scheme], LETTERS_AFTER_SAME_TYPE[scheme]):
        table += ["O", *(f"{letter}-{entity_type}" for entity_type in entity_types for letter in letters)]
    place_M = block.tag_M.astype(np.int64) + after_same_type_M * (1 + 4 * len(entity_types))
    return [table[place] for place in place_M.tolist()]
