"""The corpus check: errors with their lines, what is odd, and a report."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus_sources import sources_of

from data_prep.passes.check import check
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.sources.mojibake import ODDITIES, SUSPICIONS
from data_prep.synthesis.synth import synthesise

GOOD = "Anna B-PER\nsaw O\n\nin O\nParis B-LOC\n\n"


def run(
    path: Path, text: str, written_as: str = "utf-8", dev: str | None = None, **knobs: object
) -> tuple[Problems, str]:
    path.write_bytes(text.encode(written_as))
    sources = {"train": path, "dev": path.with_name("dev")}
    sources["dev"].write_bytes((dev if dev is not None else text).encode(written_as))
    problems, report, _ = check(sources_of(sources), Settings(num_shards=1, **knobs))  # type: ignore[arg-type]
    return problems, "\n".join(report)


def test_a_sound_corpus_has_no_errors_and_a_report(tmp_path: Path) -> None:
    problems, report, _ = check(sources_of(synthesise(500, 1, tmp_path)), Settings())
    assert problems.num_errors == 0
    text = "\n".join(report)
    for words in (
        "tag scheme: bio",
        "sentences",
        "unknown words",
        "tokens per sentence, train",
        "characters per token, dev",
        "longest token",
    ):
        assert words in text
    assert "longest sentence of test: " in text
    assert "padding to the edges of 32 buckets: " in text


def test_the_longest_sentence_is_found_with_its_line(tmp_path: Path) -> None:
    _, report = run(tmp_path / "c", GOOD + "a O\nb O\nc O\n")
    assert f"longest sentence of train: 3 tokens, {tmp_path / 'c'}:7" in report


def test_problems_of_all_kinds_are_listed_together(tmp_path: Path) -> None:
    text = GOOD + "a O\nb\n\n\u00a0 O\nc X-PER\n\nd I-PER\n"
    problems, _ = run(tmp_path / "c", text, dev=GOOD, scheme="bio")
    where = str(tmp_path / "c")
    assert [error.replace(where, "c").split(";")[0][:60] for error in problems.errors] == [
        "c:8: error: the line has 1 column, expected 2 as in most lines: 'b'"[:60],
        r"c:10: error: token '\u00a0' is empty or cannot be seen",
        "c:11: error: tag 'X-PER' is neither O nor one of B I, a hyphen "[:60],
        "c:13: error: tag 'I-PER' after the sentence's start breaks bio"[:60],
    ]


def test_only_the_first_20_errors_are_shown(tmp_path: Path) -> None:
    problems, _ = run(tmp_path / "c", GOOD + "a X\n" * 500, dev=GOOD, format="conll", scheme="bio")
    assert (len(problems.errors), problems.num_errors) == (20, 500)
    assert problems.summary() == "500 errors, the first 20 shown"


@pytest.mark.parametrize(
    ("text", "written_as", "knobs", "name"),
    [
        (GOOD + "caf\ufffd O\n", "utf-8", {}, "replacement_characters"),
        (GOOD + "café O\n", "utf-8", {"encoding": "latin-1"}, "mojibake"),
        (GOOD + "café O\n", "utf-8", {"encoding": "cp1252"}, "mojibake"),
        (GOOD + "don\u2019t O\n", "utf-8", {"encoding": "cp1252"}, "mojibake"),
        (GOOD + "don\u2019t O\n", "cp1252", {"encoding": "latin-1"}, "control_characters"),
        (GOOD + "caf\u200bé O\n", "utf-8", {}, "invisible_in_tokens"),
        (GOOD + "caf\ufeffé O\n", "utf-8", {}, "invisible_in_tokens"),
        (GOOD + "caf\u2028é O\n", "utf-8", {}, "line_breaks_in_tokens"),
        (GOOD.replace(" ", " \t"), "utf-8", {}, "invisible_in_tokens"),
        (GOOD + "-DOCEND- O\n", "utf-8", {}, "document_marks_as_tokens"),
        (GOOD + "docstart O\n", "utf-8", {}, "document_marks_as_tokens"),
        (GOOD + "a O\n" * 3000, "utf-8", {"max_tokens": 5000}, "single_tag"),
        ("He B-NP\nran B-VP\nin B-PP\nParis B-NP\n\n", "utf-8", {}, "chunk_tags"),
        (GOOD, "utf-8", {}, "rare_types"),
        (GOOD + "in O\nParis B-LOC\n", "utf-8", {}, "duplicates_within_train"),
        (GOOD, "utf-8", {}, "dev_sentences_in_train"),
    ],
)
def test_oddities_are_warnings(tmp_path: Path, text: str, written_as: str, knobs: dict[str, object], name: str) -> None:
    problems, _ = run(tmp_path / "c", text, written_as, **knobs)
    assert problems.num_errors == 0
    assert name in problems.warnings


@pytest.mark.parametrize(
    "token",
    [
        *(
            "café",
            "Ärzte",
            "naïve",
            "Ã",
            "Ålesund",
            "“quoted”",
            "Škoda",
            "…",
            "東京",
            "❤\ufe0f",
            "می\u200c",
            "नहीं\u200d",
        ),
        *("שלום\u200f", "doctor", "docs", "start"),
    ],
)
def test_sound_text_is_not_suspected(tmp_path: Path, token: str) -> None:
    problems, _ = run(tmp_path / "c", GOOD + f"{token} O\n")
    assert not {name for name, _, _ in (*SUSPICIONS, *ODDITIES)} & set(problems.warnings)


def test_types_and_words_that_dev_lacks_or_does_not_share_are_warnings(tmp_path: Path) -> None:
    problems, report = run(tmp_path / "c", GOOD * 3, dev="Quite O\nother O\nwords O\nEva B-PER\n")
    assert problems.warnings["types_missing"] == 1
    assert problems.warnings["many_unknown_words"] == 1
    assert "100.0 %" in report


def test_a_misspelt_type_is_said_once_and_not_called_rare_or_missing(tmp_path: Path) -> None:
    problems, _ = run(tmp_path / "c", "Ann B-PER\n\n" * 60 + "Bo B-per\n", dev="Ann B-PER\n")
    assert problems.warnings["near_types"]
    assert not {"rare_types", "types_missing"} & problems.warnings.keys()


def test_the_scheme_is_told_once_and_each_other_one_on_a_line_of_its_own(tmp_path: Path) -> None:
    bio = "Ann B-PER\nLee I-PER\nsaw O\nBo B-PER\n\n" * 30
    _, report = run(tmp_path / "train", bio, dev=bio + "Ann B-PER\n")
    assert "tag scheme: bio (train: 60 B- tags, 60 of them where" in report
    assert report.count("B- tags") == 1
    _, report = run(tmp_path / "train", bio, dev=bio.replace("I-", "L-").replace("Bo B-", "Bo U-"))
    assert "\ntag scheme of train: bio (60 B- tags" in report
    assert "\ntag scheme of dev: bilou (tags begin with" in report
