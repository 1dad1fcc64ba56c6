"""Pretrained word vectors, as text or .npy, plain or packed -> distinct words and a matrix mapped from disk.

Axes: R rows of the file, D units of a vector, I word ids of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.encoders.vector_text import line_blocks, read_text
from data_prep.formats.text_source import Progress, head, open_bytes
from data_prep.problems import CorpusError, Problems
from ner_dist.contract.shard_format import VECTORS_NAME, VectorsFile, file_sha256

NPY_MAGIC = b"\x93NUMPY"
TEXT_ENDINGS = (".txt", ".vec")
# Rows that are looked at or written at once.
CHUNK_ROWS = 1 << 13


class Vectors(NamedTuple):
    """The words of a file of vectors, in its order, with the row of each; and the files they came from."""

    rows: dict[str, int]
    matrix_RD: np.ndarray
    files: list[Path]


def read_vectors(path: Path, spill: Path, problems: Problems, progress: Progress | None = None) -> Vectors | None:
    """Read and check a file of vectors; `spill`, a path yet unused, takes what cannot be mapped from where it is.

    What is wrong with single lines goes to `problems`, and None is returned. Raises CorpusError for files that cannot
    be read at all.
    """
    if not head(path, _main_member).startswith(NPY_MAGIC):
        with open_bytes(path, progress, _main_member) as blocks:
            found = read_text(blocks, str(path), spill, problems)
        return found and _distinct(*found, [path], problems)
    with open(path, "rb") as file:
        packed = not file.read(len(NPY_MAGIC)).startswith(NPY_MAGIC)
    if packed:
        with open_bytes(path, progress, _main_member) as blocks, open(spill, "wb") as unpacked:
            unpacked.writelines(blocks)
    matrix_RD = _open_npy(path, spill if packed else path)
    words_path = path if _is_zip(path) else _words_beside(path)
    words = _read_words(words_path)
    _check_words(words, words_path, matrix_RD, path)
    if not _check_finite(matrix_RD, words, path, problems, None if packed else progress):
        return None
    return _distinct(words, matrix_RD, list(dict.fromkeys((path, words_path))), problems)


def read_all_vectors(
    paths: list[Path], spill: Path, problems: Problems, progress: Progress | None = None
) -> Vectors | None:
    """The vectors of all files side by side, `spill` being a folder for what must be unpacked; None for no files.

    None too if lines are wrong, which `problems` then holds. Raises CorpusError as read_vectors does.
    """
    parts = [read_vectors(path, spill / f"vectors-{n}", problems, progress) for n, path in enumerate(paths)]
    whole = [part for part in parts if part is not None]
    if len(whole) < len(parts) or not parts:
        return None
    return whole[0] if len(whole) == 1 else _side_by_side(whole, spill / "vectors")


def _side_by_side(parts: list[Vectors], path: Path) -> Vectors:
    """Words of any part in the order of their first appearance, zeros where a part lacks one; written to `path`."""
    words = list(dict.fromkeys(word for part in parts for word in part.rows))
    with open(path, "wb") as file:
        for begin in range(0, len(words), CHUNK_ROWS):
            chunk = words[begin : begin + CHUNK_ROWS]
            blocks = []
            for part in parts:
                row_R = np.array([part.rows.get(word, -1) for word in chunk])
                block_RD = np.zeros((len(chunk), part.matrix_RD.shape[1]), np.float32)
                block_RD[row_R >= 0] = part.matrix_RD[row_R[row_R >= 0]]
                blocks.append(block_RD)
            file.write(np.concatenate(blocks, 1).tobytes())
    num_units = sum(part.matrix_RD.shape[1] for part in parts)
    matrix_RD = np.memmap(path, np.float32, "r", shape=(len(words), num_units))
    files = list(dict.fromkeys(path for part in parts for path in part.files))
    return Vectors({word: row for row, word in enumerate(words)}, matrix_RD, files)


def _main_member(path: Path, names: list[str]) -> str:
    """The file of a zip that holds the numbers."""
    matrices = [name for name in names if name.endswith(".npy")]
    texts = [name for name in names if name.endswith(TEXT_ENDINGS)]
    for candidates in (matrices, texts, names):
        if candidates:
            return _only(path, candidates, "files of vectors")
    raise CorpusError(f"{path}: the zip is empty")


def _words_member(path: Path, names: list[str]) -> str:
    """The file of a zip that holds the words of its .npy."""
    return _only(path, [name for name in names if name.endswith(".txt")], "word lists (.txt) beside the .npy")


def _only(path: Path, names: list[str], what: str) -> str:
    if len(names) != 1:
        shown = f" ({', '.join(names[:5])})" if names else ""
        raise CorpusError(
            f"{path}: the zip holds {len(names)} {what}{shown}, expected one; unpack it and name the file"
        )
    return names[0]


def _is_zip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _open_npy(path: Path, unpacked: Path) -> np.ndarray:
    """The matrix (R, D) of `path`, mapped from `unpacked`."""
    try:
        matrix_RD: np.ndarray = np.load(unpacked, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        reason = str(error).split("\n")[0]
        raise CorpusError(
            f"{path}: not a whole .npy file of numbers ({reason}); save a float32 matrix with numpy.save"
        ) from error
    if matrix_RD.ndim != 2 or not all(matrix_RD.shape) or not np.issubdtype(matrix_RD.dtype, np.floating):
        raise CorpusError(
            f"{path}: an array of {matrix_RD.dtype} of shape {matrix_RD.shape}, expected floats, a row for each word"
        )
    return matrix_RD


def _words_beside(path: Path) -> Path:
    """The word list of a .npy file; <stem>.txt comes last, as it may well be the vectors as text."""
    stem = path.name.split(".npy")[0]
    names = (f"{stem}.words.txt", "words.txt", f"{stem}.txt")
    for name in names:
        if path.with_name(name).is_file():
            return path.with_name(name)
    raise CorpusError(f"{path}: no list of its words beside it, expected {' or '.join(names)}, one word a line")


def _read_words(path: Path) -> list[str]:
    """One word a line; the last line may lack its end."""
    words: list[str] = []
    with open_bytes(path, pick=_words_member) as blocks:
        for number, lines in line_blocks(blocks, str(path)):
            try:
                words += b"\n".join(lines).decode().split("\n")
            except UnicodeDecodeError as error:
                line = number + error.object.count(b"\n", 0, error.start)
                raise CorpusError(
                    f"{path}:{line}: error: byte 0x{error.object[error.start]:02x} is not UTF-8 text; "
                    "convert the file to UTF-8"
                ) from error
    return [word.removesuffix("\r") for word in words]


def _check_words(words: list[str], words_path: Path, matrix_RD: np.ndarray, path: Path) -> None:
    num_rows, num_units = matrix_RD.shape
    if len(words) != num_rows:
        raise CorpusError(
            f"{words_path}: {len(words):,} words, but {path.name} has {num_rows:,} rows; expected a word for each row, "
            "one a line"
        )
    if words[0].count(" ") >= num_units:
        raise CorpusError(f"{words_path}:1: error: {words[0][:40]!r}... is not a word; expected one word a line alone")


def _check_finite(
    matrix_RD: np.ndarray, words: list[str], path: Path, problems: Problems, progress: Progress | None
) -> bool:
    """Report rows that hold what is no number of 32 bits; whether there are none."""
    errors = problems.num_errors
    for begin in range(0, len(matrix_RD), CHUNK_ROWS):
        chunk_RD = matrix_RD[begin : begin + CHUNK_ROWS]
        # What is too large becomes infinite.
        with np.errstate(over="ignore"):
            finite_R = np.isfinite(chunk_RD.astype(np.float32)).all(1)
        for row in begin + np.flatnonzero(~finite_R):
            if problems.full:
                problems.more_errors(1)
            else:
                problems.error(
                    f"{path}: row {row}",
                    f"the vector of {words[row]!r} (line {row + 1} of the words) holds NaN or an infinite value; "
                    "mend or remove it",
                )
        if progress is not None:
            progress(chunk_RD.nbytes)
    return problems.num_errors == errors


def _distinct(words: list[str], matrix_RD: np.ndarray, files: list[Path], problems: Problems) -> Vectors:
    """The first row of each word. What is odd about the words is counted."""
    where = str(files[-1])
    rows: dict[str, int] = {}
    for row, word in enumerate(words):
        rows.setdefault(word, row)
    no_word = words.count("")
    rows.pop("", None)
    if no_word:
        problems.warn("vectors_without_a_word", where, f"{no_word:,} vectors have no word and are left out", no_word)
    repeated = len(words) - no_word - len(rows)
    if repeated:
        problems.warn(
            "vectors_of_repeated_words",
            where,
            f"{repeated:,} vectors are of words that had one; the first is kept",
            repeated,
        )
    spaced = [word for word in rows if " " in word]
    if spaced:
        what = f"{len(spaced):,} words hold spaces, such as {spaced[0]!r}"
        problems.warn("vectors_of_words_with_spaces", where, what, len(spaced))
    return Vectors(rows, matrix_RD, files)


def write_vectors(directory: Path, row_I: Iterable[int], first_unseen: int, matrix_RD: np.ndarray) -> VectorsFile:
    """Write vectors.npy: for each word id the given row of the matrix, NaN if it is -1. Returns what the index says."""
    row_I = np.asarray(row_I)
    path = directory / VECTORS_NAME
    num_units = matrix_RD.shape[1]
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(row_I), num_units)}
    with open(path, "wb") as file:
        # Not through a mapped file: on a full disk that ends the process without a word.
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
        for begin in range(0, len(row_I), CHUNK_ROWS):
            rows = row_I[begin : begin + CHUNK_ROWS]
            chunk_ID = np.full((len(rows), num_units), np.nan, "<f4")
            chunk_ID[rows >= 0] = matrix_RD[rows[rows >= 0]]
            file.write(chunk_ID.tobytes())
    return VectorsFile(path.name, path.stat().st_size, file_sha256(path), num_units, first_unseen)
