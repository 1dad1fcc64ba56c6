"""Pretrained word vectors, as text or .npy, plain or compressed -> distinct words and a matrix mapped from disk.

Axes: R rows of the file, D units of a vector, I word ids of the vocabulary.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.encoders.unknown_word import find_unknown
from data_prep.encoders.vector_text import line_blocks, read_text
from data_prep.problems import CorpusError, Problems
from data_prep.sources.caps import CAPS, Caps
from data_prep.sources.source_files import SourceFile
from data_prep.sources.text_source import Progress, head, open_bytes
from ner_dist.contract.shard_format import VECTORS_NAME, VectorsFile, file_sha256
from ner_dist.foreign.arrays import read_npy
from ner_dist.foreign.errors import advising

NPY_MAGIC = b"\x93NUMPY"
TEXT_ENDINGS = (".txt", ".vec")
# Rows that are checked or written at once.
CHUNK_ROWS = 1 << 13


class Vectors(NamedTuple):
    """The words of files of vectors, in their order, with the row of each; and the files that were read."""

    rows: dict[str, int]
    matrix_RD: np.ndarray
    files: list[Path]
    # The row of the unknown word, -1 if there is none, and how the files spell it; it is not among the words.
    unknown_row: int = -1
    unknown: tuple[str, ...] = ()


def read_vectors(
    path: Path, spill: Path, problems: Problems, progress: Progress | None = None, caps: Caps = CAPS
) -> Vectors | None:
    """Read and check a file of vectors; what cannot be mapped from where it is goes to `spill`, a path not in use.

    Returns None if single lines or rows are wrong, which are reported to `problems`. Raises CorpusError for files that
    cannot be read at all.
    """
    source = SourceFile(path, caps=caps)
    if not head(source, _main_member).startswith(NPY_MAGIC):
        with open_bytes(source, progress, _main_member) as blocks:
            found = read_text(blocks, str(path), spill, problems)
        return found and _distinct(*found, [path], problems)
    with open(path, "rb") as file:
        is_compressed = not file.read(len(NPY_MAGIC)).startswith(NPY_MAGIC)
    if is_compressed:
        with open_bytes(source, progress, _main_member) as blocks, open(spill, "wb") as unpacked:
            unpacked.writelines(blocks)
    matrix_RD = _open_npy(path, spill if is_compressed else path)
    words_path = path if zipfile.is_zipfile(path) else _words_beside(path)
    words = _read_words(SourceFile(words_path, caps=caps), path, matrix_RD)
    if not _check_finite(matrix_RD, words, path, problems, None if is_compressed else progress):
        return None
    return _distinct(words, matrix_RD, list(dict.fromkeys((path, words_path))), problems)


def read_all_vectors(
    paths: list[Path], spill: Path, problems: Problems, progress: Progress | None = None, caps: Caps = CAPS
) -> Vectors | None:
    """The vectors of all files concatenated; `spill` is a folder for intermediate files. None if there are no files.

    Returns None, too, if lines are wrong, which are reported to `problems`. Raises CorpusError as read_vectors does.
    """
    parts = [read_vectors(path, spill / f"vectors-{n}", problems, progress, caps) for n, path in enumerate(paths)]
    whole = [part for part in parts if part is not None]
    if len(whole) < len(parts) or not parts:
        return None
    return whole[0] if len(whole) == 1 else _concatenate(whole, spill / "vectors")


def _take(matrix_RD: np.ndarray, row_R: np.ndarray, missing: float) -> np.ndarray:
    """Rows of the matrix as little-endian float32; where the row is -1, all values are `missing`."""
    taken_RD = np.full((len(row_R), matrix_RD.shape[1]), missing, "<f4")
    taken_RD[row_R >= 0] = matrix_RD[row_R[row_R >= 0]]
    return taken_RD


def _concatenate(parts: list[Vectors], path: Path) -> Vectors:
    """The words of all parts by first appearance, with zeros where a part lacks one; `path` takes the matrix.

    The unknown word comes last, if any part has one.
    """
    words = list(dict.fromkeys(word for part in parts for word in part.rows))
    with open(path, "wb") as file:
        for begin in range(0, len(words), CHUNK_ROWS):
            chunk = words[begin : begin + CHUNK_ROWS]
            row_PR = [np.array([part.rows.get(word, -1) for word in chunk]) for part in parts]
            blocks = [_take(part.matrix_RD, row_R, 0) for part, row_R in zip(parts, row_PR)]
            file.write(np.concatenate(blocks, 1).tobytes())
        unknown = tuple(dict.fromkeys(word for part in parts for word in part.unknown))
        if unknown:
            rows = [_take(part.matrix_RD, np.array([part.unknown_row]), 0) for part in parts]
            file.write(np.concatenate(rows, 1).tobytes())
    num_units = sum(part.matrix_RD.shape[1] for part in parts)
    matrix_RD = np.memmap(path, np.float32, "r", shape=(len(words) + bool(unknown), num_units))
    files = list(dict.fromkeys(path for part in parts for path in part.files))
    rows_of_words = {word: row for row, word in enumerate(words)}
    return Vectors(rows_of_words, matrix_RD, files, len(words) if unknown else -1, unknown)


def _main_member(path: Path, names: list[str]) -> str:
    """The file in a zip that holds the numbers."""
    matrices = [name for name in names if name.endswith(".npy")]
    texts = [name for name in names if name.endswith(TEXT_ENDINGS)]
    if not names:
        raise CorpusError(f"{path}: the zip is empty")
    return _only(path, matrices or texts or names, "files of vectors")


def _words_member(path: Path, names: list[str]) -> str:
    """The file in a zip that holds the words of its .npy."""
    return _only(path, [name for name in names if name.endswith(".txt")], "word lists (.txt) beside the .npy")


def _only(path: Path, names: list[str], what: str) -> str:
    if len(names) != 1:
        found = f"{len(names)} {what}" + (f" ({', '.join(names[:5])})" if names else "")
        raise CorpusError(f"{path}: the zip holds {found}, expected one; unpack it and name the file")
    return names[0]


def _open_npy(path: Path, unpacked: Path) -> np.ndarray:
    """The matrix (R, D) of `path`, mapped from `unpacked`. Raises CorpusError."""
    with advising(CorpusError, "save a float32 matrix with numpy.save"):
        matrix_RD = read_npy(unpacked, mapped=True, place=str(path))
    if matrix_RD.ndim != 2 or not all(matrix_RD.shape) or not np.issubdtype(matrix_RD.dtype, np.floating):
        raise CorpusError(
            f"{path}: an array of {matrix_RD.dtype} of shape {matrix_RD.shape}; expected floats, a row for each word"
        )
    return matrix_RD


def word_list_names(name: str) -> list[str]:
    """Where the words of a .npy file of this name may be, beside it."""
    stem = name.split(".npy")[0]
    return [f"{stem}.words.txt", "words.txt", f"{stem}.txt"]


def _words_beside(path: Path) -> Path:
    """The word list of a .npy file; <stem>.txt comes last, because it may hold the vectors as text."""
    names = word_list_names(path.name)
    for name in names:
        if path.with_name(name).is_file():
            return path.with_name(name)
    raise CorpusError(f"{path}: no list of its words beside it, expected {' or '.join(names)}, one word per line")


def _read_words(words_path: SourceFile, path: Path, matrix_RD: np.ndarray) -> list[str]:
    """One word per line, for each row of the matrix in `path`; the last line may lack its newline."""
    words: list[str] = []
    with open_bytes(words_path, pick=_words_member) as blocks:
        for first_number, lines in line_blocks(blocks, str(words_path)):
            for number, line in enumerate(lines, first_number):
                try:
                    words.append(line.decode().removesuffix("\r"))
                except UnicodeDecodeError as error:
                    what = f"byte 0x{line[error.start]:02x} is not UTF-8 text; convert the file to UTF-8"
                    raise CorpusError(f"{words_path}:{number}: error: {what}") from error
    num_rows, num_units = matrix_RD.shape
    if len(words) != num_rows:
        raise CorpusError(
            f"{words_path}: {len(words):,} words, but {path.name} has {num_rows:,} rows; expected a word for each row, "
            "one per line"
        )
    if words[0].count(" ") >= num_units:
        raise CorpusError(f"{words_path}:1: error: {words[0][:40]!r}... is not a word; expected one word per line")
    return words


def _check_finite(
    matrix_RD: np.ndarray, words: list[str], path: Path, problems: Problems, progress: Progress | None
) -> bool:
    """Whether all values are finite 32-bit numbers; rows with others are reported to `problems`."""
    errors = problems.num_errors
    for begin in range(0, len(matrix_RD), CHUNK_ROWS):
        chunk_RD = matrix_RD[begin : begin + CHUNK_ROWS]
        # Values that are too large become infinite.
        with np.errstate(over="ignore"):
            finite_R = np.isfinite(chunk_RD.astype(np.float32)).all(1)
        for row in begin + np.flatnonzero(~finite_R):
            what = f"the vector of {words[row]!r} (line {row + 1} of the words) holds NaN or an infinite value"
            problems.error(f"{path}: row {row}", f"{what}; correct or remove it", "malformed_vector")
        if progress is not None:
            progress(chunk_RD.nbytes)
    return problems.num_errors == errors


def _distinct(words: list[str], matrix_RD: np.ndarray, files: list[Path], problems: Problems) -> Vectors:
    """The first row of each word, and that of the unknown word. Unusual words are counted as warnings."""
    rows: dict[str, int] = {}
    for row, word in enumerate(words):
        rows.setdefault(word, row)
    unknown = find_unknown(words)
    no_word = words.count("")
    rows.pop("", None)
    repeated = len(words) - no_word - len(rows)
    spaced = [word for word in rows if " " in word]
    for name, count, what in (
        ("vectors_without_a_word", no_word, "vectors have no word and are ignored"),
        ("vectors_of_repeated_words", repeated, "vectors belong to words that have one already; the first is kept"),
        ("vectors_of_words_with_spaces", len(spaced), f"words contain spaces, for example {next(iter(spaced), '')!r}"),
    ):
        if count:
            problems.warn(name, str(files[-1]), f"{count:,} {what}", count)
    if unknown is None:
        return Vectors(rows, matrix_RD, files)
    # A token of the corpus that is spelled so is another word.
    return Vectors(rows, matrix_RD, files, rows.pop(unknown), (unknown,))


def write_vectors(directory: Path, row_I: np.ndarray, first_unseen: int, matrix_RD: np.ndarray) -> VectorsFile:
    """Write vectors.npy: for each word id its row of the matrix, NaN if that is -1. Returns the entry of the index."""
    path = directory / VECTORS_NAME
    num_units = matrix_RD.shape[1]
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(row_I), num_units)}
    with open(path, "wb") as file:
        # Not through a mapped file: on a full disk that would kill the process without a message.
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
        for begin in range(0, len(row_I), CHUNK_ROWS):
            file.write(_take(matrix_RD, row_I[begin : begin + CHUNK_ROWS], np.nan).tobytes())
    return VectorsFile(path.name, path.stat().st_size, file_sha256(path), num_units, first_unseen)
