"""Tags -> BILOU ids, and sentences no longer than --max-tokens; what breaks the rules is reported or repaired."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_prep.formats.block import SentenceIds, starts_mask
from data_prep.formats.tag_strings import TagTable
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.contract import tag_schemes


def _cut_points(tag_L: np.ndarray, max_tokens: int) -> list[int]:
    """Where to cut a sentence of L BILOU ids into pieces that are short enough, between entities where possible."""
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

    Returns the tags, the new lengths, the number of pieces of each old sentence (N,), and the number of entities cut.
    """
    length_N = length_N.astype(np.int64)
    start_N = np.cumsum(length_N) - length_N
    starts_M = starts_mask(length_N)
    for n in np.flatnonzero(length_N > max_tokens):
        cuts = _cut_points(tag_M[start_N[n] : start_N[n] + length_N[n]], max_tokens)
        starts_M[start_N[n] + np.array(cuts)] = True
    prefix_M, type_M = tag_schemes.split_ids(tag_M)
    # A cut entity becomes two.
    num_cut = int((starts_M & ((prefix_M == tag_schemes.I) | (prefix_M == tag_schemes.L))).sum())
    if num_cut:
        tag_M = tag_schemes.spans_to_bilou(tag_schemes.entity_spans(prefix_M, type_M, starts_M), len(tag_M))
    new_lengths = np.diff(np.append(np.flatnonzero(starts_M), len(tag_M)))
    pieces_N = np.add.reduceat(starts_M.astype(np.int64), start_N)
    return tag_M, new_lengths, pieces_N, num_cut


def _describe_broken(
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


def to_bilou(
    block: SentenceIds, path: Path, table: TagTable, scheme: str, settings: Settings, problems: Problems
) -> np.ndarray:
    """The BILOU ids of a block's tags. Tags that break the scheme are reported, and read as the CoNLL scorer does."""
    prefix_M, type_M, starts_M = table.prefix_K[block.tag_M], table.type_K[block.tag_M], starts_mask(block.length_N)
    repair = settings.on_broken == "repair"
    for i in np.flatnonzero(tag_schemes.broken_tokens(prefix_M, type_M, starts_M, scheme)):
        if not repair and problems.full:
            problems.more_errors(1)
            continue
        where = f"{path}:{block.line_M[i]}"
        what = _describe_broken(i, prefix_M, type_M, starts_M, table, scheme)
        if repair:
            problems.warn("broken_tags_repaired", where, what)
        else:
            problems.error(where, f"{what} (--on-broken repair reads it as the CoNLL scorer does)")
    return tag_schemes.spans_to_bilou(tag_schemes.entity_spans(prefix_M, type_M, starts_M), len(prefix_M))


def cut_sentences(
    block: SentenceIds, path: Path, settings: Settings, problems: Problems
) -> tuple[SentenceIds, np.ndarray]:
    """Report or cut the long sentences of a block of BILOU ids; also returns the number of pieces of each."""
    limit, start_N = settings.max_tokens, np.cumsum(block.length_N) - block.length_N
    for n in np.flatnonzero(block.length_N > limit):
        where, what = f"{path}:{block.line_M[start_N[n]]}", f"a sentence of {block.length_N[n]} tokens"
        if settings.on_long_sentence == "split":
            problems.warn("long_sentences_split", where, f"{what} was split")
        else:
            advice = "pass --on-long-sentence split or raise it"
            problems.error(where, f"{what}, more than --max-tokens {limit}; {advice}")
    tag_M, length_N, pieces_N, num_cut = cut_long(block.tag_M, block.length_N, limit)
    if num_cut:
        what = f"{num_cut} entities had to be cut together with their sentences"
        problems.warn("entities_cut", str(path), what, num_cut)
    return block._replace(tag_M=tag_M, length_N=length_N), pieces_N
