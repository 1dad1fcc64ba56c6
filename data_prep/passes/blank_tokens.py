"""Tokens of the corpus's own that are empty or cannot be seen: reported, or left out of their sentences.

Not those of texts that the tokenizer cut: it would cut new texts in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from data_prep.dirt.policies import FAIL, Policies, advice
from data_prep.problems import Problems
from data_prep.sentences.block import SentenceIds
from data_prep.sentences.record import Origin
from ner_dist.contract.tag_schemes import B, I, L, U
from ner_dist.contract.visible_text import shown


def blank_places(block: SentenceIds, blank: Mapping[int, str], origins: Sequence[Origin] | None) -> np.ndarray:
    """The positions of the blank tokens in a block; origins: of its sentences."""
    if not blank:
        return np.zeros(0, np.int64)
    place_P = np.flatnonzero(np.isin(block.token_M, list(blank)))
    if origins is None or not len(place_P):
        return place_P
    sentence_P = np.searchsorted(np.cumsum(block.length_N), place_P, "right")
    return place_P[[origins[sentence].text is None for sentence in sentence_P.tolist()]]


def report_blank_tokens(
    block: SentenceIds, blank: Mapping[int, str], path: str, policies: Policies, problems: Problems
) -> None:
    """Each as an error or, if they are to be dropped, counted; then also the sentences of nothing else."""
    if not blank or not np.isin(block.token_M, list(blank)).any():
        return
    origins = None if block.origins is None else list(map(Origin.from_bytes, block.origins))
    place_P, end_N = blank_places(block, blank, origins), np.cumsum(block.length_N)
    is_kept_M = np.ones(len(block.token_M), bool)
    is_kept_M[place_P] = False
    for i in place_P.tolist():
        sentence = int(np.searchsorted(end_N, i, "right"))
        begin, document = int(end_N[sentence] - block.length_N[sentence]), ""
        if origins is not None:
            document = origins[sentence].document
        # A record has one number for all of its tokens.
        is_record = block.length_N[sentence] > 1 and block.line_M[begin] == block.line_M[end_N[sentence] - 1]
        suggestion = {"action": "remove_token", "token": i - begin} if is_record else {"action": "remove_line"}
        where, what = (
            f"{path}:{block.line_M[i]}",
            f"token {shown(blank[int(block.token_M[i])])} is empty or cannot be seen",
        )
        if policies.on_blank_token == FAIL:
            problems.error(where, f"{what}; {advice('blank_token')}", "blank_token", document, suggestion)
            continue
        problems.warn("blank_tokens_dropped", where, f"{what}, and was left out", 1, document, suggestion)
        if i + 1 == end_N[sentence] and not is_kept_M[begin : i + 1].any():
            what = "a sentence of blank tokens alone was left out"
            problems.warn("blank_sentences_dropped", f"{path}:{block.line_M[begin]}", what, 1, document)


class Remaining(NamedTuple):
    """What is left of a block without some of its tokens, and without the sentences that had no others."""

    # Positions of the tokens; numbers of the sentences, and their lengths.
    kept_M: np.ndarray
    sentence_N: np.ndarray
    length_N: np.ndarray


def remaining(length_N: np.ndarray, place_P: np.ndarray) -> Remaining:
    """place_P: the tokens that are left out of sentences of these lengths."""
    end_N = np.cumsum(length_N, dtype=np.int64)
    is_kept_M = np.ones(int(end_N[-1]), bool)
    is_kept_M[place_P] = False
    num_kept = np.append(0, np.cumsum(is_kept_M))
    left_N = num_kept[end_N] - num_kept[end_N - length_N]
    sentence_N = np.flatnonzero(left_N)
    return Remaining(np.flatnonzero(is_kept_M), sentence_N, left_N[sentence_N])


def hand_over(prefix_M: np.ndarray, type_M: np.ndarray, length_N: np.ndarray, place_P: np.ndarray) -> np.ndarray:
    """The prefixes with the beginnings and ends of entities moved from these tokens to their neighbours, if those are
    in the same entity: what is left of it then stays an entity."""
    prefix_M, end_N = prefix_M.copy(), np.cumsum(length_N)
    sentence_P = np.searchsorted(end_N, place_P, "right")
    begins, ends = (end_N - length_N)[sentence_P].tolist(), end_N[sentence_P].tolist()
    places = list(zip(place_P.tolist(), begins, ends))
    for i, _, end in places:
        if prefix_M[i] == B and i + 1 < end and type_M[i + 1] == type_M[i] and prefix_M[i + 1] in (I, L):
            prefix_M[i + 1] = B if prefix_M[i + 1] == I else U
    for i, begin, _ in reversed(places):
        if prefix_M[i] == L and i > begin and type_M[i - 1] == type_M[i] and prefix_M[i - 1] in (B, I):
            prefix_M[i - 1] = U if prefix_M[i - 1] == B else L
    return prefix_M
