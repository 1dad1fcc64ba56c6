"""Every kind of dirt: what the build says by default, what each policy makes of it, and how the index counts it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple, get_args, get_type_hints

import pytest
from corpus_sources import sources_of

from data_prep.dirt.policies import DIRT, FAIL, Policies
from data_prep.passes.build import build
from data_prep.problems import CorpusError, Finding, Problems
from data_prep.settings import Settings
from ner_dist.contract.shard_format import Index

COLUMNS = "Cy\tB-PER\nran\tO\n\nKim\tB-PER\nLee\tI-PER\nsat\tO\n\n"
GOOD = {"text": "Cy ran .", "entities": [[0, 2, "PER"]]}


def records(*values: object) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def columns(text: str) -> bytes:
    return (COLUMNS + text).encode()


class Dirty(NamedTuple):
    """A file with one kind of dirt."""

    kind: str
    content: bytes
    # The beginnings of the errors, after the file's name.
    errors: list[str]
    suggestion: object
    # By policy: entities of train, tokens of train, and the warnings.
    outcomes: dict[str, tuple[dict[str, int], int, dict[str, int]]]


TEXT = "Rome University Press opens"
NESTED = [[0, 4, "LOC"], [0, 15, "ORG"], [5, 27, "PER"]]
CASES = {
    "bytes of another encoding": Dirty(
        "undecodable_bytes",
        columns("Bj") + b"\xf6rn\tB-PER\nvan\tO\nZo\xeb\tB-PER\n\n",
        [
            "8: error: byte 0xf6 is not utf-8 text, where U+FFFD is in 'Bj\ufffdrn\\tB-PER'; all of the file can be "
            "cp1252 text: if it is, pass --encoding cp1252, otherwise --on-undecodable replace",
            "10: error: byte 0xeb is not utf-8 text",
        ],
        None,
        {
            "replace": ({"PER": 4}, 8, {"undecodable_bytes_replaced": 2, "replacement_characters": 2}),
            "drop": ({"PER": 4}, 8, {"undecodable_bytes_dropped": 2}),
        },
    ),
    "a broken byte in UTF-8": Dirty(
        "undecodable_bytes",
        columns("Žo") + b"\xff\tB-PER\n\n",
        ["8: error: byte 0xff is not utf-8 text, where U+FFFD is in 'Žo\ufffd\\tB-PER'; --on-undecodable"],
        None,
        {"drop": ({"PER": 3}, 6, {"undecodable_bytes_dropped": 1})},
    ),
    "tags that no scheme has": Dirty(
        "malformed_tag",
        columns("Bo\tB_PER\nand\tOO\nIda\tB\u2013PER\n\n"),
        [
            "8: error: tag 'B_PER' is neither O nor one of B I, a hyphen and a type (--on-malformed-tag repair reads "
            "it as B-PER, outside as O)",
            "9: error: tag 'OO' is neither O nor one of B I, a hyphen and a type (--on-malformed-tag repair reads "
            "it as O)",
            "10: error: tag 'B\u2013PER' has U+2013 EN DASH where '-' is expected",
        ],
        {"action": "set_tags", "first_line": 8, "tags": ["B-PER"]},
        {
            "repair": ({"PER": 4}, 8, {"malformed_tags_repaired": 3}),
            "outside": ({"PER": 2}, 8, {"malformed_tags_outside": 3}),
        },
    ),
    "blank tokens in columns": Dirty(
        "blank_token",
        columns("Bo\tB-PER\n\tO\nLi\tI-PER\n\n\u200d\tB-PER\nKo\tI-PER\n\n\u00a0\tB-PER\n\n"),
        [
            "9: error: token '' is empty or cannot be seen; --on-blank-token drop leaves it out",
            "12: error: token '\\u200d' is empty or cannot be seen",
            "15: error: token '\\u00a0' is empty or cannot be seen",
            "10: error: tag 'I-PER' after 'O' breaks bio",
        ],
        {"action": "remove_line"},
        {"drop": ({"PER": 4}, 8, {"blank_tokens_dropped": 3, "blank_sentences_dropped": 1})},
    ),
    "blank tokens in lists": Dirty(
        "blank_token",
        records(
            {"tokens": ["Kim", "", "Lee", "sat"], "tags": ["B-PER", "I-PER", "I-PER", "O"]},
            {"tokens": [" ", "Bo", "ran"], "tags": ["B-PER", "I-PER", "O"]},
        ),
        ["1: error: token '' is empty or cannot be seen", "2: error: token ' ' is empty or cannot be seen"],
        {"action": "remove_token", "token": 1},
        {"drop": ({"PER": 2}, 5, {"blank_tokens_dropped": 2})},
    ),
    "entities that overlap": Dirty(
        "overlapping_entities",
        records({"text": TEXT, "entities": NESTED}, GOOD),
        [
            "1: error: entity 'Rome' [0, 4, LOC] in \"[Rome] University Press op\" overlaps entity 'Rome University' "
            '[0, 15, ORG] in "[Rome University] Press opens", which one tag for each token cannot say; --on-overlap '
            "longest keeps the longest, first the one that begins first, of two that begin together the longer, "
            "TYPE,TYPE the one whose type comes first in such a list",
            "1: error: entity 'University Press opens' [5, 27, PER]",
        ],
        {"action": "remove", "entity": [0, 4, "LOC"]},
        {
            "longest": ({"LOC": 1, "ORG": 0, "PER": 2}, 7, {"overlapping_entities_dropped": 1}),
            "first": ({"LOC": 0, "ORG": 1, "PER": 1}, 7, {"overlapping_entities_dropped": 2}),
            "ORG,LOC": ({"LOC": 0, "ORG": 1, "PER": 1}, 7, {"overlapping_entities_dropped": 2}),
            "LOC": ({"LOC": 1, "ORG": 0, "PER": 2}, 7, {"overlapping_entities_dropped": 1}),
            "LOC,GPE": (
                {"LOC": 1, "ORG": 0, "PER": 2},
                7,
                {"overlapping_entities_dropped": 1, "overlap_types_unknown": 1},
            ),
        },
    ),
    "an entity twice": Dirty(
        "duplicate_spans",
        records({"text": "Bo ran", "entities": [[0, 2, "PER"], [0, 2, "PER"]]}, GOOD),
        ["1: error: entity 'Bo' [0, 2, PER] in \"[Bo] ran\" is there more than once; --on-duplicate-span drop"],
        {"action": "remove", "entity": [0, 2, "PER"]},
        {"drop": ({"PER": 2}, 5, {"duplicate_spans_dropped": 1})},
    ),
    "entities outside of the text": Dirty(
        "span_outside_text",
        records({"text": "Bo ran", "entities": [[-1, 2, "PER"], [3, 9, "PER"], [4, 4, "PER"], [2, 3, "PER"]]}, GOOD),
        [
            '1: error: entity [-1, 2, "PER"] lies outside the text of 6 characters, or is empty; --on-span-outside '
            "clip keeps what is in the text, if anything is, drop leaves it out",
            '1: error: entity [3, 9, "PER"]',
            '1: error: entity [4, 4, "PER"]',
            "1: error: entity ' ' [2, 3, PER] in \"Bo[ ]ran\" is only white space",
        ],
        {"action": "replace", "entity": [-1, 2, "PER"], "by": [0, 2, "PER"]},
        {
            "clip": ({"PER": 3}, 5, {"spans_clipped": 2, "spans_outside_dropped": 2}),
            "drop": ({"PER": 1}, 5, {"spans_outside_dropped": 4}),
        },
    ),
    "tabs too many": Dirty(
        "extra_separator",
        columns("Bo\tB-PER\t\t\nran\tO\t\n\n"),
        [
            "8: error: the line has 4 columns, expected 2 as in most lines: 'Bo\\tB-PER\\t\\t', which ends in 2 "
            "separators too many; --on-extra-separator drop ignores them",
            "9: error: the line has 3 columns",
        ],
        {"action": "set_line", "line": "Bo\tB-PER"},
        {"drop": ({"PER": 3}, 7, {"extra_separators_dropped": 2})},
    ),
    "lines that cannot be seen": Dirty(
        "invisible_line",
        columns("Bo\tB-PER\n\ufeff\nran\tO\n\u00a0\n\u200b\n\n\ufeffAl\tB-PER\n\n"),
        [
            "9: error: the line is nothing but '\\ufeff', which cannot be seen; --on-invisible-line drop ignores what",
            "11: error: the line is nothing but '\\u00a0', which cannot be seen",
            "12: error: the line is nothing but '\\u200b', which cannot be seen",
            "14: error: the line begins with '\\ufeff', a byte-order mark amid the file, as of files that were joined",
        ],
        {"action": "remove_line"},
        {"drop": ({"PER": 4}, 8, {"invisible_lines_dropped": 3, "byte_order_marks_dropped": 1})},
    ),
    "joined files of JSON lines": Dirty(
        "invisible_line",
        records(GOOD) + b"\xef\xbb\xbf\n" + b"\xef\xbb\xbf" + records({"text": "Bo", "entities": [[0, 2, "PER"]]}),
        ["2: error: the line is nothing but '\\ufeff'", "3: error: the line begins with '\\ufeff'"],
        {"action": "remove_line"},
        {"drop": ({"PER": 2}, 4, {"invisible_lines_dropped": 1, "byte_order_marks_dropped": 1})},
    ),
    "records of nothing": Dirty(
        "empty_record",
        records(GOOD, {"text": "", "entities": []}, {"text": " \n", "entities": []}),
        [
            "2: error: a text without tokens; --on-empty-record drop leaves it out",
            "3: error: a text without tokens; --on-empty-record drop leaves it out",
        ],
        {"action": "remove_record"},
        {"drop": ({"PER": 1}, 3, {"empty_records_dropped": 2})},
    ),
    "sentences of nothing": Dirty(
        "empty_record",
        records({"tokens": ["Bo"], "tags": ["B-PER"]}, {"tokens": [], "tags": []}),
        ["2: error: a sentence without tokens; --on-empty-record drop leaves it out"],
        {"action": "remove_record"},
        {"drop": ({"PER": 1}, 1, {"empty_records_dropped": 1})},
    ),
}
OPTIONS = [name for name in Policies._fields if name != "on_broken"]


def built(folder: Path, content: bytes, **settings: object) -> tuple[Index, Problems, list[Finding]]:
    path, dev, findings = folder / "c", folder / "dev", []
    path.write_bytes(content)
    dev.write_bytes(records({"tokens": ["Cy"], "tags": ["B-PER"]}) if content[:1] == b"{" else COLUMNS.encode())
    problems = Problems(findings.append)
    try:
        # Unlike the rules of a language, these need not be loaded.
        chosen = Settings(num_shards=1, tokenizer="whitespace", **settings)  # type: ignore[arg-type]
        index = build(sources_of({"train": path, "dev": dev}), chosen, folder / "out", problems)
    except CorpusError:
        return None, problems, findings  # type: ignore[return-value]
    return index, problems, findings


@pytest.mark.parametrize("name", CASES)
def test_without_a_policy_every_place_is_an_error_with_the_option_that_helps(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    _, problems, findings = built(tmp_path, case.content)
    assert len(problems.errors) == len(case.errors)
    for error, told in zip(problems.errors, case.errors):
        assert error.startswith(f"{tmp_path / 'c'}:{told}")
    mine = [finding for finding in findings if finding.kind == case.kind]
    assert mine[0].suggestion == case.suggestion
    assert not (tmp_path / "out").exists()
    # Only all of them together are without the kinds that follow from it.
    assert len(mine) >= len(case.errors) - 1


@pytest.mark.parametrize(
    ("name", "policy"), [(name, policy) for name, case in CASES.items() for policy in case.outcomes]
)
def test_a_policy_does_what_it_says_and_the_index_counts_it(tmp_path: Path, name: str, policy: str) -> None:
    case = CASES[name]
    row, (entities, num_tokens, warnings) = DIRT[case.kind], case.outcomes[policy]
    index, problems, _ = built(tmp_path, case.content, **{row.option: policy})
    assert problems.errors == []
    assert (index.stats["train"]["entities"], index.stats["train"]["num_tokens"]) == (entities, num_tokens)
    others = ("dev_sentences_in_train", "duplicates_within_train", "invisible_in_tokens")
    assert {name: count for name, count in index.warnings.items() if name not in others} == warnings
    assert index.settings[row.option] == policy


@pytest.mark.parametrize("kind", DIRT)
def test_repair_is_the_gentle_policy_of_every_kind(tmp_path: Path, kind: str) -> None:
    row, case = DIRT[kind], next(case for case in CASES.values() if case.kind == kind)
    index, problems, _ = built(tmp_path, case.content, on_broken="repair")
    assert problems.errors == []
    assert index.settings[row.option] == row.gentle
    assert case.outcomes[row.gentle][2].items() <= index.warnings.items()


def test_every_kind_of_dirt_has_an_option_with_its_policies_and_a_case() -> None:
    assert [row.option for row in DIRT.values()] == OPTIONS
    hints = get_type_hints(Settings)
    for row in DIRT.values():
        names = [policy.name for policy in row.policies]
        assert row.gentle in names
        if row.option != "on_overlap":
            literal = get_args(hints[row.option])[0]
            assert list(get_args(literal)) == [FAIL, *names]
    assert {case.kind for case in CASES.values()} == DIRT.keys()


@pytest.mark.parametrize(
    ("content", "encoding", "helps"),
    [
        # Each encoding fails: none of them is advised.
        (b"Zo\x9d", None, "--on-undecodable"),
        (b"Zo\x9d", "cp1252", "--on-undecodable"),
        (b"Zo\x9d", "utf-8", "--on-undecodable"),
        # The user has chosen already.
        (b"Zo\xeb", "utf-8", "--on-undecodable"),
        ("Zoë".encode(), "ascii", "all of the file is UTF-8 text, so leave --encoding out"),
        ("Zoë".encode() + b"\xff", "ascii", "--on-undecodable"),
        # It would be a control character.
        (b"Zo\xeb\x01", None, "--on-undecodable"),
        (b"Zo\xeb", None, "--encoding cp1252"),
    ],
)
def test_no_encoding_is_advised_that_would_fail_as_well(
    tmp_path: Path, content: bytes, encoding: str | None, helps: str
) -> None:
    _, problems, _ = built(tmp_path, columns("") + content + b"\tB-PER\n\n", encoding=encoding)
    assert helps in problems.errors[0]
    assert ("--encoding" in problems.errors[0]) == ("--encoding" in helps)


def test_types_for_overlaps_that_nobody_has_are_an_error(tmp_path: Path) -> None:
    _, problems, _ = built(tmp_path, records(GOOD), on_overlap="longset")
    assert problems.errors == [
        "--on-overlap: error: neither longest nor first, and no entity is of type 'longset'; there are 'PER'"
    ]


def test_a_corpus_of_blank_tokens_alone_is_refused(tmp_path: Path) -> None:
    _, problems, _ = built(tmp_path, "\u00a0\tB-PER\n\n".encode(), on_blank_token="drop", format="conll")
    assert problems.num_errors


def test_the_guide_names_every_kind_option_policy_and_count() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "dirty-data.md"
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for row in DIRT.values():
        (line,) = (line for line in rows if f"| `{row.flag}` |" in line)
        for policy in row.policies:
            assert policy.name == "TYPE,TYPE" or f"`{policy.name}`" in line
            assert all(f"`{name}`" in line for name in policy.counted)


def test_a_finding_about_a_tag_has_its_sentence_as_it_is_meant(tmp_path: Path) -> None:
    _, _, findings = built(tmp_path, columns("Bo\tB-PER\nLi\tE-PER\nran\tOO\n\n"))
    whole = {"text": "Bo Li ran", "entities": [[0, 5, "PER"]], "tokens": ["Bo", "Li", "ran"]}
    assert [(finding.kind, finding.record) for finding in findings if finding.is_error] == [
        ("foreign_tag", whole),
        ("malformed_tag", whole),
    ]
    assert findings[0].suggestion == {"action": "set_tags", "first_line": 8, "tags": ["B-PER", "I-PER"]}
