"""A file, or bytes in memory -> an object that appears when it is complete, and was read back."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.attempts import in_thread, retries, store_timeout_s
from ner_dist.stores.connections import connect, has_folders, publishes_whole
from ner_dist.stores.downloads import blocks
from ner_dist.stores.facts import size

_BLOCK = 1 << 22


def upload(path: Path, address: Address, check: Callable[[], None] = lambda: None) -> str:
    """A file as an object, in place of one that may be there; its checksum, which was read back from the store.

    An upload that fails or is interrupted publishes nothing. Raises StoreError, also if the file cannot be read.
    check: called after each block; what it raises ends the upload.
    """
    with _readable(path) as file:
        return _put(file, address, check)


def write_bytes(data: bytes, address: Address) -> str:
    """The same for what is in memory."""
    return _put(io.BytesIO(data), address, lambda: None)


def _readable(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise StoreError(f"{path}: not readable ({error.strerror or error})") from error


def _put(file: BinaryIO, address: Address, check: Callable[[], None]) -> str:
    place = address if publishes_whole(address) else _unfinished(address)
    try:
        for this in retries(address, "could not be written"):
            with this:
                num_bytes, sha256 = _send(file, place, check)
                _verify(place, num_bytes, sha256)
                if place != address:
                    _move(place, address)
    except BaseException:
        if place != address:
            _forget(place)
        raise
    return sha256


def _unfinished(address: Address) -> Address:
    """In a folder of its own: some stores need seconds to delete an object, but none to delete a folder."""
    return address.parent / f".{secrets.token_hex(4)}.partial" / address.name


def _send(file: BinaryIO, place: Address, check: Callable[[], None]) -> tuple[int, str]:
    """Size and checksum of what was written."""
    digest, num_bytes = hashlib.sha256(), 0
    file.seek(0)
    with in_thread(lambda: _writes(file, place), store_timeout_s()) as sent:
        for block in sent:
            digest.update(block)
            num_bytes += len(block)
            check()
    return num_bytes, digest.hexdigest()


def _writes(file: BinaryIO, place: Address) -> Iterator[bytes]:
    """The blocks that have been written. The object is there when it ends, and never if it is closed before."""
    system, path = connect(place)
    if has_folders(place):
        system.create_dir(path.rpartition("/")[0], recursive=True)
    try:
        # As it is: by default, what is called .gz would be compressed once more.
        stream = system.open_output_stream(path, compression=None)
    except FileNotFoundError:
        raise StoreError(f"{place}: there is no bucket {place.bucket}; create it, or mend its name") from None
    try:
        while block := file.read(_BLOCK):
            stream.write(block)
            yield block
    except BaseException:
        _abandon(stream)
        raise
    try:
        stream.close()
    except BaseException:
        _abandon(stream)
        raise


def _abandon(stream: Any) -> None:
    """Keep a stream that must not be completed for ever: closing it, which its end would do, publishes what it has."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(stream))


def _verify(place: Address, num_bytes: int, sha256: str) -> None:
    """Raises OSError, so that it is sent again, if the store has not what was sent."""
    digest, found = hashlib.sha256(), 0
    with in_thread(lambda: blocks(place, 0, num_bytes), store_timeout_s()) as sent:
        for block in sent:
            digest.update(block)
            found += len(block)
    if digest.hexdigest() != sha256 or size(place) != num_bytes:
        raise OSError(f"the store has another object of {found} bytes than was sent, {num_bytes} bytes")


def _move(place: Address, address: Address) -> None:
    def move() -> Iterator[None]:
        system, path = connect(place)
        if has_folders(place):
            system.move(path, connect(address)[1])
        else:
            # Not every store can rename; none shows a part of a copy.
            system.copy_file(path, connect(address)[1])
        system.delete_dir(path.rpartition("/")[0])
        yield None

    with in_thread(move, store_timeout_s()) as moved:
        next(moved)


def _forget(place: Address) -> None:
    def remove() -> Iterator[None]:
        system, path = connect(place)
        system.delete_dir(path.rpartition("/")[0])
        yield None

    # Once: an error is under way already, and folders of this kind are listed nowhere.
    with contextlib.suppress(Exception), in_thread(remove, store_timeout_s()) as removed:
        next(removed)
