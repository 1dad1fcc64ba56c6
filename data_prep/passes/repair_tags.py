"""Tags -> BILOU, and sentences of bearable length: what is reported or mended on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_prep.formats.block import starts_mask
from data_prep.formats.tag_strings import TagTable
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.contract import tag_schemes


def _cut_points(tag_L: np.ndarray, max_tokens: int) -> list[int]:
    """Where to cut a sentence of BILOU ids so that no piece is too long: before a token that continues no entity."""
    prefix_L, _ = tag_schemes.split_ids(tag_L)
    may_cut_L = (prefix_L != tag_schemes.I) & (prefix_L != tag_schemes.L)
    cuts, begin = [], 0
    while len(tag_L) - begin > max_tokens:
        good = np.flatnonzero(may_cut_L[begin + 1 : begin + max_tokens + 1])
        begin += int(good[-1]) + 1 if len(good) else max_tokens
        cuts.append(begin)
    return cuts


def cut_long(
    tag_M: np.ndarray, length_N: np.ndarray, max_tokens: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Cut sentences longer than max_tokens.

    Returns the tags, the new lengths, the pieces of each old sentence (N,), and how many entities had to be cut.
    """
    length_N = length_N.astype(np.int64)
    start_N = np.cumsum(length_N) - length_N
    starts_M = starts_mask(length_N)
    for n in np.flatnonzero(length_N > max_tokens):
        cuts = _cut_points(tag_M[start_N[n] : start_N[n] + length_N[n]], max_tokens)
        starts_M[start_N[n] + np.array(cuts)] = True
    prefix_M, type_M = tag_schemes.split_ids(tag_M)
    # Cutting an entity makes two of it.
    num_cut = int((starts_M & ((prefix_M == tag_schemes.I) | (prefix_M == tag_schemes.L))).sum())
    if num_cut:
        tag_M = tag_schemes.spans_to_bilou(tag_schemes.entity_spans(prefix_M, type_M, starts_M), len(tag_M))
    new_lengths = np.diff(np.append(np.flatnonzero(starts_M), len(tag_M)))
    pieces_N = np.add.reduceat(starts_M.astype(np.int64), start_N)
    return tag_M, new_lengths, pieces_N, num_cut


def describe_broken(
    i: int, prefix_M: np.ndarray, type_M: np.ndarray, starts_M: np.ndarray, table: TagTable, scheme: str
) -> str:
    """What is wrong with token i, in the letters of the scheme."""
    letters = "OBIES" if scheme == "bioes" else "OBILU"

    def name(j: int) -> str:
        letter = letters[prefix_M[j]]
        return letter if letter == "O" else f"{letter}-{table.entity_types[type_M[j]]}"

    before = "the sentence's start" if starts_M[i] else name(i - 1)
    ends = i + 1 == len(starts_M) or starts_M[i + 1]
    unfinished = scheme in ("bioes", "bilou") and ends and prefix_M[i] in (tag_schemes.B, tag_schemes.I)
    return f"tag {name(i)} after {before}{' and at the end of the sentence' if unfinished else ''} breaks {scheme}"


class Mender:
    """One block of a file, with the policies and where its tokens stand."""

    def __init__(self, path: Path, line_M: np.ndarray, settings: Settings, problems: Problems):
        self.path, self.line_M = path, line_M
        self.settings, self.problems = settings, problems

    def to_bilou(self, tag_M: np.ndarray, starts_M: np.ndarray, table: TagTable, scheme: str) -> np.ndarray:
        """BILOU ids of tag numbers; what the scheme does not allow is reported and read by the one repair rule."""
        prefix_M, type_M = table.prefix_K[tag_M], table.type_K[tag_M]
        repair = self.settings.on_broken == "repair"
        for i in np.flatnonzero(tag_schemes.broken_tokens(prefix_M, type_M, starts_M, scheme)):
            if not repair and self.problems.full:
                self.problems.more_errors(1)
                continue
            where, what = f"{self.path}:{self.line_M[i]}", describe_broken(i, prefix_M, type_M, starts_M, table, scheme)
            if repair:
                self.problems.warn("broken_tags_repaired", where, what)
            else:
                self.problems.error(where, f"{what} (--on-broken repair reads it as the CoNLL scorer does)")
        return tag_schemes.spans_to_bilou(tag_schemes.entity_spans(prefix_M, type_M, starts_M), len(tag_M))

    def cut_sentences(self, tag_M: np.ndarray, length_N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(tags, lengths, pieces of each old sentence) after the policy for long sentences."""
        limit, start_N = self.settings.max_tokens, np.cumsum(length_N) - length_N
        for n in np.flatnonzero(length_N > limit):
            where, what = f"{self.path}:{self.line_M[start_N[n]]}", f"a sentence of {length_N[n]} tokens"
            if self.settings.on_long_sentence == "split":
                self.problems.warn("long_sentences_split", where, f"{what} was split")
            else:
                advice = "pass --on-long-sentence split or raise it"
                self.problems.error(where, f"{what}, more than --max-tokens {limit}; {advice}")
        tag_M, length_N, pieces_N, num_cut = cut_long(tag_M, length_N, limit)
        if num_cut:
            what = f"{num_cut} entities had to be cut with their sentence"
            self.problems.warn("entities_cut", str(self.path), what, num_cut)
        return tag_M, length_N, pieces_N
