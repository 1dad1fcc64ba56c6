"""YAML that would unfold to more than a machine holds, or that is none, is one sentence; all else is read as YAML."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest
import yaml

from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.yaml_files import check_limits, parse_yaml, read_yaml

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdef", "bcdefg")
)
FINE = "a: &x [1, 2.5, true, null]\nb: {c: *x, d: 'text', e: [*x, *x]}\nf: {<<: {g: 1}, h: ~}\n"


def test_what_people_write_is_read() -> None:
    assert parse_yaml(FINE, "f") == yaml.safe_load(FINE)
    assert parse_yaml("", "f") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "f:5: unfolds to more than"),
        ("a: " + "[" * 500 + "]" * 500, "f:1: nested more than 40 deep"),
        # Too deep even for LibYAML, if it is there.
        ("a: " + "[" * 5000 + "]" * 5000, "f:1: "),
        ("[" * 5000, "f:1: "),
        ("- " * 5000 + "x", "f:1: nested more than 40 deep"),
        # Each level by an alias of its own.
        ("a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 60)), "unfolds to more than"),
        ("a: &a [*a]", "f:1: contains itself, by the alias *a"),
        ("&a {<<: *a}", "f:1: contains itself, by the alias *a"),
        ("[" + "x," * 30_000 + "]", "unfolds to more than 20,000 values"),
        ("x" * 300_000, "more than 262,144 characters"),
    ],
)
def test_what_would_never_end_is_refused_at_once(text: str, message: str) -> None:
    for check in (parse_yaml, check_limits):
        with pytest.raises(ForeignFileError) as caught:
            check(text, "f")
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "f:3: 'a' is there twice; leave one out"),
        ("a: *b", "f:1: the alias *b has no anchor"),
        ("!!python/object/apply:os.system [ls]", "f:1: the tag"),
        ("a: !x 1", "f:1: the tag '!x' is not allowed here"),
        ("a: [1", "not readable as YAML ("),
        ("a: b: c", "not readable as YAML ("),
        ("a: \x07", "not readable as YAML ("),
        ("2024-13-99", "not readable as YAML (month must be in 1..12)"),
        ("a: 0b_", "not readable as YAML (invalid literal"),
        ("? [a]\n: b", "not readable as YAML (found unhashable key)"),
        ("\ud800", "not readable as YAML"),
    ],
)
def test_what_is_merely_wrong_is_one_sentence_and_may_be_a_value(text: str, message: str) -> None:
    with pytest.raises(ForeignFileError) as caught:
        parse_yaml(text, "f")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    check_limits(text, "f")


def test_a_byte_of_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_bytes("a: 1\n# großer Lauf\n".encode("cp1252"))
    with pytest.raises(ForeignFileError, match=r"job\.yaml:2: byte 0xdf is not UTF-8; save the file"):
        read_yaml(path)
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(path) == {"a": 1}


def test_random_damage_is_never_a_traceback() -> None:
    chance = random.Random(2)
    for _ in range(300):
        damaged = list(FINE)
        for _ in range(chance.randrange(1, 5)):
            damaged[chance.randrange(len(damaged))] = chance.choice("[]{}:,&*!|>'\"%@`#-? \n\tax0\x00é")
        with contextlib.suppress(ForeignFileError):
            parse_yaml("".join(damaged), "f")
