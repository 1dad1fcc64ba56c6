"""Tags -> BILOU ids, and sentences no longer than --max-tokens; what breaks the rules is reported or repaired."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from data_prep.dirt.policies import FAIL, Policies
from data_prep.passes.blank_tokens import hand_over, remaining
from data_prep.passes.tag_collector import SourceTags
from data_prep.problems import Problems
from data_prep.sentences.block import SentenceIds, starts_mask
from data_prep.settings import Settings
from data_prep.tags.tag_strings import DEFAULT_STYLE, Dialect, ParsedTag, malformed_reason, read_tag
from data_prep.tags.tag_table import FINE, MALFORMED, TagTable, spell_tag
from ner_dist.contract import tag_schemes
from ner_dist.contract.visible_text import shown


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


class _Tokens(NamedTuple):
    """M tokens of a block that are not left out, and what their tags mean."""

    id_M: np.ndarray
    prefix_M: np.ndarray
    type_M: np.ndarray
    # As in TagTable.
    rule_M: np.ndarray
    fault_M: np.ndarray
    line_M: np.ndarray
    starts_M: np.ndarray


def _tokens_of(block: SentenceIds, table: TagTable, policies: Policies, blank_P: np.ndarray) -> _Tokens:
    id_M, length_N, line_M = block.tag_M, block.length_N, block.line_M
    prefix_M, type_M, rule_M = table.prefix_K[id_M], table.type_K[id_M], table.rule_K[id_M]
    fault_M = table.fault_K[id_M] if table.fault_K.any() else np.zeros(len(id_M), np.int8)
    if policies.on_malformed_tag == "outside":
        malformed_M = fault_M == MALFORMED
        prefix_M, rule_M = np.where(malformed_M, tag_schemes.O, [prefix_M, rule_M])
        type_M = np.where(malformed_M, -1, type_M)
    if len(blank_P):
        prefix_M, rule_M = (hand_over(some_M, type_M, length_N, blank_P) for some_M in (prefix_M, rule_M))
        kept_M, _, length_N = remaining(length_N, blank_P)
        id_M, prefix_M, type_M, rule_M, fault_M, line_M = (
            values[kept_M] for values in (id_M, prefix_M, type_M, rule_M, fault_M, line_M)
        )
    return _Tokens(id_M, prefix_M, type_M, rule_M, fault_M, line_M, starts_mask(length_N))


NONE = np.zeros(0, np.int64)


def to_bilou(
    block: SentenceIds,
    path: str,
    tags: SourceTags,
    settings: Settings,
    problems: Problems,
    blank_P: np.ndarray = NONE,
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
        wrong = _WrongTags(found, tag_M, path, tags, settings.policies, problems)
        for i in np.flatnonzero(wrong_M).tolist():
            wrong.report(i)
    return tag_M


class _WrongTags:
    """Reports or counts the tags of a block that are malformed or break their scheme."""

    def __init__(
        self,
        found: _Tokens,
        tag_M: np.ndarray,
        path: str,
        tags: SourceTags,
        policies: Policies,
        problems: Problems,
    ) -> None:
        self.found, self.tag_M, self.path, self.tags = found, tag_M, path, tags
        self.policies, self.problems = policies, problems
        self._begin_N = np.flatnonzero(found.starts_M)

    def report(self, i: int) -> None:
        malformed = self.found.fault_M[i] == MALFORMED
        policy = self.policies.on_malformed_tag if malformed else self.policies.on_broken
        if policy == FAIL and self.problems.full:
            self.problems.more_errors("malformed_tag" if malformed else "broken_tag", 1)
            return
        where = f"{self.path}:{self.found.line_M[i]}"
        if malformed:
            self._report_malformed(i, where, policy)
            return
        kind = "foreign_tag" if self.found.fault_M[i] else "broken_tag"
        id_M, starts_M = self.found.id_M, self.found.starts_M
        if self.found.fault_M[i]:
            what = _describe_fault(i, id_M, self.tags)
        else:
            what = _describe_broken(i, id_M, self.found.rule_M, starts_M, self.tags)
        suggestion = self._suggestion(i)
        if policy == FAIL:
            what += " (--on-broken repair reads it as the CoNLL scorer does)"
            self.problems.error(where, what, kind, suggestion=suggestion)
        else:
            self.problems.warn("broken_tags_repaired", where, what, suggestion=suggestion)

    def _report_malformed(self, i: int, where: str, policy: str) -> None:
        id_M, table = self.found.id_M, self.tags.table
        tag, what = table.tags[id_M[i]], _describe_fault(i, id_M, self.tags)
        if self.found.line_M[i] == 1 and tag.kind == "type":
            what += "; if this line is a header, --columns token=NAME tag=NAME says so"
        meant = _meant(tag, table.dialect)
        if policy == FAIL:
            outside = "" if meant == "O" else ", outside as O"
            what += f" (--on-malformed-tag repair reads it as {meant}{outside})"
            self.problems.error(where, what, "malformed_tag", suggestion=self._instead(i, tag))
        elif policy == "outside":
            self.problems.warn("malformed_tags_outside", where, f"{what}; read as O", suggestion=self._suggestion(i))
        else:
            what += f"; read as {meant}"
            self.problems.warn("malformed_tags_repaired", where, what, suggestion=self._suggestion(i))

    def _instead(self, i: int, tag: ParsedTag) -> dict[str, Any] | None:
        """What a malformed tag most likely means; None if that is a type that no other tag here has."""
        letter, entity_type, _ = read_tag(tag, self.tags.table.dialect)
        if letter != "O" and entity_type not in self.tags.table.entity_types:
            return None
        style = self.tags.table.dialect.style or DEFAULT_STYLE
        outside = self.tags.table.dialect.outside
        return self._set_tags(i, [outside if letter == "O" else style.spell(letter, entity_type)])

    def _suggestion(self, i: int) -> dict[str, Any] | None:
        """The tags of the entity that the token is in, as the file would have them."""
        if not self.problems.wants_records:
            return None
        begin, end = self._sentence_of(i)
        prefix_L, type_L = tag_schemes.split_ids(self.tag_M[begin:end])
        first, last = i - begin, i + 1 - begin
        if prefix_L[first] != tag_schemes.O:
            while prefix_L[first] not in (tag_schemes.B, tag_schemes.U):
                first -= 1
            while last < end - begin and prefix_L[last] in (tag_schemes.I, tag_schemes.L):
                last += 1
        follows = first > 0 and type_L[first - 1] == type_L[first]
        tags = [
            spell_tag(self.tags.table, int(prefix_L[k]), int(type_L[k]), follows and k == first)
            for k in range(first, last)
        ]
        return self._set_tags(begin + first, tags)

    def _set_tags(self, i: int, tags: list[str]) -> dict[str, Any]:
        """From this token on; of a record, whose tokens have one number, also the token, counted from 0."""
        begin, end = self._sentence_of(i)
        line_M = self.found.line_M
        place: dict[str, Any] = {"first_line": int(line_M[i])}
        if end - begin > 1 and line_M[begin] == line_M[end - 1]:
            place["first_token"] = i - begin
        return {"action": "set_tags", **place, "tags": tags}

    def _sentence_of(self, i: int) -> tuple[int, int]:
        place = int(np.searchsorted(self._begin_N, i, "right"))
        return int(self._begin_N[place - 1]), int(np.append(self._begin_N[place : place + 1], len(self.tag_M))[0])


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
