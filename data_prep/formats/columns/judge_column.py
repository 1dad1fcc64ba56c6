"""What the values of a column look like: tags, parts of speech, a count, other numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from functools import cached_property

from data_prep.sentences.numbers import number_of
from data_prep.tags.tag_strings import parse_tag

# The share of the rows that must fit, so that single mistakes do not change what a column is.
MOST = 0.9
# From this many rows on, a closed set of values shows.
MANY_ROWS = 50
MAX_KINDS = 100
# A set of names that is not known here has at least this many; fewer are rather languages, cases or other classes.
MIN_KINDS = 8
MAX_TYPES = 60
# Types without letters are tags only if this share of the rows is O.
MIN_OUTSIDE = 0.2
# Names of phrases: if these are the types, the tags are those of chunks.
PHRASE_TYPES = frozenset(
    ("NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP", "NC", "VC", "PC")
)
_COUNTED = re.compile(r"(.*?)([0-9]+)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
# A capital letter alone or not followed by a digit, as in NCMS000 and Fp.
_POS_FORM = re.compile(r"[A-Z](?:[A-Za-z$+.:_|=/@-][A-Za-z0-9$+.:_|=/@-]*)?|[^\w\s]{1,3}|-[LR][RSC]B-")
# Universal Dependencies; Penn Treebank; STTS; CoNLL-2002 (Dutch).
_POS_TEXT = """
ADJ ADP ADV AUX CCONJ CONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X
CC CD DT EX FW IN JJ JJR JJS LS MD NN NNS NNP NNPS NP NPS PDT POS PRP PRP$ PP PP$ RB RBR RBS RP TO UH VB VBD VBG VBN
VBP VBZ WDT WP WP$ WRB HYPH ADD AFX GW NFP XX SENT
ADJA ADJD APPR APPRART APPO APZR ART CARD FM ITJ KOUI KOUS KON KOKOM NE PDS PDAT PIS PIAT PIDAT PPER PPOSS PPOSAT
PRELS PRELAT PRF PWS PWAT PWAV PAV PROAV PTKZU PTKNEG PTKVZ PTKANT PTKA TRUNC VVFIN VVIMP VVINF VVIZU VVPP VAFIN
VAIMP VAINF VAPP VMFIN VMINF VMPP XY $. $, $(
Adj Adv Art Conj Int Misc N Num Prep Pron Punc V
"""
POS_NAMES = frozenset(_POS_TEXT.split())
_PUNCTUATION = re.compile(r"[^\w\s]{1,3}|-?[LR][RSC]B-?")


class ColumnSample:
    """The values of a column in some rows, how often each occurs, and whether each row opens a sentence."""

    def __init__(self, values: list[str], opens: list[bool]) -> None:
        self.values, self.opens, self.counts = values, opens, Counter(values)

    @cached_property
    def is_tags(self) -> bool:
        """Whether the values are tags in any spelling: B-PER, PER-B, B, types without letters beside O, or O alone."""
        return _are_tags(self)


def only_counts_up(column: ColumnSample) -> bool:
    """Whether each value has a number one higher than that before it in the sentence: 1, 2 as well as 7-1, 7-2."""
    counted = [_COUNTED.fullmatch(value) for value in column.counts]
    if not all(counted):
        return False
    # What stands before the number, such as that of the sentence, stays the same.
    parts = {match[0]: (match[1], number_of(match[2])) for match in counted if match}
    found = [parts[value] for value in column.values]
    steps = [b[1] - a[1] if a[0] == b[0] else 0 for a, b, opens in zip(found, found[1:], column.opens[1:]) if not opens]
    num_up = steps.count(1)
    return num_up >= 2 and num_up >= MOST * len(steps)


def is_numbers(column: ColumnSample) -> bool:
    return len(column.values) >= 10 and all(map(_NUMBER.fullmatch, column.counts))


def numbers_rows(column: ColumnSample) -> bool:
    """Whether the values number the tokens of each sentence from 0 or 1, in however few rows."""
    values, opens = column.values, [True, *column.opens[1:]]
    if values[0] not in ("0", "1") or not all(value.isascii() and value.isdigit() for value in column.counts):
        return False
    expected = 0
    for value, first in zip(values, opens):
        expected = number_of(values[0]) if first else expected + 1
        if number_of(value) != expected:
            return False
    return True


def is_constant(column: ColumnSample) -> bool:
    return len(column.values) >= 10 and len(column.counts) == 1


def names_sentences(column: ColumnSample) -> bool:
    """Whether the values are the same in all rows of a sentence and differ between sentences, as their names do."""
    same = [a == b for a, b, opens in zip(column.values, column.values[1:], column.opens[1:]) if not opens]
    return len(same) >= 10 and len(column.counts) > 1 and all(same)


def _share(column: ColumnSample, fitting: Collection[str]) -> float:
    return sum(column.counts[value] for value in fitting) / max(1, len(column.values))


def looks_like_tags(column: ColumnSample, tag_names: tuple[str, ...] | None = None) -> bool:
    """Whether the values are tags. tag_names: those of integer tags, which are then tags too."""
    if tag_names and all(value.isdecimal() and number_of(value) < len(tag_names) for value in column.counts):
        return True
    return column.is_tags


def _are_tags(column: ColumnSample) -> bool:
    outside: set[str] = set()
    types: set[str] = set()
    forms: dict[str, set[str]] = {"prefix": set(), "suffix": set(), "letter": set()}
    num_other = 0
    for value, count in column.counts.most_common():
        tag = parse_tag(value)
        if tag.kind == "outside":
            outside.add(value)
        elif tag.readings:
            for reading in tag.readings:
                forms[reading.style.form].add(value)
        else:
            num_other += count
            if tag.kind == "type" and value[:1].isalpha():
                types.add(value)
            # Words, not types: their most frequent ones decide.
            if len(types) > MAX_TYPES and num_other * 2 >= len(column.values):
                return False
    # A mistake in every other row is possible, as in a file of two sentences.
    if _share(column, forms["prefix"] | outside) > 0.5:
        return True
    if not outside:
        return False
    if any(_share(column, forms[form] | outside) >= MOST for form in ("suffix", "letter")):
        return True
    fitting = _share(column, types | forms["prefix"] | outside) >= MOST
    return len(types) <= MAX_TYPES and fitting and _share(column, outside) >= MIN_OUTSIDE


def types_of(column: ColumnSample) -> set[str]:
    """The entity types in a column of tags."""
    parsed = list(map(parse_tag, column.counts))
    with_letters = {reading.type for tag in parsed for reading in tag.readings}
    return with_letters | {tag.text for tag in parsed if tag.kind == "type"}


def has_phrase_types(column: ColumnSample) -> bool:
    """Whether the tags are of phrases: NP, VP and the like."""
    types = types_of(column)
    return len(types & PHRASE_TYPES) >= 2 and len(types - PHRASE_TYPES) <= len(types) // 2


def looks_like_pos(column: ColumnSample, by_form: bool = False) -> bool:
    """Whether nearly all values are names of parts of speech or punctuation.

    by_form: also those of a tag set that is not known here, if the rows are many and the values a small closed set.
    """
    if len(column.counts) > MAX_KINDS or looks_like_tags(column):
        return False
    counts = column.counts
    if all(value.startswith("[POS]") for value in counts):
        return True
    names = POS_NAMES & counts.keys()
    punctuation = {value for value in counts if _PUNCTUATION.fullmatch(value) and value not in ("_", "-", "+", "*")}
    # A text has nouns and more; one name alone is another column that has it by chance, such as N for no.
    enough = len(names - {"X"}) >= (2 if len(column.values) >= 10 else 1)
    if enough and _share(column, names | punctuation) >= MOST:
        return True
    formed = {value for value in counts if _POS_FORM.fullmatch(value) and value not in ("_", "-", "+", "*")}
    capitals = {value for value in formed if value.isupper()}
    many = len(column.values) >= MANY_ROWS and MIN_KINDS <= len(counts) <= len(column.values) // 5
    return (
        by_form and many and len(capitals) >= 3 and _share(column, formed) >= MOST and _share(column, capitals) >= 0.5
    )
