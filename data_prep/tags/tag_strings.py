"""Tag strings of any scheme and spelling <-> letter and type; and the tags of a block as strings of a scheme."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences, starts_mask
from data_prep.tags.tag_characters import character_name, plain_characters
from ner_dist.contract import tag_schemes
from ner_dist.contract.visible_text import shown, trim

LETTERS = "BIELSUMW"
# The type of tags that are a letter alone.
NAMELESS = "ENTITY"
# How each scheme spells B, I, L and U; and where an entity directly follows one of its type.
SPELLINGS = {
    "bio": "BIIB",
    "iob1": "IIII",
    "bioes": "BIES",
    "bilou": "BILU",
    "bmes": "BMES",
    "bmewo": "BMEW",
    "io": "IIII",
}
SPELLINGS_AFTER_SAME_TYPE = {**SPELLINGS, "iob1": "BIIB"}

_PREFIX = re.compile(rf"([{LETTERS}{LETTERS.lower()}])([-_])(.+)", re.DOTALL)
_SUFFIX = re.compile(rf"(.+)([-_])([{LETTERS}{LETTERS.lower()}])", re.DOTALL)
# BMEWO+ says of an O what stands beside it: BB_O_PER, WW_O_PER, MM_O; PER_O, O_PER; BOS_O, O_EOS.
_CONTEXT = re.compile(r"(?:BB|EE|WW|MM)[-_]O(?:[-_].+)?|.+[-_]O|O[-_].+", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.0*)?")
# Slips of the finger, and letters without a type or the reverse.
_MALFORMED = re.compile(r"|O{2,}|[IB]O|O[IB]|[-_].*|.*[-_]", re.DOTALL)


class Style(NamedTuple):
    """How a letter and a type are written: `prefix` B-PER, `suffix` PER-B, `letter` B."""

    form: str
    separator: str = ""
    upper: bool = True

    def spell(self, letter: str, entity_type: str = "") -> str:
        parts = [letter if self.upper else letter.lower(), self.separator, entity_type]
        return "".join(reversed(parts) if self.form == "suffix" else parts)


class Reading(NamedTuple):
    """A letter (of LETTERS, or O) and the type."""

    letter: str
    type: str
    style: Style = Style("prefix", "-")


class ParsedTag(NamedTuple):
    """All that a distinct tag string may mean."""

    # As it stands in the file.
    raw: str
    # Without white space and invisible characters around it.
    text: str
    # outside: O or o; letters: has `readings`; context: an O of BMEWO+; number; malformed: nothing can be meant by it;
    # type: anything else, which may be an entity type without a letter.
    kind: str
    readings: tuple[Reading, ...] = ()
    # What is meant if the look-alikes are replaced.
    look_alike: Reading | None = None


class Dialect(NamedTuple):
    """What the tags of a file mean."""

    scheme: str
    # None: types without letters.
    style: Style | None
    # The letters that its tags may have; "" without letters.
    letters: str
    outside: str = "O"
    # Tags that look like types without letters but are not.
    refused: frozenset[str] = frozenset()
    # The tags are integers without names: that is one complaint, not one for each.
    numbers: bool = False


DEFAULT_STYLE = Style("prefix", "-")
O_READING = Reading("O", "")


def _readings(text: str) -> tuple[Reading, ...]:
    """The meanings with a letter, that of a prefix first."""
    if len(text) == 1 and text.upper() in LETTERS:
        return (Reading(text.upper(), NAMELESS, Style("letter", "", text.isupper())),)
    found = []
    for form, pattern, order in (("prefix", _PREFIX, (1, 2, 3)), ("suffix", _SUFFIX, (3, 2, 1))):
        match = pattern.fullmatch(text)
        if match:
            letter, separator, entity_type = (match[group] for group in order)
            if trim(entity_type):
                found.append(Reading(letter.upper(), trim(entity_type), Style(form, separator, letter.isupper())))
    return tuple(found)


def _look_alike(text: str) -> Reading | None:
    """The meaning of a tag whose letter or separator, or the O that it is, has a look-alike in its place."""
    if len(text) == 1:
        plain = plain_characters(text)
        return None if plain == text else O_READING if plain in "Oo" else next(iter(_readings(plain)), None)
    for plain in (plain_characters(text[:2]) + text[2:], text[:-2] + plain_characters(text[-2:])):
        if plain != text and _readings(plain):
            return _readings(plain)[0]
    return None


def parse_tag(raw: str) -> ParsedTag:
    text = trim(raw)
    if text in ("O", "o"):
        return ParsedTag(raw, text, "outside")
    readings = _readings(text)
    if readings:
        return ParsedTag(raw, text, "letters", readings)
    if _NUMBER.fullmatch(text):
        return ParsedTag(raw, text, "number", (), O_READING if text == "0" else None)
    look_alike = _look_alike(text)
    if _MALFORMED.fullmatch(text) or (look_alike and look_alike.style.form != "suffix"):
        return ParsedTag(raw, text, "malformed", (), look_alike)
    return ParsedTag(raw, text, "context" if _CONTEXT.fullmatch(text) else "type", (), look_alike)


def is_well_formed(tag: str) -> bool:
    """Whether a string is a tag wherever it stands: O, or a letter and a type; not a type or a letter alone."""
    parsed = parse_tag(tag)
    return parsed.kind == "outside" or any(reading.style.form == "prefix" for reading in parsed.readings)


class TagMeaning(NamedTuple):
    letter: str
    type: str
    # None, "foreign" (a letter of another scheme) or "malformed" (then letter and type are those of a lenient reading).
    fault: str | None = None


def read_tag(tag: ParsedTag, dialect: Dialect) -> TagMeaning:
    """What a tag means in a dialect. O is ("O", "")."""
    if tag.kind == "outside":
        return TagMeaning("O", "", None if tag.text == dialect.outside else "malformed")
    if (tag.kind == "context" and set("MW") & set(dialect.letters)) or (tag.kind == "number" and dialect.numbers):
        return TagMeaning("O", "")
    if dialect.style is None and tag.kind in ("type", "letters") and tag.text not in dialect.refused:
        return TagMeaning("I", tag.text)
    for reading in tag.readings:
        if reading.style == dialect.style:
            return TagMeaning(reading.letter, reading.type, None if reading.letter in dialect.letters else "foreign")
    lenient = tag.readings[0] if tag.readings else tag.look_alike or O_READING
    return TagMeaning(lenient.letter, lenient.type, "malformed")


def expected_tags(dialect: Dialect) -> str:
    """The tags of a dialect, in words."""
    if dialect.style is None:
        return f"{dialect.outside} nor an entity type"
    form, separator, _ = dialect.style
    letters = " ".join(letter if dialect.style.upper else letter.lower() for letter in dialect.letters)
    if form == "letter":
        return f"{dialect.outside} nor one of {letters}"
    sign = {"-": "a hyphen", "_": "an underscore"}[separator]
    parts = f"a type, {sign} and one of {letters}" if form == "suffix" else f"one of {letters}, {sign} and a type"
    return f"{dialect.outside} nor {parts}"


def malformed_reason(tag: ParsedTag, dialect: Dialect) -> str:
    """Why a tag that is malformed in the dialect is so, with the tag as it stands in the file."""
    if tag.text == "0":
        return f"tag {shown(tag.raw)} is the digit zero, expected the letter {dialect.outside}"
    strange = [] if tag.look_alike is None else _strange_characters(tag.text, tag.look_alike)
    if strange:
        names = " and ".join(f"{character_name(char)} where {shown(plain)} is expected" for char, plain in strange)
        return f"tag {shown(tag.raw)} has {names}"
    if tag.kind == "number":
        return f"tag {shown(tag.raw)} is a number, expected a name; --tag-names FILE|A,B,C gives numbers their names"
    if dialect.style is None and tag.kind == "letters":
        if tag.readings[0].style.form == "letter":
            return f"tag {shown(tag.raw)} is a letter of another scheme; --scheme io takes it for a type"
        return f"tag {shown(tag.raw)} has a letter before or behind its type, unlike this file's other tags"
    return f"tag {shown(tag.raw)} is neither {expected_tags(dialect)}"


def _strange_characters(text: str, meant: Reading) -> list[tuple[str, str]]:
    """The look-alikes in the place of the letter and the separator, and what is meant."""
    ends = text if len(text) == 1 else text[-2:] if meant.style.form == "suffix" else text[:2]
    return [(char, plain) for char, plain in zip(ends, plain_characters(ends)) if char != plain]


def spell_tags(block: TaggedSentences, entity_types: list[str], scheme: str) -> list[str]:
    """The tags of a block as strings of a scheme, any of tag_schemes.ALL_SCHEMES."""
    prefix_M, type_M = tag_schemes.split_ids(block.tag_M)
    after_same_type_M = _follows_same_type(block, prefix_M, type_M)
    table = []
    for letters in (SPELLINGS[scheme], SPELLINGS_AFTER_SAME_TYPE[scheme]):
        marks = [""] * 4 if scheme == "io" else [f"{letter}-" for letter in letters]
        table += ["O", *(mark + entity_type for entity_type in entity_types for mark in marks)]
    place_M = block.tag_M.astype(np.int64) + after_same_type_M * (1 + 4 * len(entity_types))
    return [table[place] for place in place_M.tolist()]


def _follows_same_type(block: TaggedSentences, prefix_M: np.ndarray, type_M: np.ndarray) -> np.ndarray:
    """Which tokens directly follow the last token of an entity and have its type: bool (M,)."""
    before_M = np.roll(prefix_M, 1)
    after_entity_M = ~starts_mask(block.length_N) & ((before_M == tag_schemes.L) | (before_M == tag_schemes.U))
    return after_entity_M & (np.roll(type_M, 1) == type_M)


def report_inexpressible(block: TaggedSentences, entity_types: list[str], scheme: str, problems: Problems) -> None:
    """Report what `spell_tags` cannot write so that it is read back: in io, adjacent entities and types like tags."""
    if scheme != "io":
        return
    prefix_M, type_M = tag_schemes.split_ids(block.tag_M)
    for i in np.flatnonzero(_follows_same_type(block, prefix_M, type_M)):
        what = f"an entity of type {shown(entity_types[type_M[i]])} directly follows another, which io cannot express"
        problems.error(block.where(int(i)), f"{what}; write another scheme, such as bio", "inexpressible")
    for type_id, name in enumerate(entity_types):
        if parse_tag(name).kind != "type":
            for i in np.flatnonzero(type_M == type_id)[:1]:
                what = f"entity type {shown(name)} would not be read as a type in io"
                problems.error(block.where(int(i)), f"{what}; write another scheme, such as bio", "inexpressible")
