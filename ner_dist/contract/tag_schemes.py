"""Tag schemes and entity spans: reading IOB1, BIO, BIOES and BILOU, writing BILOU. numpy only.

Sentences lie one after another in flat arrays; `starts` marks the first token of each sentence.
Inside the project a tag is a BILOU id: 0 is O, and type k has B, I, L, U at 1 + 4k .. 4 + 4k.

Axes: M tokens of all sentences, E entities.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Prefix codes of any scheme. BIOES spells L as E and U as S; the codes are the same.
O, B, I, L, U = range(5)
PREFIX_CODES = {"O": O, "B": B, "I": I, "L": L, "E": L, "U": U, "S": U}
SCHEMES = ("iob1", "bio", "bioes", "bilou")


class Spans(NamedTuple):
    """Entities as flat token positions, ordered by start: tokens start_E .. end_E - 1 have type type_E."""

    start_E: np.ndarray
    end_E: np.ndarray
    type_E: np.ndarray


def bilou_tags(entity_types: list[str]) -> list[str]:
    """Tag names by id."""
    return ["O"] + [f"{prefix}-{entity_type}" for entity_type in entity_types for prefix in "BILU"]


def split_ids(tag_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """BILOU ids -> (prefix codes, type ids), int32; the type of O is -1."""
    # Of a type's four tags the ids end in the bits 0 to 3 now.
    shifted_M = tag_M.astype(np.int32) + 3
    return ((shifted_M & 3) + 1) * (tag_M != 0), (shifted_M >> 2) - 1


def join_ids(prefix_M: np.ndarray, type_M: np.ndarray) -> np.ndarray:
    """(prefix codes, type ids) -> BILOU ids, int64."""
    return np.where(prefix_M == O, 0, 4 * type_M.astype(np.int64) + prefix_M)


def _previous(prefix_M: np.ndarray, type_M: np.ndarray, starts_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Prefix of the token before (O before a sentence), and whether it has the same type."""
    before_M = np.roll(prefix_M, 1)
    before_M[starts_M] = O
    return before_M, (np.roll(type_M, 1) == type_M) & ~starts_M


def entity_spans(prefix_M: np.ndarray, type_M: np.ndarray, starts_M: np.ndarray) -> Spans:
    """Entities of any scheme, valid or broken, by the one repair rule: the reading of the CoNLL scorer.

    An entity begins at B or U, and at an I or L that continues nothing (sentence start, after O, L or U,
    or after another type). It runs up to the next beginning or O. On valid sequences this is the scheme.
    """
    before_M, same_M = _previous(prefix_M, type_M, starts_M)
    inside_M = prefix_M != O
    begin_M = inside_M & ((prefix_M == B) | (prefix_M == U) | ~np.isin(before_M, (B, I)) | ~same_M)
    start_E = np.flatnonzero(begin_M)
    # A token is an entity's last if the next one is O, begins an entity, or opens a sentence.
    goes_on_M = np.append((inside_M & ~begin_M)[1:], False)
    end_E = np.flatnonzero(inside_M & ~goes_on_M) + 1
    return Spans(start_E, end_E, type_M[start_E])


def strict_spans(prefix_M: np.ndarray, type_M: np.ndarray, starts_M: np.ndarray) -> Spans:
    """Entities of BILOU (or BIOES) tags that are complete: U, or B I* L of one type; the rest is ignored."""
    before_M, same_M = _previous(prefix_M, type_M, starts_M)
    linked_M = same_M & ((before_M == B) | (before_M == I)) & ((prefix_M == I) | (prefix_M == L))
    num_linked_M = np.cumsum(linked_M, dtype=np.int32)
    start_E = np.flatnonzero((prefix_M == B) | (prefix_M == U))
    closing = np.append(np.flatnonzero(prefix_M == L), len(prefix_M))
    single_E = prefix_M[start_E] == U
    last_E = np.where(single_E, start_E, closing[np.searchsorted(closing, start_E)])
    # Whether every token behind the first continues the one before.
    inside_E = np.minimum(last_E, len(prefix_M) - 1)
    complete = (last_E == inside_E) & (num_linked_M[inside_E] - num_linked_M[start_E] == inside_E - start_E)
    start_E = start_E[complete]
    return Spans(start_E, last_E[complete] + 1, type_M[start_E])


def span_tokens(spans: Spans) -> tuple[np.ndarray, np.ndarray]:
    """The tokens of all entities, one entity after another, and the number of the entity of each."""
    length_E = spans.end_E - spans.start_E
    span_C = np.repeat(np.arange(len(length_E)), length_E)
    return np.arange(len(span_C)) + (spans.start_E - np.cumsum(length_E) + length_E)[span_C], span_C


def spans_to_bilou(spans: Spans, num_tokens: int) -> np.ndarray:
    """BILOU ids (M,) int64 of non-overlapping spans."""
    tag_M = np.zeros(num_tokens, np.int64)
    token_C, span_C = span_tokens(spans)
    tag_M[token_C] = (4 * spans.type_E + I)[span_C]
    tag_M[spans.start_E] = 4 * spans.type_E + B
    tag_M[spans.end_E - 1] = 4 * spans.type_E + L
    single = spans.end_E - spans.start_E == 1
    tag_M[spans.start_E[single]] = 4 * spans.type_E[single] + U
    return tag_M


def broken_tokens(prefix_M: np.ndarray, type_M: np.ndarray, starts_M: np.ndarray, scheme: str) -> np.ndarray:
    """Which tokens (bool, M) the scheme does not allow after the token before, or at the end of a sentence."""
    before_M, same_M = _previous(prefix_M, type_M, starts_M)
    open_M = np.isin(before_M, (B, I)) & same_M
    if scheme == "bio":
        return (prefix_M == L) | (prefix_M == U) | ((prefix_M == I) & ~open_M)
    if scheme == "iob1":
        return (prefix_M == L) | (prefix_M == U) | ((prefix_M == B) & ~open_M)
    if scheme not in ("bioes", "bilou"):
        raise ValueError(f"tag scheme {scheme!r} is none of {', '.join(SCHEMES)}")
    continues_M = (prefix_M == I) | (prefix_M == L)
    unfinished_M = np.isin(before_M, (B, I)) & ~(continues_M & same_M)
    ends_M = np.append(starts_M[1:], True) if len(starts_M) else starts_M
    return (continues_M & ~open_M) | unfinished_M | (ends_M & ((prefix_M == B) | (prefix_M == I)))


def allowed_transitions(num_types: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """BILOU as a grammar over tag ids: (may start a sentence K, may follow K x K [from, to], may end it K)."""
    prefix_K, type_K = split_ids(np.arange(1 + 4 * num_types))
    opens_K = np.isin(prefix_K, (O, B, U))
    closes_K = np.isin(prefix_K, (O, L, U))
    continues_KK = (
        np.isin(prefix_K, (B, I))[:, None] & np.isin(prefix_K, (I, L))[None, :] & (type_K[:, None] == type_K[None, :])
    )
    return opens_K, (closes_K[:, None] & opens_K[None, :]) | continues_KK, closes_K
