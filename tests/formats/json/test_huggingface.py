"""Hugging Face data sets as JSON lines: their fields, integers with names, and what is ambiguous."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from read_format import read_text

from data_prep.problems import CorpusError

WORDS, NUMBERS, NAMES = ["Ann", "left", "Rome"], [1, 0, 3], ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
TAGS = [NAMES[number] for number in NUMBERS]


@pytest.mark.parametrize(
    ("tokens", "tags"),
    [("tokens", "ner_tags"), ("tokens", "labels"), ("words", "tags"), ("words", "ner"), ("sentence", "iob_labels")],
)
def test_fields_are_found_by_name_and_content(tmp_path: Path, tokens: str, tags: str) -> None:
    line = {"id": "7", tokens: WORDS, "pos_tags": [22, 38, 22], "chunk_tags": [11, 21, 11], tags: TAGS, "lang": "en"}
    read = read_text(tmp_path, f"{json.dumps(line)}\n{json.dumps({**line, 'id': '8'})}\n")
    assert (read.format, read.evidence) == ("huggingface", f"JSON lines with {tokens!r}, {tags!r}")
    assert (read.tokens, read.tags) == ([WORDS] * 2, [TAGS] * 2)
    assert [origin.record for origin in read.origins] == ["7", "8"]
    assert not read.features


def test_a_field_of_tags_without_a_usual_name_is_found_if_nothing_else_can_be_meant(tmp_path: Path) -> None:
    line = {"tokens": WORDS, "chunks": ["B-NP", "B-VP", "B-NP"], "gold": TAGS}
    assert read_text(tmp_path, json.dumps(line)).tags == [TAGS]
    with pytest.raises(CorpusError, match=r"tag may be in 'gold' or 'other'; choose with --columns tag=gold"):
        read_text(tmp_path, json.dumps({**line, "other": TAGS}))


@pytest.mark.parametrize("wrong", [["O"], ["O", 1, "O"], [], None])
def test_tags_that_do_not_fit_are_reported_in_their_line_even_among_few(tmp_path: Path, wrong: object) -> None:
    line, odd = (json.dumps({"tokens": WORDS, "ner_tags": tags}) for tags in (TAGS, wrong))
    for text, number in ((f"{line}\n{odd}\n", 2), (f"{odd}\n{line}\n{odd}\n", 1)):
        errors = read_text(tmp_path, text).errors
        assert f"corpus:{number}: error: " in errors[0]
        assert "--columns" not in errors[0]


def test_integers_need_names_and_are_never_guessed(tmp_path: Path) -> None:
    line = json.dumps({"tokens": WORDS, "tags": NUMBERS})
    with pytest.raises(CorpusError, match=r"corpus: the tags in 'tags' are numbers.*never guessed.*--tag-names"):
        read_text(tmp_path, line)
    read = read_text(tmp_path, line, tag_names=NAMES)
    assert (read.format, read.tags) == ("huggingface", [TAGS])
    (error,) = read_text(tmp_path, f"{line}\n{line.replace('3', '9')}", tag_names=NAMES).errors
    assert 'corpus:2: error: "tags" holds 9' in error


@pytest.mark.parametrize(
    ("first", "second"),
    [("ner_tags_coarse", "ner_tags_fine"), ("ner_tags", "fine_ner_tags"), ("tags", "ner_tags"), ("ner", "labels")],
)
def test_two_fields_that_may_be_the_tags_are_refused_until_one_is_chosen(
    tmp_path: Path, first: str, second: str
) -> None:
    line = json.dumps({"tokens": WORDS, first: TAGS, second: ["O", "O", "B-LOC"]})
    with pytest.raises(CorpusError, match=f"tag may be in '{first}' or '{second}'; choose with --columns tag={first}"):
        read_text(tmp_path, line)
    assert read_text(tmp_path, line, columns=(("tag", second),)).tags == [["O", "O", "B-LOC"]]


def test_a_chosen_field_that_is_not_there_is_named(tmp_path: Path) -> None:
    line = json.dumps({"tokens": WORDS, "ner_tags": TAGS})
    with pytest.raises(CorpusError, match="--columns tag=gold: no such field; the first records have tokens, ner_tags"):
        read_text(tmp_path, line, columns=(("tags", "gold"),))
    with pytest.raises(CorpusError, match=r"--columns colour=.*can be token, tag, text, entities, id, document"):
        read_text(tmp_path, line, columns=(("colour", "tokens"),))


def test_a_text_beside_tokens_is_kept_unless_it_is_another_one(tmp_path: Path) -> None:
    line = {"text": "Ann  left Rome", "tokens": WORDS, "ner_tags": TAGS}
    read = read_text(tmp_path, json.dumps(line))
    assert (read.origins[0].text, read.origins[0].starts) == ("Ann  left Rome", (0, 5, 10))
    other = json.dumps({**line, "text": "ann left rome"})
    assert "does not occur" in read_text(tmp_path, other).errors[0]
    assert read_text(tmp_path, other, columns=(("text", "none"),)).origins[0].text is None


def test_a_label_of_the_whole_sentence_is_no_tag(tmp_path: Path) -> None:
    lines = [{"tokens": ["a"] * n, "labels": ["news", "sport"], "ner_tags": ["O"] * n} for n in (2, 3, 4)]
    assert read_text(tmp_path, "\n".join(map(json.dumps, lines))).evidence == "JSON lines with 'tokens', 'ner_tags'"


def test_numbers_of_another_list_become_a_feature_if_asked_for(tmp_path: Path) -> None:
    line = json.dumps({"tokens": WORDS, "pos_tags": [22, 38, 22], "ner_tags": TAGS})
    assert read_text(tmp_path, line, features=(("pos", "pos_tags"),)).features == {"pos": [["22", "38", "22"]]}


def test_an_array_of_rows_is_read_as_lines_are(tmp_path: Path) -> None:
    rows = [{"tokens": WORDS, "ner_tags": TAGS}] * 2
    for text in (json.dumps(rows), json.dumps(rows, indent=1), json.dumps({"version": 1, "data": rows})):
        read = read_text(tmp_path, text)
        assert (read.format, read.tags) == ("huggingface", [TAGS] * 2)


def test_fields_inside_an_object_can_be_chosen(tmp_path: Path) -> None:
    line = json.dumps({"data": {"words": WORDS, "gold": TAGS}, "info": {"page": 3}})
    columns = (("token", "data.words"), ("tag", "data.gold"), ("document", "info.page"))
    read = read_text(tmp_path, line, columns=columns)
    assert (read.tokens, read.tags, read.origins[0].document) == ([WORDS], [TAGS], "3")
