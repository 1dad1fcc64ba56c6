"""Tag schemes and entity spans: reads IOB1, BIO, BIOES, BMES, BMEWO, BILOU and IO, writes BILOU. numpy only.

Within the project a tag is a BILOU id: 0 is O, and type k has B, I, L, U at 1 + 4k .. 4 + 4k. With the types LOC and
PER, "New York" is B-LOC L-LOC, ids 1 3, and a person of one token is U-PER, id 8.

Axes: M tokens of all sentences, one sentence after another; starts_M marks the first token of each. E entities,
K tags.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Prefix codes of any scheme. BIOES spells L as E and U as S, BMES also I as M, and BMEWO U as W, with the same codes.
O, B, I, L, U = range(5)
PREFIX_CODES = {"O": O, "B": B, "I": I, "M": I, "L": L, "E": L, "U": U, "S": U, "W": U}
# Schemes of their own rules that can express every sequence of entities.
SCHEMES = ("iob1", "bio", "bioes", "bilou")
# Also other letters for the rules of BIOES, and types without letters, which cannot keep two entities of a type apart.
ALL_SCHEMES = (*SCHEMES, "bmes", "bmewo", "io")


class Spans(NamedTuple):
    """Entities, ordered by start: tokens start_E .. end_E - 1 of the M tokens have type type_E."""

    start_E: np.ndarray
    end_E: np.ndarray
    type_E: np.ndarray


def bilou_tags(entity_types: list[str]) -> list[str]:
    """Tag names by id: ["LOC"] gives O, B-LOC, I-LOC, L-LOC, U-LOC."""
    return ["O"] + [f"{prefix}-{entity_type}" for entity_type in entity_types for prefix in "BILU"]


def split_ids(tag_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """BILOU ids -> (prefix codes, type ids), int32; the type of O is -1."""
    # Shifted so that the lowest two bits of an id count B, I, L, U.
    shifted_M = tag_M.astype(np.int32) + 3
    return ((shifted_M & 3) + 1) * (tag_M != 0), (shifted_M >> 2) - 1


def _previous(prefix_M: np.ndarray, type_M: np.ndarray, starts_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Prefix of the previous token (O at a sentence start), and whether that token has the same type."""
    before_M = np.roll(prefix_M, 1)
    before_M[starts_M] = O
    return before_M, (np.roll(type_M, 1) == type_M) & ~starts_M


def entity_spans(prefix_M: np.ndarray, type_M: np.ndarray, starts_M: np.ndarray) -> Spans:
    """Entities of any scheme, valid or broken, as the CoNLL-2003 scorer reads them. This is the one repair rule.

    An entity begins at B or U, and at an I or L that continues nothing (at a sentence start, after O, L or U, or after
    another type). It ends before the next beginning or O. So O I-PER I-PER is an entity of two tokens. Valid sequences
    are read as their scheme defines.
    """
    before_M, same_M = _previous(prefix_M, type_M, starts_M)
    inside_M = prefix_M != O
    begin_M = inside_M & ((prefix_M == B) | (prefix_M == U) | ~np.isin(before_M, (B, I)) | ~same_M)
    start_E = np.flatnonzero(begin_M)
    # A token is an entity's last if the next one is O, begins an entity or starts a sentence.
    goes_on_M = np.append((inside_M & ~begin_M)[1:], False)
    end_E = np.flatnonzero(inside_M & ~goes_on_M) + 1
    return Spans(start_E, end_E, type_M[start_E])


def strict_spans(prefix_M: np.ndarray, type_M: np.ndarray, starts_M: np.ndarray) -> Spans:
    """Complete entities of BILOU (or BIOES) tags: U, or B I* L of one type. All other tags are ignored."""
    before_M, same_M = _previous(prefix_M, type_M, starts_M)
    linked_M = same_M & ((before_M == B) | (before_M == I)) & ((prefix_M == I) | (prefix_M == L))
    num_linked_M = np.cumsum(linked_M, dtype=np.int32)
    start_E = np.flatnonzero((prefix_M == B) | (prefix_M == U))
    closing = np.append(np.flatnonzero(prefix_M == L), len(prefix_M))
    single_E = prefix_M[start_E] == U
    last_E = np.where(single_E, start_E, closing[np.searchsorted(closing, start_E)])
    # Complete if every token after the first continues the one before it.
    inside_E = np.minimum(last_E, len(prefix_M) - 1)
    complete = (last_E == inside_E) & (num_linked_M[inside_E] - num_linked_M[start_E] == inside_E - start_E)
    start_E = start_E[complete]
    return Spans(start_E, last_E[complete] + 1, type_M[start_E])


def span_tokens(spans: Spans) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the tokens of all entities, one entity after another, and the entity (0 .. E - 1) of each."""
    length_E = spans.end_E - spans.start_E
    span_C = np.repeat(np.arange(len(length_E)), length_E)
    return np.arange(len(span_C)) + (spans.start_E - np.cumsum(length_E) + length_E)[span_C], span_C


def spans_to_bilou(spans: Spans, num_tokens: int) -> np.ndarray:
    """Non-overlapping spans -> BILOU ids (M,) int64."""
    tag_M = np.zeros(num_tokens, np.int64)
    token_C, span_C = span_tokens(spans)
    tag_M[token_C] = (4 * spans.type_E + I)[span_C]
    tag_M[spans.start_E] = 4 * spans.type_E + B
    tag_M[spans.end_E - 1] = 4 * spans.type_E + L
    single = spans.end_E - spans.start_E == 1
    tag_M[spans.start_E[single]] = 4 * spans.type_E[single] + U
    return tag_M


def broken_tokens(prefix_M: np.ndarray, type_M: np.ndarray, starts_M: np.ndarray, scheme: str) -> np.ndarray:
    """Where the tags break the scheme, bool (M,): after the token before, or at the end of a sentence.

    Raises ValueError if scheme is none of ALL_SCHEMES.
    """
    before_M, same_M = _previous(prefix_M, type_M, starts_M)
    open_M = np.isin(before_M, (B, I)) & same_M
    if scheme == "bio":
        return (prefix_M == L) | (prefix_M == U) | ((prefix_M == I) & ~open_M)
    if scheme == "iob1":
        return (prefix_M == L) | (prefix_M == U) | ((prefix_M == B) & ~open_M)
    if scheme == "io":
        return np.zeros(len(prefix_M), bool)
    if scheme not in ALL_SCHEMES:
        raise ValueError(f"tag scheme {scheme!r} is none of {', '.join(ALL_SCHEMES)}")
    continues_M = (prefix_M == I) | (prefix_M == L)
    unfinished_M = np.isin(before_M, (B, I)) & ~(continues_M & same_M)
    ends_M = np.append(starts_M[1:], True) if len(starts_M) else starts_M
    return (continues_M & ~open_M) | unfinished_M | (ends_M & ((prefix_M == B) | (prefix_M == I)))


def allowed_transitions(num_types: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """BILOU as a grammar over tag ids: may start a sentence (K,), may follow (K, K) [from, to], may end one (K,)."""
    prefix_K, type_K = split_ids(np.arange(1 + 4 * num_types))
    opens_K = np.isin(prefix_K, (O, B, U))
    closes_K = np.isin(prefix_K, (O, L, U))
    continues_KK = (
        np.isin(prefix_K, (B, I))[:, None] & np.isin(prefix_K, (I, L))[None, :] & (type_K[:, None] == type_K[None, :])
    )
    return opens_K, (closes_K[:, None] & opens_K[None, :]) | continues_KK, closes_K
