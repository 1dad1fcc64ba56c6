"""Which scheme and spelling the tags of a file follow, from how often each tag and each kind of pair occurs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_prep.tags.tag_counts import FULL, TagCounts, count_broken, rules_of
from data_prep.tags.tag_strings import DEFAULT_STYLE, SPELLINGS, Dialect, ParsedTag, Style, read_tag
from ner_dist.contract.tag_schemes import B, I
from ner_dist.contract.visible_text import shown

# One scheme must break this many times less often than the next best one to be clear.
CLEAR_RATIO = 2
# Tags without letters are types only if at least this share of the tokens is O; otherwise it is another column.
MIN_OUTSIDE = 0.05
# The letters that may stand for I, L and U where there is a letter for the last token.
INSIDE, LAST, SINGLE = "IM", "EL", "SUW"


class Finding(NamedTuple):
    dialect: Dialect
    evidence: str
    # Whether no other reading fits nearly as well.
    clear: bool
    # Tokens that are not O, and how many distinct letters they have.
    num_tagged: int
    num_letters: int
    # Tokens whose tag breaks the scheme, has a letter of another one or is malformed.
    num_faults: int


def _pairs(counts: TagCounts, style: Style) -> np.ndarray:
    return counts.pairs["suffix" if style.form == "suffix" else "prefix"]


def _letter_counts(counts: TagCounts, tags: Sequence[ParsedTag], style: Style) -> Counter[str]:
    letters: Counter[str] = Counter()
    for tag_id, count in counts.count.items():
        letters.update({reading.letter: count for reading in tags[tag_id].readings if reading.style == style})
    return letters


def _full_letters(letters: Counter[str]) -> tuple[str, str]:
    """The scheme of the rules of BIOES that uses the most frequent letters, and its letters for B, I, L and U."""
    used = [max(choices, key=lambda letter: letters[letter]) for choices in ("B", INSIDE, LAST, SINGLE)]
    used = [letter if letters[letter] else "" for letter in used]
    for name in ("bioes", "bilou", "bmes", "bmewo"):
        if all(letter in ("", usual) for letter, usual in zip(used, SPELLINGS[name])):
            return name, SPELLINGS[name]
    name = "bilou" if used[2] == "L" else "bmes" if used[1] == "M" else "bioes"
    return name, "".join(letter or usual for letter, usual in zip(used, SPELLINGS[name]))


def _candidates(pairs: np.ndarray, letters: Counter[str], scheme: str | None) -> list[tuple[int, str, str]]:
    """(faults, scheme, letters) of the schemes that come into question, the best one first."""
    full = (scheme, SPELLINGS[scheme]) if scheme in SPELLINGS and rules_of(scheme) == FULL else _full_letters(letters)
    names = [("bio", "BI"), ("iob1", "BI"), full]
    found = []
    for name, allowed in names:
        # L and U break bio and iob1 already; other spellings of a code must be counted.
        foreign = "M" if rules_of(name) != FULL else "".join(set(INSIDE + LAST + SINGLE) - set(allowed))
        faults = count_broken(pairs, rules_of(name)) + sum(letters[letter] for letter in foreign)
        if scheme is None or name == scheme:
            found.append((faults, name, allowed))
    return sorted(found, key=lambda candidate: candidate[0])


def _main_style(counts: TagCounts, tags: Sequence[ParsedTag]) -> Style:
    """The style of most tokens with letters; in doubt prefixes."""
    styles: Counter[Style] = Counter()
    for tag_id, count in counts.count.items():
        for style in {reading.style for reading in tags[tag_id].readings}:
            styles[style] += count
    forms = ("suffix", "letter", "prefix")

    def preference(style: Style) -> tuple[int, int, bool, bool]:
        return styles[style], forms.index(style.form), style.separator == "-", style.upper

    return max(styles, key=preference, default=DEFAULT_STYLE)


def _count_kinds(counts: TagCounts, tags: Sequence[ParsedTag]) -> Counter[str]:
    """Tokens by kind of their tag (see ParsedTag), and those of O, o and 0 by themselves."""
    kinds: Counter[str] = Counter()
    for tag_id, count in counts.count.items():
        tag = tags[tag_id]
        kinds[tag.kind] += count
        if tag.text in ("O", "o", "0"):
            kinds[tag.text] += count
    kinds["tagged"] = sum(kinds[kind] for kind in ("letters", "type", "number", "malformed"))
    return kinds


def find_dialect(counts: TagCounts, tags: Sequence[ParsedTag], scheme: str | None = None) -> Finding:
    """The dialect that most of the tags follow. scheme: known already."""
    kinds, style = _count_kinds(counts, tags), _main_style(counts, tags)
    letters = _letter_counts(counts, tags, style)
    num_styled, num_types = sum(letters.values()), kinds["type"]
    # If io is given, a lone letter as in E-mail is no letter of a scheme; but I- is, also in io.
    given_io = scheme == "io" and (num_types >= num_styled or _is_lone(letters))
    wants_types = num_types > num_styled if scheme is None else given_io
    found = _find_types(counts, tags, kinds, scheme is not None) if wants_types else None
    return found or _find_letters(counts, style, letters, kinds, scheme)


def _is_lone(letters: Counter[str]) -> bool:
    """Whether there is only one letter, and one that hardly any file of a scheme has alone."""
    return len(letters) == 1 and not {"B", "I"} & set(letters)


def _outside(kinds: Counter[str]) -> str:
    return "o" if kinds["o"] > kinds["O"] else "O"


def _find_letters(
    counts: TagCounts, style: Style, letters: Counter[str], kinds: Counter[str], scheme: str | None
) -> Finding:
    """The scheme of the tags of this style; scheme: known already."""
    pairs, outside, num_tagged = _pairs(counts, style), _outside(kinds), kinds["tagged"]
    num_styled, num_types = sum(letters.values()), kinds["type"]
    if scheme == "io":
        return Finding(
            Dialect("io", style, "I", outside), "", True, num_tagged, len(letters), num_tagged - letters["I"]
        )
    (faults, name, allowed), *others = _candidates(pairs, letters, scheme)
    clear = not faults or not others or others[0][0] >= CLEAR_RATIO * faults
    evidence = _describe(pairs, letters, style, name, faults) if num_tagged else f"every tag is {outside}"
    if not clear:
        evidence += f"; {faults:,} tags break {name} and {others[0][0]:,} break {others[0][1]}"
    if num_styled and (num_types * CLEAR_RATIO > num_styled or faults * 2 > num_styled):
        clear = False
        evidence += f"; {num_types:,} tags are types without such a letter" if num_types else ""
    elif num_types and not num_styled:
        clear, evidence = False, f"no tag has a letter such as B-, and {kinds[outside]:,} are {outside}"
    elif style.form == "letter" and _is_lone(letters):
        clear = False
        evidence += "; this may be a type"
    numbers = kinds["number"] - kinds["0"] > num_styled + num_types
    dialect = Dialect(name, style, allowed, outside, numbers=numbers)
    return Finding(dialect, evidence, clear, num_tagged, len(letters), faults + num_tagged - num_styled)


def _find_types(counts: TagCounts, tags: Sequence[ParsedTag], kinds: Counter[str], known: bool) -> Finding | None:
    """Types without letters; None if that cannot be, as too few of the tags are O. known: that it is so."""
    outside = _outside(kinds)
    num_outside = kinds[outside]
    if not known and num_outside < MIN_OUTSIDE * sum(counts.count.values()):
        return None
    types = {tags[i].text for i in counts.count if tags[i].kind == "type"}
    # A letter before a type that occurs without one, or alone, is a slip; in other types a hyphen means nothing.
    refused: Counter[str] = Counter()
    for tag_id, count in counts.count.items():
        for reading in tags[tag_id].readings:
            if reading.type in types or (reading.style.form == "letter" and not known):
                refused[tags[tag_id].text] = count
    num_refused = sum(refused.values())
    example = max((i for i in counts.count if tags[i].kind == "type"), key=lambda i: counts.count[i], default=None)
    such_as = "" if example is None else f", such as {shown(tags[example].text)}"
    evidence = f"{kinds['type']:,} tags are types without letters{such_as}; {num_outside:,} are {outside}"
    clear = known or num_refused * CLEAR_RATIO <= kinds["type"]
    if not clear:
        evidence += f"; {num_refused:,} have letters, such as {shown(refused.most_common(1)[0][0])}"
    num_faults = num_refused + kinds["number"] + kinds["malformed"]
    return Finding(
        Dialect("io", None, "", outside, frozenset(refused)), evidence, clear, kinds["tagged"], 0, num_faults
    )


def _describe(pairs: np.ndarray, letters: Counter[str], style: Style, name: str, faults: int) -> str:
    """What speaks for the scheme."""
    nameless = ", without types" if style.form == "letter" else ""
    b, i = style.spell("B"), style.spell("I")
    if name in ("bio", "iob1"):
        # In IOB1 a B only separates adjacent entities of one type; in BIO an I never opens an entity.
        num_b = int(pairs[:, B].sum())
        opened_by_b = num_b - int(pairs[[B, I], B, 1].sum())
        opened_by_i = int(pairs[:, I].sum()) - int(pairs[[B, I], I, 1].sum())
        return (
            f"{num_b:,} {b} tags, {opened_by_b:,} of them where IOB1 has {i}; "
            f"{opened_by_i:,} entities begin with {i}{nameless}"
        )
    used = ", ".join(f"{style.spell(letter)} ({letters[letter]:,})" for letter in "BIMLUESW" if letters[letter])
    place = {"prefix": "begin with", "suffix": "end in", "letter": "are"}[style.form]
    return f"tags {place} {used}{nameless}" + (f"; {faults:,} of them break its rules" if faults else "")


def count_faults(counts: TagCounts, tags: Sequence[ParsedTag], dialect: Dialect) -> int:
    """How many tokens would be reported if the tags were of this dialect."""
    has_rules = dialect.style is not None and dialect.scheme != "io"
    # Most letters of other schemes break the rules of bio and iob1 already.
    by_rules = set(LAST + SINGLE) if has_rules and rules_of(dialect.scheme) != FULL else set()
    faults = 0
    for tag_id, count in counts.count.items():
        meaning = read_tag(tags[tag_id], dialect)
        if meaning.fault == "malformed" or (meaning.fault and meaning.letter not in by_rules):
            faults += count
    if dialect.style is None or not has_rules:
        return faults
    return faults + count_broken(_pairs(counts, dialect.style), rules_of(dialect.scheme))
