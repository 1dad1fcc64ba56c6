"""Tags -> BILOU ids, and sentences no longer than --max-tokens; what breaks the rules is reported or repaired."""

from __future__ import annotations

import numpy as np

from data_prep.passes.tag_collector import SourceTags
from data_prep.problems import Problems
from data_prep.sentences.block import SentenceIds, starts_mask
from data_prep.settings import Settings
from data_prep.tags.tag_characters import shown
from data_prep.tags.tag_strings import Dialect, ParsedTag, malformed_reason, read_tag
from data_prep.tags.tag_table import FINE, MALFORMED
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


def _describe_fault(i: int, id_M: np.ndarray, tags: SourceTags) -> str:
    """What is wrong with token i, whose tag is malformed or of another scheme."""
    tag, table = tags.table.tags[id_M[i]], tags.table
    if table.fault_K[id_M[i]] == MALFORMED:
        return malformed_reason(tag, table.dialect)
    what = f"tag {shown(tag.raw)} does not belong to {tags.scheme.name}"
    if tags.decided_by == "an option":
        return f"{what} ({tags.scheme.evidence})"
    whose = {"this file": "this file's", "its split": "its split's", "the corpus": "the corpus's"}[tags.decided_by]
    one = "tag is" if tags.num_fitting == 1 else "tags are"
    return f"{what}, in which {whose} other {tags.num_fitting:,} {one}"


def _meant(tag: ParsedTag, dialect: Dialect) -> str:
    """As what a malformed tag is read."""
    letter, entity_type, _ = read_tag(tag, dialect)
    return letter if letter == "O" else f"{letter}-{entity_type}"


def _describe_broken(i: int, id_M: np.ndarray, rule_M: np.ndarray, starts_M: np.ndarray, tags: SourceTags) -> str:
    """What is wrong with token i, in the tags of the file."""
    scheme, texts = tags.scheme.name, tags.table.tags
    before = "the sentence's start" if starts_M[i] else shown(texts[id_M[i - 1]].raw)
    ends = i + 1 == len(starts_M) or starts_M[i + 1]
    unfinished = scheme not in ("bio", "iob1") and ends and rule_M[i] in (tag_schemes.B, tag_schemes.I)
    place = f"after {before}{' and at the end of the sentence' if unfinished else ''}"
    return f"tag {shown(texts[id_M[i]].raw)} {place} breaks {scheme}"


def to_bilou(block: SentenceIds, path: str, tags: SourceTags, settings: Settings, problems: Problems) -> np.ndarray:
    """The BILOU ids of a block's tags.

    Malformed tags and those that break the scheme are reported; or they are read as what is most likely meant (a tag
    without look-alikes, or O) and as the CoNLL scorer does, and counted.
    """
    table, id_M, starts_M = tags.table, block.tag_M, starts_mask(block.length_N)
    prefix_M, type_M, rule_M = table.prefix_K[id_M], table.type_K[id_M], table.rule_K[id_M]
    wrong_M = tag_schemes.broken_tokens(rule_M, type_M, starts_M, tags.scheme.name)
    if table.fault_K.any():
        wrong_M |= table.fault_K[id_M] != FINE
    repair = settings.on_broken == "repair"
    for i in np.flatnonzero(wrong_M):
        if not repair and problems.full:
            problems.more_errors("malformed_tag" if table.fault_K[id_M[i]] == MALFORMED else "broken_tag", 1)
            continue
        where, fault = f"{path}:{block.line_M[i]}", table.fault_K[id_M[i]]
        what = _describe_fault(i, id_M, tags) if fault else _describe_broken(i, id_M, rule_M, starts_M, tags)
        if fault == MALFORMED and block.line_M[i] == 1 and table.tags[id_M[i]].kind == "type":
            what += "; if this line is a header, --columns token=NAME tag=NAME says so"
        meant = _meant(table.tags[id_M[i]], table.dialect) if fault == MALFORMED else "the CoNLL scorer does"
        if not repair:
            problems.error(where, f"{what} (--on-broken repair reads it as {meant})")
        elif fault == MALFORMED:
            problems.warn("malformed_tags_repaired", where, f"{what}; read as {meant}")
        else:
            problems.warn("broken_tags_repaired", where, what)
    return tag_schemes.spans_to_bilou(tag_schemes.entity_spans(prefix_M, type_M, starts_M), len(prefix_M))


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
            problems.error(where, f"{what}, more than --max-tokens {limit}; {advice}")
    tag_M, length_N, pieces_N, num_cut = cut_long(block.tag_M, block.length_N, limit)
    if num_cut:
        what = f"{num_cut} entities had to be cut together with their sentences"
        problems.warn("entities_cut", path, what, num_cut)
    return block._replace(tag_M=tag_M, length_N=length_N), pieces_N
