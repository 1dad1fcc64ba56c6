"""JSON is read by a strict schema, and a sealed file notices any change of itself."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import random
from pathlib import Path
from typing import Optional

import pytest

from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.json_files import parse_json, read_json, read_sealed, seal


@dataclasses.dataclass(frozen=True)
class Part:
    name: str
    sizes: list[int]


@dataclasses.dataclass
class Whole:
    parts: list[Part]
    share: float = 0.5
    note: Optional[str] = None


RECORD = {"parts": [{"name": "ü", "sizes": [1, 2]}], "share": 1}
PLACE = Path("x.json")


def refusal(text: str | bytes) -> str:
    with pytest.raises(ForeignFileError) as caught:
        parse_json(text if isinstance(text, bytes) else text.encode(), PLACE, Whole)
    message = str(caught.value)
    assert message.startswith("x.json: ")
    assert message.isprintable()
    assert len(message) < 300
    return message


def test_a_file_becomes_the_dataclass(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(RECORD))
    assert read_json(path, Whole) == Whole([Part("ü", [1, 2])], 1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"parts": [{"name": 1, "sizes": []}]}', "the field parts[0].name is 1, expected a string"),
        ('{"parts": [{"name": "a", "sizes": ["1"]}]}', "parts[0].sizes[0] is '1', expected an integer"),
        ('{"parts": [{"name": "a", "sizes": [1.5]}]}', "parts[0].sizes[0] is 1.5, expected an integer"),
        ('{"parts": [{"name": "a", "sizes": [true]}]}', "parts[0].sizes[0] is True, expected an integer"),
        ('{"parts": [{"name": "a"}]}', "the field parts[0].sizes is missing"),
        ('{"parts": [{"name": "a", "sizes": [], "odd": 1}]}', "the field parts[0].odd is unknown"),
        ('{"parts": null}', "the field parts is None, expected an array"),
        ("{}", "the field parts is missing"),
        ('{"parts": [], "note": 3}', "the field note is 3, expected a string"),
        ('{"parts": [], "share": "x"}', "the field share is 'x', expected a number"),
        ('{"parts": [], "share": 1e999}', "the field share is inf, expected a finite number"),
        ("[]", "[], expected a JSON object"),
        ("null", "None, expected a JSON object"),
        ("", "not readable as JSON"),
        ("{", "not readable as JSON"),
        ('{"parts": []} x', "not readable as JSON"),
        (b'{"parts": ["\xff"]}', "not readable as JSON ('utf-8' codec"),
        ('{"parts": [], "parts": []}', "the key 'parts' occurs twice in an object"),
        ('{"parts": [], "share": NaN}', "NaN is not a number"),
        ('{"parts": [], "share": -Infinity}', "-Infinity is not a number"),
        ('{"share": ' + "9" * 5000 + "}", "a number of 5000 digits"),
        ("[" * 10**6, "nested too deeply"),
        ('{"a":' * 10**5, "nested too deeply"),
        ('{"parts": ["' + "y" * 10**6 + '"]}', "the field parts[0] is 'yyy"),
    ],
)
def test_anything_else_is_one_sentence(text: str | bytes, message: str) -> None:
    assert message in refusal(text)


def test_absent_large_and_strange_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for make, message in (
        (lambda: None, r"not readable \(No such file or directory\)"),
        (path.mkdir, "not a file"),
        (lambda: [path.rmdir(), path.write_text(" " * 200)], "more than 100 bytes"),
    ):
        make()
        with pytest.raises(ForeignFileError, match=message):
            read_json(path, Whole, most_bytes=100)


@pytest.mark.parametrize("indent", [None, 1])
def test_no_flipped_bit_of_a_sealed_file_goes_unnoticed(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "x.json"
    text = seal(RECORD, indent)
    assert list(json.loads(text)) == ["sha256", *RECORD]
    path.write_text(text, encoding="utf-8")
    assert read_sealed(path, Whole) == Whole([Part("ü", [1, 2])], 1.0)
    whole = path.read_bytes()
    # Every byte, a bit of each.
    for bit in range(0, 8 * len(whole), 9):
        path.write_bytes(whole[: bit // 8] + bytes([whole[bit // 8] ^ (1 << bit % 8)]) + whole[bit // 8 + 1 :])
        with pytest.raises(ForeignFileError):
            read_sealed(path, Whole)


def test_a_seal_may_stand_anywhere_but_must_fit(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    blank = json.dumps({**RECORD, "sha256": "0" * 64})
    digest = hashlib.sha256(blank.encode()).hexdigest()
    text = blank.replace("0" * 64, digest)
    path.write_text(text)
    assert read_sealed(path, Whole).share == 1
    for wrong in (text.replace(digest, digest.upper()), text.replace('"sha256"', '"sha"'), text + " ", blank):
        path.write_text(wrong)
        with pytest.raises(ForeignFileError, match=r"checksum of itself|its own checksum is"):
            read_sealed(path, Whole)


def test_a_seal_of_nan_is_not_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        seal({"a": float("nan")})


def test_random_damage_is_never_a_traceback() -> None:
    chance = random.Random(1)
    text = bytearray(json.dumps(RECORD).encode())
    for _ in range(2000):
        damaged = bytearray(text)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.choice(b'{}[]",:0123456789-+.eEntf\x00\xff ')
        with contextlib.suppress(ForeignFileError):
            parse_json(bytes(damaged), PLACE, Whole)
