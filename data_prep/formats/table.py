"""The corpus formats, one row each.

To add one:
1. Write data_prep/formats/NAME.py with a `Format` (corpus_format.py): how to recognise, read and, if you like, write
   it. tests/formats/test_table.py has a complete one of 40 lines.
2. Add it to FORMATS. `build`, `check`, `stats`, `convert` and their --help take it from there.
3. Add its text of the sample sentences to SAMPLES in tests/formats/test_read_corpus.py, and how to write it plainly to
   `written` in tests/passes/test_convert.py; the tests of all formats then run on it.
"""

from __future__ import annotations

from pathlib import Path

from data_prep.formats.conll import CONLL
from data_prep.formats.corpus_format import Format
from data_prep.formats.jsonl import JSONL
from data_prep.formats.kaggle import KAGGLE

# In the order in which they are tried on a file: conll, whose test is the least strict, comes last.
FORMATS: dict[str, Format] = {row.name: row for row in (KAGGLE, JSONL, CONLL)}
NAMES = tuple(FORMATS)
WRITABLE = tuple(name for name, row in FORMATS.items() if row.write)
# Written to files with any other ending.
DEFAULT_OUTPUT = CONLL.name


def describe() -> str:
    """The formats with their descriptions, for the help of --format."""
    return "; ".join(f"{row.name}: {row.description}" for row in FORMATS.values())


def describe_endings() -> str:
    """The output format that `convert` infers from a file name, for the help of --to."""
    rows = [f"{name} for {' and '.join(row.endings)}" for name, row in FORMATS.items() if row.endings]
    return ", ".join([*rows, f"else {DEFAULT_OUTPUT}"])


def describe_encodings() -> str:
    """The encodings assumed without a byte-order mark, for the help of --encoding."""
    others = [f"{row.default_encoding} for {name}" for name, row in FORMATS.items() if row.default_encoding != "utf-8"]
    return ", ".join(["utf-8", *others])


def format_of_name(path: str) -> Format:
    """The format in which to write a file of this name; a trailing .gz does not count."""
    ending = Path(path.removesuffix(".gz")).suffix.lower()
    return next((row for row in FORMATS.values() if ending in row.endings), FORMATS[DEFAULT_OUTPUT])
