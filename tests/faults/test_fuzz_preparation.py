"""The targets that fuzz.py gives made-up inputs: their first inputs are read, and what was found once stays mended."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import record_samples
from faults import fuzz_targets_preparation as targets

from ner_dist.errors import UserError

TARGETS: dict[str, Callable[[bytes], object]] = {
    name.removeprefix("fuzz_"): target for name, target in vars(targets).items() if name.startswith("fuzz_")
}
_DIGITS = "9" * 5000
_CSV_LISTS = "tokens,ner_tags\n\"['Ann', {}]\",\"['B-PER', 'O']\"\n"
# Each ended in a traceback once, by the name of its target.
FOUND: list[tuple[str, bytes]] = [
    # Python refuses numbers of thousands of digits, and digits such as these.
    ("corpus_brat", f"T1\tPER 0 {_DIGITS}\tAnn\n\0Ann".encode()),
    ("corpus_pubtator", f"12|t|Ann\n12\t0\t{_DIGITS}\tAnn\tPER\t-\n".encode()),
    ("corpus_webanno", record_samples.WEBANNO.replace("4-8", f"4-{_DIGITS}").encode()),
    ("corpus_conll2012", f"#begin document (x); part {_DIGITS}\n".encode()),
    ("corpus_conll", "".join(f"{number} word{number} O\n" for number in ("1", _DIGITS, "²")).encode()),
    ("vectors_text", f"{_DIGITS} {_DIGITS}\na 1 2\n".encode()),
    ("vectors_text", b"2 99999999999\n" + b"\n" * (1 << 19) + b"a 1 2\n"),
    ("tag_names", f'{{"{_DIGITS}": "O"}}'.encode()),
    ("input_conll", f"{_DIGITS} a O\n1 b O\n2 c O\n".encode()),
    # A table of a header and no row.
    ("corpus_kaggle", b"Sentence #,Word,POS,Tag\nSentence: 1,\n"),
    ("corpus_kaggle", b"Sentence #,Word,Tag,Tag\n"),
    # Strings that are not as Python writes them.
    ("corpus_csv_sentences", _CSV_LISTS.format("'a\0'").encode()),
    ("corpus_csv_sentences", _CSV_LISTS.format(r"'\N{no such name}'").encode()),
    ("corpus_csv_sentences", _CSV_LISTS.format(r"'\x4'").encode()),
    # Deep nesting: readable, but not to be written again.
    ("input_jsonl", b'{"text": "a", "b": ' + b"[" * 900 + b"]" * 900 + b"}\n"),
]


@pytest.mark.parametrize("name", TARGETS)
def test_the_first_inputs_are_read(name: str) -> None:
    """Else the fuzzer would only try what is refused at the beginning."""
    assert None in [_refusal(name, data) for data in _seeds(name)[:3]]


@pytest.mark.parametrize(("name", "data"), FOUND, ids=[f"{name}-{i}" for i, (name, _) in enumerate(FOUND)])
def test_what_was_found_is_a_sentence_now(name: str, data: bytes) -> None:
    assert _refusal(name, data) != ""


def _refusal(name: str, data: bytes) -> str | None:
    """What is said of an input, if it is refused as a whole."""
    try:
        TARGETS[name](data)
    except UserError as error:
        return str(error).strip()
    return None


@pytest.mark.faults
@pytest.mark.parametrize("name", TARGETS)
def test_no_change_of_some_bytes_ends_in_a_traceback(name: str) -> None:
    """Without the guidance by the code that is reached, of which fuzz.py makes use."""
    for data in _changed(_seeds(name), random.Random(name), 2000):
        assert _refusal(name, data) != ""


def _seeds(name: str) -> list[bytes]:
    found: Any = targets.SEEDS[name]
    return found() if callable(found) else found


def _changed(seeds: list[bytes], rng: random.Random, number: int) -> Iterator[bytes]:
    for _ in range(number):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 2, 4))):
            place = rng.randrange(len(data) + 1)
            action = rng.randrange(5)
            if action == 0:
                data[place : place + 1] = bytes([rng.randrange(256)])
            elif action == 1:
                del data[place : place + rng.choice((1, 1, 4, 30))]
            elif action == 2:
                data[place:place] = rng.choice((b"\0", b"\n", b"\t", b'"', b"[", b"\xff\xff\xff\xff", _DIGITS.encode()))
            elif action == 3:
                other = rng.choice(seeds)
                data[place:] = other[rng.randrange(len(other) + 1) :]
            else:
                data[place:place] = data[place : place + 40] * rng.choice((1, 9))
        yield bytes(data)
