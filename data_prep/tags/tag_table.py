"""What each distinct tag string means in one dialect, as arrays to look up.

Axes: K distinct tag strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_prep.tags.tag_strings import SPELLINGS, SPELLINGS_AFTER_SAME_TYPE, Dialect, ParsedTag, read_tag
from ner_dist.contract.tag_schemes import PREFIX_CODES, B, I, L, O, U

FINE, FOREIGN, MALFORMED = range(3)
# In schemes without letters for the last and the single token, what those of another scheme stand for.
AS_BIO = {"L": "I", "E": "I", "M": "I", "U": "B", "S": "B", "W": "B"}


class TagTable(NamedTuple):
    """K distinct tag strings in a dialect; a type's number is its place in `entity_types`, -1 for O."""

    dialect: Dialect
    # The types of all sources of the corpus: those of the model that it is built like, then the others by name.
    entity_types: list[str]
    tags: Sequence[ParsedTag]
    prefix_K: np.ndarray
    type_K: np.ndarray
    # The prefix by which the rules of the scheme are checked: letters of another scheme as near ones of this.
    rule_K: np.ndarray
    # FINE, FOREIGN (a letter of another scheme) or MALFORMED (read as what may be meant, or as O).
    fault_K: np.ndarray


def make_table(dialect: Dialect, tags: Sequence[ParsedTag], entity_types: list[str]) -> TagTable:
    """Tags of types that are not among `entity_types` are O: they are malformed, or of other sources."""
    type_ids = {name: type_id for type_id, name in enumerate(entity_types)}
    prefix_K, rule_K = np.full((2, len(tags)), O, np.int64)
    type_K, fault_K = np.full(len(tags), -1, np.int64), np.full(len(tags), FINE, np.int8)
    for tag_id, tag in enumerate(tags):
        letter, entity_type, fault = read_tag(tag, dialect)
        fault_K[tag_id] = {None: FINE, "foreign": FOREIGN, "malformed": MALFORMED}[fault]
        if letter != "O" and entity_type in type_ids:
            type_K[tag_id] = type_ids[entity_type]
            prefix_K[tag_id] = PREFIX_CODES[letter]
            plain = AS_BIO.get(letter, letter) if dialect.scheme in ("bio", "iob1") else letter
            rule_K[tag_id] = PREFIX_CODES[plain]
    return TagTable(dialect, entity_types, tags, prefix_K, type_K, rule_K, fault_K)


def spell_tag(table: TagTable, prefix: int, type_id: int, follows: bool) -> str:
    """A BILOU prefix and a type as a tag of the dialect; follows: whether an entity of the type ends just before."""
    dialect = table.dialect
    if prefix == O:
        return dialect.outside
    if dialect.style is None:
        return table.entity_types[type_id]
    spellings = (SPELLINGS_AFTER_SAME_TYPE if follows else SPELLINGS)[dialect.scheme]
    return dialect.style.spell(spellings[(B, I, L, U).index(prefix)], table.entity_types[type_id])
