"""A corpus file of any format -> blocks of whole sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.formats import text_source
from data_prep.formats.block import SentenceIds
from data_prep.formats.corpus_format import Format, ReadOptions, Source
from data_prep.formats.string_ids import CorpusStrings
from data_prep.formats.table import FORMATS
from data_prep.problems import CorpusError, Problems
from data_prep.threads import ahead

# How many lines are looked at to recognise the format.
NUM_SAMPLE_LINES = 200


def format_and_encoding(path: Path, options: ReadOptions) -> tuple[Format, str]:
    """As chosen, or inferred from the file's content. Raises CorpusError if the format is not recognised."""
    first_bytes = text_source.head(path)
    text = first_bytes.decode(text_source.choose_encoding(first_bytes, options.encoding, "latin-1"), "ignore")
    lines = [line for line in text_source.split_lines(text)[:NUM_SAMPLE_LINES] if line.strip()]
    recognised = (row for row in FORMATS.values() if lines and row.recognise(lines, options))
    chosen = FORMATS.get(options.format) or next(recognised, None)
    if chosen is None:
        evidence = ", ".join(f"{row.evidence} ({row.name})" for row in FORMATS.values())
        raise CorpusError(
            f"{path}: the format cannot be recognised from the content; found none of: {evidence}; "
            f"pass --format, and --tag-column for conll (now {options.tag_column})"
        )
    return chosen, text_source.choose_encoding(first_bytes, options.encoding, chosen.default_encoding)


def read_corpus(
    path: Path,
    options: ReadOptions,
    problems: Problems,
    strings: CorpusStrings,
    progress: text_source.Progress | None = None,
) -> Iterator[SentenceIds]:
    """Blocks of the sentences of one file, in order, with ids from `strings`; invalid lines go to `problems`.

    Raises CorpusError if the whole file is unreadable.
    """
    chosen, encoding = format_and_encoding(path, options)
    blocks = ahead(text_source.text_blocks(path, encoding, progress))
    return chosen.read(Source(path, blocks, options, strings, problems))
