"""Word vectors as text, one `word v1 v2 ... vD` per line -> words, and a file of float32 rows.

Axes: R rows of the file, D units of a vector.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_prep.problems import CorpusError, Problems

# A vector of 300 values takes about 3 kB.
MAX_LINE_BYTES = 1 << 22
NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
BLANKS = re.compile(rb"[ \t]+")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ADVICE = "correct or remove the line"


class VectorLayout(NamedTuple):
    """What the first lines reveal about the file."""

    # Values per vector, and the reason for expecting that many.
    num_units: int
    evidence: str
    # As the header states; None without one.
    num_words: int | None


def line_blocks(blocks: Iterable[bytes], where: str) -> Iterator[tuple[int, list[bytes]]]:
    r"""(number of the first line, lines) of each block; only \n ends a line.

    Raises CorpusError for a line that is too long to be text.
    """
    number, rest = 1, b""
    for block in blocks:
        text, end, rest = (rest + block).rpartition(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise CorpusError(f"{where}:{number}: a line of more than {MAX_LINE_BYTES:,} bytes; is this text?")
        if end:
            lines = text.split(b"\n")
            yield number, lines
            number += len(lines)
    if rest:
        yield number, [rest]


def find_layout(lines: list[bytes], where: str) -> VectorLayout:
    """The layout of a file with these first lines; its first line may be a word2vec header, `N D`.

    Raises CorpusError if there are no values, or fewer or more than the header states.
    """
    first, *others = [line for line in lines if line] or [b""]
    columns = first.split(b" ")
    # No file has more rows or values than numbers of 18 digits say.
    has_header = len(columns) == 2 and all(column.isdigit() and len(column) <= 18 for column in columns)
    # `7 1` may also be the word 7 and its vector of one value.
    if has_header and others and others[0].count(b" ") == 1:
        has_header = int(columns[1]) == 1
    # A word may contain spaces, so the most common width counts, and the smallest of equally common ones.
    widths = Counter(line.count(b" ") for line in (others if has_header else [first, *others]))
    common = min(widths, key=lambda width: (-widths[width], width), default=0)
    if has_header:
        num_words, num_units = map(int, columns)
        if num_units > MAX_LINE_BYTES:
            raise CorpusError(f"{where}:1: error: the header states {num_units:,} values per vector; correct it")
        if widths and common != num_units:
            raise CorpusError(
                f"{where}:1: error: the header states {num_units} values per vector, the lines below have {common}; "
                "correct or remove the header"
            )
        return VectorLayout(num_units, "as the header states", num_words)
    if not common:
        shown = first[:40].decode(errors="replace")
        raise CorpusError(f"{where}:1: error: {shown!r} has no numbers, expected a word and its vector on each line")
    return VectorLayout(common, "as most of the first lines have", None)


class _LineParser:
    """Turns lines into words and rows, and reports lines that are wrong to `problems`."""

    def __init__(self, layout: VectorLayout, where: str, problems: Problems) -> None:
        self.layout, self.where, self.problems = layout, where, problems

    def error(self, number: int, found: str) -> None:
        self.problems.error(f"{self.where}:{number}", found, "malformed_vector")

    def parse(self, numbers: list[int], lines: list[bytes]) -> tuple[list[str], np.ndarray]:
        """The words of lines and their vectors, float32 (R, D); no rows if a line is wrong."""
        errors = self.problems.num_errors
        # Strings of D numbers, so that Arrow parses those of all lines at once.
        parts = [self._split(number, line) for number, line in zip(numbers, lines)]
        vectors_RD = self._vectors(numbers, [values for _, values in parts])
        if self.problems.num_errors > errors:
            return [], np.zeros((0, self.layout.num_units), np.float32)
        return [word for word, _ in parts], vectors_RD

    def _split(self, number: int, line: bytes) -> tuple[str, bytes]:
        """The word and its values: the last D columns, since a word may contain spaces."""
        num_units, found = self.layout.num_units, line.count(b" ")
        word, _, values = line.partition(b" ")
        if found != num_units:
            word, *texts = line.rsplit(b" ", num_units)
            if found < num_units or any(map(NUMBER.fullmatch, word.split(b" ")[1:])):
                self.error(number, f"{found} values, expected {num_units}, {self.layout.evidence}; {ADVICE}")
                return "", b" ".join([b"0"] * num_units)
            word, values = word.strip(b" "), b" ".join(texts)
        try:
            return word.decode(), values
        except UnicodeDecodeError as error:
            what = f"byte 0x{word[error.start]:02x} is not UTF-8 text; convert the file to UTF-8, "
            self.error(number, what + "a binary file of word2vec or fastText to text")
            return "", values

    def _vectors(self, numbers: list[int], values: list[bytes]) -> np.ndarray:
        # Imported only for text: it would be a fifth of the start of any command.
        import pyarrow.compute as pc

        shape = (len(values), self.layout.num_units)
        try:
            flat = pc.split_pattern(pa.array([b" ".join(values)], pa.binary()), b" ").flatten()
            vectors_RD: np.ndarray = flat.cast(pa.string()).cast(pa.float32()).to_numpy().reshape(shape)
        except pa.ArrowInvalid:
            vectors_RD = np.full(shape, np.nan, np.float32)
        if not np.isfinite(vectors_RD).all():
            rows = [self._vector(number, texts.split(b" ")) for number, texts in zip(numbers, values)]
            return np.array(rows, np.float32)
        return vectors_RD

    def _vector(self, number: int, texts: list[bytes]) -> np.ndarray:
        """The values of one line; slow, but it reports which of them is wrong."""
        for place, text in enumerate(texts, 1):
            shown = text[:40].decode(errors="replace")
            if text.lower().lstrip(b"+-") in (b"nan", b"inf", b"infinity"):
                self.error(number, f"value {place} is {shown}, expected a finite number; {ADVICE}")
            elif not NUMBER.fullmatch(text):
                self.error(number, f"value {place} is {shown!r}, expected a number; {ADVICE}")
            elif abs(float(text)) > np.finfo(np.float32).max:
                self.error(number, f"value {place} is {shown}, too large for a number of 32 bits; {ADVICE}")
            else:
                continue
            return np.zeros(len(texts), np.float32)
        return np.array([float(text) for text in texts], np.float32)


def _numbered_lines(blocks: Iterable[bytes], where: str, problems: Problems) -> Iterator[tuple[list[int], list[bytes]]]:
    """(line numbers, lines) of each block, with single spaces between columns; empty lines are skipped and counted."""
    num_empty = 0
    for first_number, lines in line_blocks(blocks, where):
        if first_number == 1 and lines[0].startswith(BYTE_ORDER_MARK):
            lines[0] = lines[0][len(BYTE_ORDER_MARK) :]
        if any(b"\t" in line or b"  " in line for line in lines):
            lines = [BLANKS.sub(b" ", line) for line in lines]
        lines = [line.rstrip(b" \r") for line in lines]
        numbers = [number for number, line in enumerate(lines, first_number) if line]
        num_empty += len(lines) - len(numbers)
        if numbers:
            yield numbers, [line for line in lines if line]
    if num_empty:
        problems.warn("empty_lines_among_vectors", where, f"{num_empty:,} empty lines", num_empty)


def read_text(
    blocks: Iterable[bytes], where: str, rows_path: Path, problems: Problems
) -> tuple[list[str], np.ndarray] | None:
    """The words of a text file and their vectors, float32 (R, D), mapped from `rows_path`, which this function writes.

    Returns None if single lines are wrong, which are reported to `problems`. Raises CorpusError for a file that does
    not hold vectors as text at all.
    """
    errors = problems.num_errors
    words: list[str] = []
    parser: _LineParser | None = None
    with open(rows_path, "wb") as rows:
        for numbers, lines in _numbered_lines(blocks, where, problems):
            if parser is None:
                parser = _LineParser(find_layout(lines, where), where, problems)
                if parser.layout.num_words is not None:
                    numbers, lines = numbers[1:], lines[1:]
            if lines:
                block_words, vectors_RD = parser.parse(numbers, lines)
                words += block_words
                rows.write(vectors_RD.tobytes())
    if parser is None:
        raise CorpusError(f"{where}: the file holds only empty lines, expected a word and its vector on each line")
    if problems.num_errors > errors:
        return None
    promised = parser.layout.num_words
    if not words or promised not in (None, len(words)):
        found = f"the header states {promised:,} words, the file holds {len(words):,}"
        problems.error(f"{where}:1", f"{found}; if it is complete, correct the header", "vectors_missing")
        return None
    return words, np.memmap(rows_path, np.float32, "r", shape=(len(words), parser.layout.num_units))
