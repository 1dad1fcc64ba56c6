"""Names of integer tags: from an option's text or file, never guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_prep.problems import CorpusError
from data_prep.tags.tag_names import name_tags, read_tag_names

NAMES = ("O", "B-PER", "I-PER")


def test_names_are_given_in_the_option_itself() -> None:
    assert read_tag_names("O, B-PER,I-PER") == NAMES


@pytest.mark.parametrize(
    "text",
    [
        "O\nB-PER\nI-PER\n",
        "\ufeffO\r\nB-PER\r\nI-PER\r\n\r\n",
        json.dumps(NAMES),
        json.dumps({"2": "I-PER", "0": "O", "1": "B-PER"}),
        json.dumps({"I-PER": 2, "O": 0, "B-PER": 1}),
        json.dumps({"model_type": "bert", "id2label": {"0": "O", "1": "B-PER", "2": "I-PER"}}, indent=2),
        json.dumps({"hidden_size": 8, "label2id": {"O": 0, "B-PER": 1, "I-PER": 2}}),
        json.dumps({"names": NAMES, "_type": "ClassLabel"}),
    ],
)
def test_names_are_read_from_every_kind_of_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "names"
    path.write_text(text, encoding="utf-8", newline="")
    assert read_tag_names(str(path)) == NAMES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("O\n\nB-PER\n", "the name of tag 1 is empty"),
        ("O\nB-PER\nO\n", "tags 0 and 2 have the same name 'O'"),
        ('["O", 1]', "the name of tag 1 is not a string but 1"),
        ('{"0": "O", "2": "B-PER"}', "the ids are not 0, 1, 2, ...: 1 is missing"),
        ('{"O": 0, "B-PER": 0}', "two names have the same id"),
        ('{"O": "a"}', "expected a JSON list of names, or an object"),
        ('["O"', "not JSON"),
        ("[]", "no names"),
        ("\n", "no names"),
    ],
)
def test_a_file_that_names_nothing_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "names"
    path.write_text(text)
    with pytest.raises(CorpusError, match=rf"--tag-names .*names: {message}"):
        read_tag_names(str(path))


def test_one_name_that_is_no_file_is_refused() -> None:
    with pytest.raises(CorpusError, match=r"--tag-names labels\.txt: no such file, and not names separated by commas"):
        read_tag_names("labels.txt")


def test_integers_get_their_names_and_strings_stay() -> None:
    assert name_tags([0, 1, 2, 0], NAMES, '"tags"') == ["O", "B-PER", "I-PER", "O"]
    assert name_tags(["O", "B-X"], NAMES, '"tags"') == ["O", "B-X"]
    assert name_tags(["O", "B-X"], None, '"tags"') == ["O", "B-X"]
    assert name_tags([], None, '"tags"') == []


@pytest.mark.parametrize(
    ("values", "names", "message"),
    [
        ([0, 1], None, '"ner_tags" holds integers, which need names: --tag-names FILE|A,B,C (they are never guessed)'),
        ([0, 3], NAMES, '"ner_tags" holds 3, but there are names for 0 (O) to 2 (I-PER) only; see --tag-names'),
        ([0, -100], NAMES, '"ner_tags" holds -100, but there are names for'),
        ([0, True], NAMES, '"ner_tags" holds true, expected integers or strings'),
        ([0, 1.5], NAMES, '"ner_tags" holds 1.5, expected'),
        ([0, None], NAMES, '"ner_tags" holds null, expected'),
        ([0, "O"], NAMES, '"ner_tags" holds strings and other values, expected'),
    ],
)
def test_values_without_a_name_are_refused(values: list[Any], names: tuple[str, ...] | None, message: str) -> None:
    with pytest.raises(ValueError, match="holds") as caught:
        name_tags(values, names, '"ner_tags"')
    assert message in str(caught.value)
