"""A dialect for each source: by its own tags if they show it, else by those of its split or of the whole corpus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from data_prep.tags.find_dialect import Finding, count_faults, find_dialect
from data_prep.tags.tag_counts import TagCounts, sum_counts
from data_prep.tags.tag_strings import Dialect, ParsedTag

# A file with fewer tokens in entities does not decide alone if its split has other files.
ENOUGH_TAGGED = 100


class Choice(NamedTuple):
    dialect: Dialect
    evidence: str
    clear: bool
    # Whose tags decided, for messages: "this file", "its split", "the corpus", or "an option"; how many of them fit.
    decided_by: str
    num_fitting: int


def _choice(finding: Finding, decided_by: str, note: str = "") -> Choice:
    num_fitting = max(0, finding.num_tagged - finding.num_faults)
    return Choice(finding.dialect, finding.evidence + note, finding.clear, decided_by, num_fitting)


def _contradicts(own: Finding, counts: TagCounts, tags: Sequence[ParsedTag], dialect: Dialect) -> bool:
    """Whether a small file is plainly of another dialect: all of it fits its own, and hardly anything the other."""
    faults = count_faults(counts, tags, dialect)
    return own.clear and not own.num_faults and own.num_letters > 1 and 2 * faults > own.num_tagged


def _choose(
    own: Finding, counts: TagCounts, tags: Sequence[ParsedTag], split: Finding | None, corpus: Finding
) -> Choice:
    """split: what all files of its split show, None if it is the only one."""
    if not own.num_tagged:
        return _choice(corpus, "the corpus") if corpus.num_tagged else _choice(own, "this file")
    is_small = split is not None and own.num_tagged < ENOUGH_TAGGED and split.clear
    if split is not None and is_small and not _contradicts(own, counts, tags, split.dialect):
        return _choice(split, "its split", " in the files of its split")
    # What fits without exception in what the corpus shows may as well be read so: the entities are the same. Only
    # types without letters fit everything, so for them the file must not show any letters.
    thin = corpus.dialect.style is not None or own.num_letters <= 1
    if corpus.clear and thin and not count_faults(counts, tags, corpus.dialect):
        note = "" if corpus.dialect == own.dialect else f" in the whole corpus; this file alone: {own.evidence}"
        return _choice(own if not note else corpus, "this file" if not note else "the corpus", note)
    if not own.clear:
        for finding, whose in ((split, "its split"), (corpus, "the corpus")):
            if finding is not None and finding.clear:
                note = f" in {'the files of ' * (whose == 'its split')}{whose}; this file alone: {own.evidence}"
                return _choice(finding, whose, note)
    return _choice(own, "this file")


def choose_dialects(
    counts: Sequence[TagCounts], splits: Sequence[str], tags: Sequence[ParsedTag], scheme: str | None
) -> list[Choice]:
    """The dialect of each source, whose splits are given; scheme: known already, only the spellings are not."""
    own = [find_dialect(mine, tags, scheme) for mine in counts]
    if scheme is not None:
        return [_choice(found, "an option") for found in own]
    corpus = find_dialect(sum_counts(counts), tags, scheme) if len(counts) > 1 else own[0]
    by_split: dict[str, Finding | None] = {}
    for split in set(splits):
        mine = [some for some, name in zip(counts, splits) if name == split]
        by_split[split] = find_dialect(sum_counts(mine), tags, scheme) if len(mine) > 1 else None
    return [_choose(found, mine, tags, by_split[name], corpus) for found, mine, name in zip(own, counts, splits)]
