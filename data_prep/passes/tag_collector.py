"""The distinct tags of each source while it is read, and what they mean once all of them are known.

Axes: M tokens of a block, K distinct tag strings of all sources.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple

import numpy as np

from data_prep.dirt.policies import types_in_order
from data_prep.passes.source_counts import PartTags, SourceCounts
from data_prep.problems import Problems
from data_prep.sentences.block import SentenceIds, starts_mask
from data_prep.sentences.string_ids import StringIds
from data_prep.settings import Settings
from data_prep.tags.choose_dialects import Choice, choose_dialects
from data_prep.tags.near_types import TypeUse, report_near_types
from data_prep.tags.tag_counts import FORMS, count_pairs
from data_prep.tags.tag_strings import Dialect, ParsedTag, parse_tag, read_tag
from data_prep.tags.tag_table import TagTable, make_table
from ner_dist.contract.tag_schemes import PREFIX_CODES
from ner_dist.contract.visible_text import shown

MAX_TYPES = 1000
# Sources named in the text of a corpus of several schemes.
MAX_NAMED = 3


class Scheme(NamedTuple):
    name: str
    evidence: str
    clear: bool


class SourceTags(NamedTuple):
    """What the tags of a source mean."""

    scheme: Scheme
    table: TagTable
    # Whose tags decided about the scheme, for messages, and how many fit it.
    decided_by: str
    num_fitting: int


class TagCollector:
    def __init__(self) -> None:
        # The reader numbers the tags here.
        self.ids = StringIds()
        self.tags: list[ParsedTag] = []
        self.entity_types: list[str] = []
        # Types of entities by characters, some of which no tag may express.
        self._span_types: set[str] = set()
        self._sources: dict[int, SourceCounts] = defaultdict(SourceCounts)
        self._type_ids: dict[str, int] = defaultdict(lambda: len(self._type_ids))
        # By form, prefix code and number of the type of each tag if it is read so: int64 (2, K).
        self._codes = {form: np.zeros((2, 0), np.int64) for form in FORMS}

    def _add_new(self) -> None:
        new = [parse_tag(text) for text in self.ids.take_new()[1]]
        self.tags += new
        for form in FORMS if new else ():
            codes = [(0, -1)] * len(new)
            for i, tag in enumerate(new):
                for reading in tag.readings:
                    if (reading.style.form == "suffix") == (form == "suffix"):
                        codes[i] = (PREFIX_CODES[reading.letter], self._type_ids[reading.type])
            self._codes[form] = np.concatenate([self._codes[form], np.array(codes, np.int64).T], 1)

    def add(self, block: SentenceIds, source_id: int = 0) -> None:
        """Count the tags of a block; sources are numbered from 0."""
        self._add_new()
        source, starts_M = self._sources[source_id], starts_mask(block.length_N)
        source.add(block, len(self.tags))
        self._span_types |= block.span_types
        for form, (prefix_K, type_K) in self._codes.items():
            # Suffixes are hardly ever needed.
            if form == "prefix" or prefix_K.any():
                source.counts.pairs[form] += count_pairs(prefix_K[block.tag_M], type_K[block.tag_M], starts_M)

    def part(self) -> PartTags:
        return PartTags(dict(self._sources), self._span_types)

    def take(self, part: PartTags, texts: Sequence[str]) -> np.ndarray:
        """Add what others have counted of tags with these texts; returns their numbers here, int64 (K,)."""
        id_K = self.ids.ids(texts).astype(np.int64)
        for source_id, counts in part.sources.items():
            self._sources[source_id].take(counts, id_K.tolist())
        self._span_types |= part.span_types
        return id_K

    def choose_schemes(
        self,
        names: Sequence[str],
        settings: Settings,
        option: str,
        problems: Problems,
        report: bool = True,
        splits: Sequence[str] | None = None,
        known_types: Sequence[str] = (),
    ) -> list[SourceTags]:
        """What the tags of each source mean, by its number; fixes `entity_types`: the known ones first, as they are.

        names: of the sources, for messages. splits: the split of each; without, each is one of its own. option: the one
        that sets the scheme. Warns of trimmed tags and near types; reports a scheme that is not clear if asked to.
        """
        self._add_new()
        sources = [self._sources[source_id] for source_id in range(len(names))]
        splits = splits if splits is not None else [str(i) for i in range(len(names))]
        given = None if settings.scheme == "auto" else settings.scheme
        choices = choose_dialects([source.counts for source in sources], splits, self.tags, given)
        uses = self._type_uses(names, sources, choices, lenient=settings.policies.on_malformed_tag == "repair")
        self.entity_types = [*known_types, *sorted((uses.keys() | self._span_types) - set(known_types))]
        self._check_order(types_in_order(settings.policies.on_overlap), problems)
        for name, source, choice in zip(names, sources, choices):
            self._report_source(name, source, choice, problems, option if report and not given else None)
        if len(uses) <= MAX_TYPES:
            report_near_types(uses, problems)
        else:
            found = f"{len(uses):,} entity types, for example {shown(self.entity_types[0])}"
            problems.error(names[0], f"{found}; is this the column of the tags?", "too_many_types")
        # One table for all sources of a dialect.
        tables = {
            dialect: make_table(dialect, self.tags, self.entity_types) for dialect in {c.dialect for c in choices}
        }
        if given:
            choices = [choice._replace(evidence=f"given by {option}", clear=True) for choice in choices]
        choices = [
            choice._replace(evidence="entities by characters", clear=True) if source.has_spans else choice
            for source, choice in zip(sources, choices)
        ]
        return [SourceTags(_scheme(c), tables[c.dialect], c.decided_by, c.num_fitting) for c in choices]

    def _check_order(self, names: Sequence[str], problems: Problems) -> None:
        """Report types that --on-overlap names and nobody has: an error if all are such."""
        unknown = [name for name in names if name not in self.entity_types]
        for name in unknown:
            what = f"no entity is of type {shown(name)}; there are {', '.join(map(shown, self.entity_types[:10]))}"
            if len(unknown) < len(names):
                problems.warn("overlap_types_unknown", "--on-overlap", what)
            elif self.entity_types:
                problems.error("--on-overlap", f"neither longest nor first, and {what}", "unknown_type")

    def _type_uses(
        self, names: Sequence[str], sources: list[SourceCounts], choices: list[Choice], lenient: bool
    ) -> dict[str, TypeUse]:
        """The types of all sources; lenient: also those that malformed tags may mean."""
        uses: dict[str, TypeUse] = {}
        for name, source, choice in zip(names, sources, choices):
            for tag_id in sorted({*source.first_line, *source.raw_ids}):
                letter, entity_type, fault = read_tag(self.tags[tag_id], choice.dialect)
                if letter == "O" or (fault == "malformed" and not lenient):
                    continue
                num_tokens, where = source.counts.count[tag_id], f"{name}:{source.first_line.get(tag_id, 1)}"
                before = uses.get(entity_type, TypeUse(0, where))
                uses[entity_type] = TypeUse(before.num_tokens + num_tokens, before.where)
        return uses

    def _report_source(
        self, name: str, source: SourceCounts, choice: Choice, problems: Problems, option: str | None
    ) -> None:
        """What is unusual about the tags of a source; option: if an unclear scheme is to be reported."""
        numbers = [i for i in source.first_line if self.tags[i].kind == "number"]
        if choice.dialect.numbers and numbers:
            first = min(numbers, key=source.first_line.__getitem__)
            what = f"tag {shown(self.tags[first].raw)} is a number, as most tags here"
            problems.error(
                f"{name}:{source.first_line[first]}",
                f"{what}; integers need names: --tag-names FILE|A,B,C (they are never guessed)",
                "tags_are_numbers",
            )
        elif option and not choice.clear:
            problems.error(name, f"the tag scheme is not clear ({choice.evidence}); pass {option}", "scheme_not_clear")
        for tag_id, line in source.first_line.items():
            tag, count = self.tags[tag_id], source.counts.count[tag_id]
            plain = _trimmed(tag, choice.dialect)
            if plain != tag.raw:
                times = "once" if count == 1 else f"{count:,} times, first here"
                what = f"tag {shown(tag.raw)} is read as {shown(plain)}, without the invisible characters ({times})"
                problems.warn("tags_trimmed", f"{name}:{line}", what, count)


def _trimmed(tag: ParsedTag, dialect: Dialect) -> str:
    """The tag without what is trimmed from it and from its type."""
    readings = [reading for reading in tag.readings if reading.style == dialect.style]
    for letter, entity_type, style in readings:
        return style.spell(letter, "" if style.form == "letter" else entity_type)
    return tag.text


def _scheme(choice: Choice) -> Scheme:
    return Scheme(choice.dialect.scheme, choice.evidence, choice.clear)


class SchemeInWords(NamedTuple):
    """A scheme, its first files, and the evidence of the first one, which is named if the others' is not the same."""

    scheme: str
    files: str
    evidence: str


def schemes_in_words(names: Sequence[str], found: Sequence[SourceTags]) -> list[SchemeInWords]:
    """Each scheme that occurs."""
    by_scheme: dict[str, list[int]] = {}
    for i, tags in enumerate(found):
        by_scheme.setdefault(tags.scheme.name, []).append(i)
    told = []
    for scheme, places in by_scheme.items():
        evidence = found[places[0]].scheme.evidence
        if any(found[i].scheme.evidence != evidence for i in places):
            evidence = f"{PurePath(names[places[0]]).name}: {evidence}"
        told.append(SchemeInWords(scheme, _files([names[i] for i in places]), evidence))
    return told


def describe_schemes(names: Sequence[str], found: Sequence[SourceTags]) -> Scheme:
    """The schemes of all sources in one: "bio" if they agree, else "bio (train.conll), bilou (dev.conll)"."""
    told, clear = schemes_in_words(names, found), all(tags.scheme.clear for tags in found)
    if len(told) == 1:
        return Scheme(told[0].scheme, told[0].evidence, clear)
    name = ", ".join(f"{scheme} ({files})" for scheme, files, _ in told)
    return Scheme(name, "; ".join(f"{files}: {evidence}" for _, files, evidence in told), clear)


def _files(names: list[str]) -> str:
    """The first few names without their folders."""
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return ", ".join(PurePath(name).name for name in names[:MAX_NAMED]) + more


def occurrences(id_M: np.ndarray, texts: dict[int, str]) -> Iterator[tuple[int, str]]:
    """The positions of these ids, with their texts."""
    if texts:
        for i in np.flatnonzero(np.isin(id_M, list(texts))):
            yield int(i), texts[int(id_M[i])]
