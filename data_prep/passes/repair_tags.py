"""Tags -> BILOU ids, and sentences no longer than --max-tokens; what breaks the rules is reported or repaired."""

from __future__ import annotations

import numpy as np

from data_prep.dirt.policies import Policies
from data_prep.passes.blank_tokens import hand_over, remaining
from data_prep.passes.tag_collector import SourceTags
from data_prep.passes.wrong_tags import SentenceFacts, TaggedTokens, WrongTags
from data_prep.problems import Problems
from data_prep.sentences.block import SentenceIds, starts_mask
from data_prep.settings import Settings
from data_prep.tags.tag_table import FINE, MALFORMED, TagTable
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


def _tokens_of(block: SentenceIds, table: TagTable, policies: Policies, blank_P: np.ndarray) -> TaggedTokens:
    token_M, id_M, length_N, line_M = block.token_M, block.tag_M, block.length_N, block.line_M
    sentence_N = np.arange(len(length_N))
    prefix_M, type_M, rule_M = table.prefix_K[id_M], table.type_K[id_M], table.rule_K[id_M]
    fault_M = table.fault_K[id_M] if table.fault_K.any() else np.zeros(len(id_M), np.int8)
    if policies.on_malformed_tag == "outside":
        malformed_M = fault_M == MALFORMED
        prefix_M, rule_M = np.where(malformed_M, tag_schemes.O, [prefix_M, rule_M])
        type_M = np.where(malformed_M, -1, type_M)
    if len(blank_P):
        prefix_M, rule_M = (hand_over(some_M, type_M, length_N, blank_P) for some_M in (prefix_M, rule_M))
        kept_M, sentence_N, length_N = remaining(length_N, blank_P)
        token_M, id_M, prefix_M, type_M, rule_M, fault_M, line_M = (
            values[kept_M] for values in (token_M, id_M, prefix_M, type_M, rule_M, fault_M, line_M)
        )
    return TaggedTokens(token_M, id_M, prefix_M, type_M, rule_M, fault_M, line_M, starts_mask(length_N), sentence_N)


NONE = np.zeros(0, np.int64)


def to_bilou(
    block: SentenceIds,
    path: str,
    tags: SourceTags,
    settings: Settings,
    problems: Problems,
    blank_P: np.ndarray = NONE,
    facts: SentenceFacts | None = None,
) -> np.ndarray:
    """The BILOU ids of a block's tags, without those of the tokens blank_P, which are left out.

    Malformed tags and those that break the scheme are reported; or they are read by the policies for them, and counted.
    """
    found = _tokens_of(block, tags.table, settings.policies, blank_P)
    starts_M = found.starts_M
    wrong_M = tag_schemes.broken_tokens(found.rule_M, found.type_M, starts_M, tags.scheme.name)
    wrong_M |= found.fault_M != FINE
    spans = tag_schemes.entity_spans(found.prefix_M, found.type_M, starts_M)
    tag_M = tag_schemes.spans_to_bilou(spans, len(starts_M))
    if wrong_M.any():
        wrong = WrongTags(found, tag_M, path, tags, settings.policies, problems, facts)
        for i in np.flatnonzero(wrong_M).tolist():
            wrong.report(i)
    return tag_M


def cut_sentences(
    block: SentenceIds, path: str, settings: Settings, problems: Problems
) -> tuple[SentenceIds, np.ndarray]:
    """Report or cut the long sentences of a block of BILOU ids; also returns the number of pieces of each."""
    limit, start_N = settings.max_tokens, np.cumsum(block.length_N) - block.length_N
    for n in np.flatnonzero(block.length_N > limit):
        where, what = f"{path}:{block.line_M[start_N[n]]}", f"a sentence of {block.length_N[n]} tokens"
        if settings.on_long_sentence == "split":
            problems.warn("long_sentences_split", where, f"{what} was split")
        else:
            advice = "pass --on-long-sentence split or raise it"
            problems.error(where, f"{what}, more than --max-tokens {limit}; {advice}", "long_sentence")
    tag_M, length_N, pieces_N, num_cut = cut_long(block.tag_M, block.length_N, limit)
    if num_cut:
        what = f"{num_cut} entities had to be cut together with their sentences"
        problems.warn("entities_cut", path, what, num_cut)
    return block._replace(tag_M=tag_M, length_N=length_N), pieces_N
