"""Tag strings: what each may mean, why it is refused, and how it is written in a scheme."""

from __future__ import annotations

import numpy as np
import pytest

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.tags.tag_strings import (
    Dialect,
    Reading,
    Style,
    is_well_formed,
    malformed_reason,
    parse_tag,
    read_tag,
    report_inexpressible,
    spell_tags,
)

BIO = Dialect("bio", Style("prefix", "-"), "BI")
IO = Dialect("io", None, "")


@pytest.mark.parametrize("tag", ["O", "B-X", "I-a-b", "E-geo", "S-1", "U-x", "L-y", "M-X", "W-X", "B_X", "b-x", "o"])
def test_well_formed_tags(tag: str) -> None:
    assert is_well_formed(tag)


@pytest.mark.parametrize("tag", ["", "X", "B", "B-", "NNP", "N-X", "PER", "OO", "PER-B", "0", "-X", "_", "B- "])
def test_not_tags_wherever_they_stand(tag: str) -> None:
    assert not is_well_formed(tag)


@pytest.mark.parametrize(
    ("tag", "letter", "entity_type", "style"),
    [
        ("B-PER", "B", "PER", Style("prefix", "-")),
        # The prefix comes first: hyphens and underscores behind it belong to the type.
        ("B-work-of-art", "B", "work-of-art", Style("prefix", "-")),
        ("I-WORK_OF_ART", "I", "WORK_OF_ART", Style("prefix", "-")),
        ("B_work-of-art", "B", "work-of-art", Style("prefix", "_")),
        ("B-I", "B", "I", Style("prefix", "-")),
        ("i-per", "I", "per", Style("prefix", "-", upper=False)),
        ("work-of-art-E", "E", "work-of-art", Style("suffix", "-")),
        ("PER_b", "B", "PER", Style("suffix", "_", upper=False)),
        ("M", "M", "ENTITY", Style("letter")),
        ("B-Musée d'Orsay", "B", "Musée d'Orsay", Style("prefix", "-")),
        ("\ufeffB- PER\u00a0\u200b", "B", "PER", Style("prefix", "-")),
    ],
)
def test_a_letter_and_a_type_are_read_in_every_style(tag: str, letter: str, entity_type: str, style: Style) -> None:
    assert parse_tag(tag).readings[0] == Reading(letter, entity_type, style)


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("OO", "'OO' is neither O nor one of B I, a hyphen and a type"),
        ("IO", "'IO' is neither O nor one of B I, a hyphen and a type"),
        ("-PER", "'-PER' is neither O nor"),
        ("B-\u00a0", r"'B-\u00a0' is neither O nor"),
        ("X-PER", "'X-PER' is neither O nor"),
        ("B_PER", "'B_PER' is neither O nor one of B I, a hyphen and a type"),
        ("o", "'o' is neither O nor"),
        ("0", "'0' is the digit zero, expected the letter O"),
        ("3", "'3' is a number, expected a name; --tag-names"),
        ("B\u2013PER", "'B\u2013PER' has U+2013 EN DASH where '-' is expected"),
        ("B\u2011PER", "has U+2011 NON-BREAKING HYPHEN where '-' is expected"),
        ("I\u2212PER", "has U+2212 MINUS SIGN where '-' is expected"),
        ("B\u00adPER", r"'B\u00adPER' has U+00AD SOFT HYPHEN where '-' is expected"),
        ("\u0412-PER", "has U+0412 CYRILLIC CAPITAL LETTER VE where 'B' is expected"),
        (
            "\u0406\u2014PER",
            "U+0406 CYRILLIC CAPITAL LETTER BYELORUSSIAN-UKRAINIAN I where 'I' is expected and U+2014 EM",
        ),
        ("\u041e", "has U+041E CYRILLIC CAPITAL LETTER O where 'O' is expected"),
        ("\u039f", "has U+039F GREEK CAPITAL LETTER OMICRON where 'O' is expected"),
    ],
)
def test_a_malformed_tag_is_quoted_with_the_reason(tag: str, reason: str) -> None:
    parsed = parse_tag(tag)
    assert read_tag(parsed, BIO).fault == "malformed"
    assert reason in malformed_reason(parsed, BIO)


def test_look_alikes_are_read_leniently_as_what_is_meant() -> None:
    assert read_tag(parse_tag("\u0412\u2013PER"), BIO)[:2] == ("B", "PER")
    assert read_tag(parse_tag("B_PER"), BIO)[:2] == ("B", "PER")
    assert read_tag(parse_tag("OO"), BIO)[:2] == ("O", "")


def test_a_type_in_another_script_is_no_look_alike() -> None:
    assert read_tag(parse_tag("B-ОРГ"), BIO) == ("B", "ОРГ", None)
    assert read_tag(parse_tag("ОРГ"), IO) == ("I", "ОРГ", None)


def test_a_letter_of_another_scheme_is_foreign() -> None:
    assert read_tag(parse_tag("E-PER"), BIO) == ("E", "PER", "foreign")


def test_the_outside_tags_of_bmewo_plus_are_o_only_there() -> None:
    bmewo = Dialect("bmewo", Style("prefix", "_"), "BMEW")
    for tag in ("BB_O_PER", "EE_O_LOC", "WW_O_PER", "MM_O", "BOS_O", "O_EOS", "PER_O", "O_PER"):
        assert read_tag(parse_tag(tag), bmewo) == ("O", "", None)
        assert read_tag(parse_tag(tag), BIO).fault == "malformed"


# Two sentences: "X X | O Y" and an entity of three tokens; ids of the types X and Y.
BLOCK = TaggedSentences(list("abcdefg"), np.array([4, 4, 0, 8, 1, 2, 3]), {}, np.array([4, 3]), "c:", np.arange(1, 8))


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("bio", "B-X B-X O B-Y B-X I-X I-X"),
        ("iob1", "I-X B-X O I-Y I-X I-X I-X"),
        ("bioes", "S-X S-X O S-Y B-X I-X E-X"),
        ("bilou", "U-X U-X O U-Y B-X I-X L-X"),
        ("bmes", "S-X S-X O S-Y B-X M-X E-X"),
        ("bmewo", "W-X W-X O W-Y B-X M-X E-X"),
        ("io", "X X O Y X X X"),
    ],
)
def test_every_scheme_is_written(scheme: str, expected: str) -> None:
    assert spell_tags(BLOCK, ["X", "Y"], scheme) == expected.split()


def test_what_io_cannot_express_is_reported() -> None:
    problems = Problems()
    report_inexpressible(BLOCK, ["X", "Y"], "bio", problems)
    assert not problems.num_errors
    report_inexpressible(BLOCK, ["X", "Y"], "io", problems)
    assert problems.errors == [
        "c:2: error: an entity of type 'X' directly follows another, which io cannot express; "
        "write another scheme, such as bio"
    ]
    report_inexpressible(BLOCK, ["X", "B-Y"], "io", problems)
    assert problems.errors[2].startswith("c:4: error: entity type 'B-Y' would not be read as a type in io")
