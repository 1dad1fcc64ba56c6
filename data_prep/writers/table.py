"""The formats that `convert` writes, one row each.

To add one:
1. Write data_prep/writers/NAME.py with an `OutputFormat` (output_format.py): how to write it, and what it can hold.
2. Add it to WRITERS. `convert` and its --help take it from there.
3. If it is read, too, add it to HOLDS in tests/passes/test_round_trips.py; the tests of all pairs then run on it.
"""

from __future__ import annotations

from pathlib import PurePath

from data_prep.writers.annotation_tools import DOCCANO, LABEL_STUDIO, PRODIGY
from data_prep.writers.conll import CONLL
from data_prep.writers.conllu import CONLLU
from data_prep.writers.docbin import DOCBIN
from data_prep.writers.jsonl import JSONL, JSONL_TEXT
from data_prep.writers.kaggle import KAGGLE
from data_prep.writers.output_format import OutputFormat
from data_prep.writers.parquet import PARQUET

WRITERS: dict[str, OutputFormat] = {
    row.name: row for row in (CONLL, CONLLU, KAGGLE, JSONL, DOCCANO, LABEL_STUDIO, PRODIGY, DOCBIN, PARQUET)
}
NAMES = tuple(WRITERS)
# Written to files with any other ending.
DEFAULT = CONLL
# What --text makes of a format.
AS_TEXT = {JSONL.name: JSONL_TEXT}
# Endings of compressed files.
COMPRESSED = (".gz", ".xz", ".bz2")


def describe() -> str:
    """The formats with their descriptions, for the help of --to."""
    return "; ".join(f"{row.name}: {row.description}" for row in WRITERS.values())


def describe_endings() -> str:
    """The output format that `convert` infers from a file name, for the help of --to."""
    rows = [f"{name} for {' and '.join(row.endings)}" for name, row in WRITERS.items() if row.endings]
    return ", ".join([*rows, f"else {DEFAULT.name}"])


def format_of_name(path: str) -> OutputFormat:
    """The format in which to write a file of this name; an ending of compressed files does not count."""
    endings = [ending.lower() for ending in PurePath(path).suffixes]
    ending = next((ending for ending in reversed(endings) if ending not in COMPRESSED), "")
    return next((row for row in WRITERS.values() if ending in row.endings), DEFAULT)
