"""Readers of the input formats: a file -> blocks of whole sentences; errors name file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from data_prep.formats import text_source
from data_prep.formats.block import Block
from data_prep.formats.conll import Columns, read_conll, split_columns
from data_prep.formats.jsonl import read_jsonl
from data_prep.formats.kaggle import is_header, read_kaggle
from data_prep.formats.numbering import Strings
from data_prep.formats.tag_strings import is_well_formed
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings
from data_prep.threads import ahead

DEFAULT_ENCODING = {"conll": "utf-8", "kaggle": "cp1252", "jsonl": "utf-8"}
# Lines looked at to tell the format.
NUM_SAMPLE_LINES = 200


def _is_json_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def detect_format(lines: list[str], tag_column: int) -> str | None:
    """The format that a file's first lines speak for, or None."""
    filled = [line for line in lines if line.strip()]
    if not filled:
        return None
    if is_header(filled[0]):
        return "kaggle"
    # The line itself may be cut off or broken; its opening still tells.
    if filled[0].lstrip().startswith("{") and ('"tokens"' in filled[0] or '"text"' in filled[0]):
        return "jsonl"
    if _is_json_object(filled[0]):
        return "jsonl"
    rows = [split_columns(line) for line in filled]
    tags = [row[tag_column] for row in rows if len(row) >= 2 and -len(row) <= tag_column < len(row)]
    return "conll" if 2 * sum(map(is_well_formed, tags)) > len(filled) else None


def format_and_encoding(path: Path, settings: Settings) -> tuple[str, str]:
    """The settings' format and encoding, or what the file's content says. Raises CorpusError if it says nothing."""
    first = text_source.head(path)
    name = settings.format
    if name == "auto":
        encoding = text_source.choose_encoding(first, settings.encoding, "latin-1")
        lines = first.decode(encoding, "ignore").replace("\r\n", "\n").split("\n")[:NUM_SAMPLE_LINES]
        found = detect_format(lines, settings.tag_column)
        if found is None:
            raise CorpusError(
                f"{path}: the format cannot be told from the content: no header with 'Sentence #', no JSON objects, "
                f"no lines with a tag in column {settings.tag_column}; pass --format (and --tag-column for conll)"
            )
        name = found
    return name, text_source.choose_encoding(first, settings.encoding, DEFAULT_ENCODING[name])


def read_corpus(
    path: Path, settings: Settings, problems: Problems, strings: Strings, progress: text_source.Progress | None = None
) -> Iterator[Block]:
    """Blocks of the sentences of one file, in order, numbered by `strings`.

    What is wrong with single lines goes to `problems`.

    Raises CorpusError for what makes the whole file unreadable.
    """
    name, encoding = format_and_encoding(path, settings)
    blocks = ahead(text_source.text_blocks(path, encoding, progress))
    if name == "conll":
        wanted = Columns(settings.token_column, settings.pos_column, settings.tag_column)
        return read_conll(blocks, path, problems, strings, wanted)
    if name == "kaggle":
        return read_kaggle(blocks, path, problems, strings)
    return read_jsonl(blocks, path, problems, strings, settings.on_broken == "repair")
