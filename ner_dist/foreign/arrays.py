"""NumPy's files read without trusting their headers: sizes are compared with the file before anything is allocated."""

from __future__ import annotations

import ast
import math
import os
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.names import shortened

_MAGIC = b"\x93NUMPY"
# Headers of plain arrays take 118 bytes.
_MOST_HEADER_BYTES = 4096
_HEADER = re.compile(r"[\w\s'\"{}(),.:<>|=]+")
_MOST_AXES = 32
# Of a number: floats, integers and truth values.
_KINDS = "fiub"


class Header(NamedTuple):
    dtype: np.dtype
    shape: tuple[int, ...]
    is_fortran: bool
    # Where the values begin in the file.
    offset: int


def read_npy(path: str | os.PathLike[str], mapped: bool = False, place: str | None = None) -> np.ndarray:
    """The array of numbers in a .npy file. Raises ForeignFileError.

    mapped: read from the disk where it is used. place: what messages call the file, if not its path.
    """
    place = place or str(path)
    try:
        with open(path, "rb") as file:
            num_bytes = os.fstat(file.fileno()).st_size
            header = read_header(file, num_bytes, place)
            order = "F" if header.is_fortran else "C"
            if mapped and num_bytes > header.offset:
                return np.memmap(file, header.dtype, "r", header.offset, header.shape, order)  # type: ignore[call-overload]
            return _read_values(file, header, place)
    except OSError as error:
        raise ForeignFileError(f"{place}: not readable ({error.strerror or error})") from error


def read_npz(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of numbers in an uncompressed .npz file by name. Raises ForeignFileError."""
    found: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(members, Path(path))
            for entry in members:
                place = f"{path}: {entry.filename}"
                with archive.open(entry) as file:
                    found[entry.filename[: -len(".npy")]] = _read_values(
                        file, read_header(file, entry.file_size, place), place
                    )
                    # The checksum is compared at the end.
                    file.read(1)
    except OSError as error:
        raise ForeignFileError(f"{path}: not readable ({error.strerror or error})") from error
    # What zipfile raises for archives that are damaged in one way or another.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, ForeignFileError):
            raise
        raise ForeignFileError(f"{path}: not readable as a zip archive of arrays ({error})") from error
    return found


def read_header(file: IO[bytes], num_bytes: int, place: str) -> Header:
    """The header at the beginning of a file of num_bytes, which its values fill exactly. Raises ForeignFileError."""
    magic = file.read(8)
    if magic[:6] != _MAGIC or len(magic) < 8 or magic[6] not in (1, 2, 3):
        raise ForeignFileError(f"{place}: not a complete .npy file of numbers (it does not begin like one)")
    width = 2 if magic[6] == 1 else 4
    length = int.from_bytes(file.read(width), "little")
    text = file.read(length) if length <= _MOST_HEADER_BYTES else b""
    if len(text) < length or not length:
        raise ForeignFileError(f"{place}: not a complete .npy file of numbers (its header is cut off or too long)")
    dtype, shape, is_fortran = _parse_header(text.decode("latin-1"), place)
    offset = 8 + width + length
    expected = offset + math.prod(shape) * dtype.itemsize
    if expected != num_bytes:
        raise ForeignFileError(
            f"{place}: not a complete .npy file of numbers ({num_bytes} bytes, its header of {dtype} "
            f"{shortened(shape)} needs {expected})"
        )
    return Header(dtype, shape, is_fortran, offset)


def _parse_header(text: str, place: str) -> tuple[np.dtype, tuple[int, ...], bool]:
    try:
        # Without operators, literal_eval cannot be made to recurse.
        record: dict[str, Any] = ast.literal_eval(text.strip()) if _HEADER.fullmatch(text) else {}
        kind, shape, is_fortran = record["descr"], record["shape"], record["fortran_order"]
        dtype = np.dtype(kind) if isinstance(kind, str) and len(kind) < 8 else np.dtype(object)
        fits = isinstance(shape, tuple) and len(shape) <= _MOST_AXES and isinstance(is_fortran, bool)
        fits = fits and all(type(length) is int and 0 <= length < 1 << 48 for length in shape)
    except (SyntaxError, ValueError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise ForeignFileError(f"{place}: not a complete .npy file of numbers (its header is damaged)") from error
    if not fits or len(record) != 3:
        raise ForeignFileError(f"{place}: not a complete .npy file of numbers (its header is damaged)")
    if dtype.kind not in _KINDS:
        raise ForeignFileError(f"{place}: not a complete .npy file of numbers (it has {shortened(kind)})")
    return dtype, shape, is_fortran


def _read_values(file: IO[bytes], header: Header, place: str) -> np.ndarray:
    values = np.empty(header.shape[::-1] if header.is_fortran else header.shape, header.dtype)
    # A block at a time, because a member of an archive cannot fill an array by itself.
    flat, begin = memoryview(values.reshape(-1).view(np.uint8)), 0  # type: ignore[arg-type]
    while begin < len(flat):
        num_read = file.readinto(flat[begin : begin + (1 << 24)])  # type: ignore[attr-defined]
        if not num_read:
            raise ForeignFileError(f"{place}: ends after {begin} of its {len(flat)} bytes of values")
        begin += num_read
    return values.T if header.is_fortran else values


def _check_members(members: list[zipfile.ZipInfo], path: Path) -> None:
    names = [entry.filename for entry in members]
    num_bytes = path.stat().st_size
    for entry in members:
        plain = entry.compress_type == zipfile.ZIP_STORED and entry.file_size == entry.compress_size
        if not plain or entry.flag_bits & 1 or not entry.filename.endswith(".npy"):
            raise ForeignFileError(f"{path}: {shortened(entry.filename)} is not an array that is stored as it is")
    if len(set(names)) < len(names):
        raise ForeignFileError(f"{path}: the name of an array occurs twice")
    if sum(entry.file_size for entry in members) > num_bytes:
        raise ForeignFileError(f"{path}: its members state more bytes than the file has, {num_bytes}")
