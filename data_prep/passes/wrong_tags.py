"""Tags that are malformed or break their scheme: reported or counted, with what is to stand in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from data_prep.dirt.policies import FAIL, Policies
from data_prep.passes.tag_collector import SourceTags
from data_prep.problems import Problems
from data_prep.tags.tag_strings import DEFAULT_STYLE, Dialect, ParsedTag, malformed_reason, read_tag
from data_prep.tags.tag_table import MALFORMED, spell_tag
from ner_dist.contract import tag_schemes
from ner_dist.contract.visible_text import shown


class SentenceFacts(NamedTuple):
    """What is to be told of a sentence of a block besides its tags."""

    # The strings of tokens, by their ids; and the name of a sentence's document, by its number in the block.
    tokens: Callable[[np.ndarray], list[str]]
    document: Callable[[int], str]


class TaggedTokens(NamedTuple):
    """M tokens of a block that are not left out, and what their tags mean."""

    token_M: np.ndarray
    id_M: np.ndarray
    prefix_M: np.ndarray
    type_M: np.ndarray
    # As in TagTable.
    rule_M: np.ndarray
    fault_M: np.ndarray
    line_M: np.ndarray
    starts_M: np.ndarray
    # The number in the block of each sentence that is left.
    sentence_N: np.ndarray


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


class WrongTags:
    """Reports or counts the tags of a block that are malformed or break their scheme."""

    def __init__(
        self,
        found: TaggedTokens,
        tag_M: np.ndarray,
        path: str,
        tags: SourceTags,
        policies: Policies,
        problems: Problems,
        facts: SentenceFacts | None,
    ) -> None:
        self.facts = facts if problems.wants_records else None
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
            self.problems.error(where, what, kind, suggestion=suggestion, **self._sentence(i))
        else:
            self.problems.warn("broken_tags_repaired", where, what, suggestion=suggestion, **self._sentence(i))

    def _report_malformed(self, i: int, where: str, policy: str) -> None:
        id_M, table = self.found.id_M, self.tags.table
        tag, what = table.tags[id_M[i]], _describe_fault(i, id_M, self.tags)
        if self.found.line_M[i] == 1 and tag.kind == "type":
            what += "; if this line is a header, --columns token=NAME tag=NAME says so"
        meant, about = _meant(tag, table.dialect), self._sentence(i)
        if policy == FAIL:
            outside = "" if meant == "O" else ", outside as O"
            what += f" (--on-malformed-tag repair reads it as {meant}{outside})"
            self.problems.error(where, what, "malformed_tag", suggestion=self._instead(i, tag), **about)
            return
        name, read_as = ("outside", "O") if policy == "outside" else ("repaired", meant)
        what, suggestion = f"{what}; read as {read_as}", self._suggestion(i)
        self.problems.warn(f"malformed_tags_{name}", where, what, suggestion=suggestion, **about)

    def _sentence(self, i: int) -> dict[str, Any]:
        """The document and, as it is read, the sentence of a token, if anybody wants to know."""
        if self.facts is None:
            return {}
        begin, end = self._sentence_of(i)
        n = int(np.searchsorted(self._begin_N, i, "right")) - 1
        tokens, tag_L = self.facts.tokens(self.found.token_M[begin:end]), self.tag_M[begin:end]
        starts_L = np.zeros(end - begin, bool)
        starts_L[0] = True
        places = np.cumsum([0, *(len(token) + 1 for token in tokens)]).tolist()
        spans = tag_schemes.entity_spans(*tag_schemes.split_ids(tag_L), starts_L)
        entities = [
            [places[first], places[last] - 1, self.tags.table.entity_types[type_id]]
            for first, last, type_id in zip(*(values.tolist() for values in spans))
        ]
        record = {"text": " ".join(tokens), "entities": entities, "tokens": tokens}
        return {"document": self.facts.document(int(self.found.sentence_N[n])), "record": record}

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
