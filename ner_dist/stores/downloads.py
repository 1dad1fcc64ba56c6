"""An object -> a file that appears when it is complete; after a failure, reading goes on where it was."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ner_dist.atomic_file import temporary_beside
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.attempts import in_thread, retries, store_timeout_s
from ner_dist.stores.connections import opened
from ner_dist.stores.facts import absent, facts

# Reads grow while they are answered fast, so that neither a far nor a slow store takes long for nothing.
_FIRST_BLOCK, _LEAST_BLOCK, _MOST_BLOCK = 1 << 20, 1 << 16, 1 << 24
_FAST_S, _SLOW_S = 0.5, 5.0


def download(address: Address, path: Path, num_bytes: int | None = None, sha256: str | None = None) -> str:
    """The object as a file, which appears when it is complete; its checksum.

    num_bytes, sha256: what it must have. After a failure it goes on where it was. Raises StoreError if that does not
    help or it is another object, and if the file cannot be written.
    """
    before = facts(address)
    if before is None:
        raise absent(address)
    expected = before.num_bytes if num_bytes is None else num_bytes
    if before.num_bytes != expected:
        raise StoreError(f"{address}: {before.num_bytes} bytes, expected {expected}; upload it again")
    with temporary_beside(path) as partial:
        found = _fetch(address, partial, expected)
        if facts(address) != before:
            raise StoreError(f"{address} was replaced while it was read; try again")
        if sha256 is not None and found != sha256:
            raise StoreError(f"{address}: checksum {found[:12]}..., expected {sha256[:12]}...; upload it again")
        os.replace(partial, path)
    return found


def _fetch(address: Address, path: Path, num_bytes: int) -> str:
    """Write so many bytes of the object to a new file; their checksum."""
    digest, offset = hashlib.sha256(), 0
    try:
        with open(path, "xb") as file:
            for this in retries(address, "could not be read"):
                with this, in_thread(lambda: blocks(address, offset, num_bytes), store_timeout_s()) as arriving:  # noqa: B023
                    for block in arriving:
                        _write(file, block, path)
                        digest.update(block)
                        offset += len(block)
                        this.got_on = True
    except OSError as error:
        raise StoreError(f"{path.parent} could not be written ({error.strerror or error})") from error
    return digest.hexdigest()


def _write(file: BinaryIO, block: bytes, path: Path) -> None:
    """A full disk is no failure of the store's, which may pass."""
    try:
        file.write(block)
    except OSError as error:
        raise StoreError(f"{path.parent} could not be written ({error.strerror or error})") from error


def blocks(address: Address, offset: int, num_bytes: int) -> Iterator[bytes]:
    """The bytes from an offset until there are num_bytes with those before. Raises OSError if there are fewer."""
    length = _FIRST_BLOCK
    with opened(address, offset) as stream:
        while offset < num_bytes:
            began = time.monotonic()
            block = stream.read(min(length, num_bytes - offset))
            if not block:
                raise OSError(f"ends after {offset} of {num_bytes} bytes")
            offset += len(block)
            yield block
            length = _next_length(length, time.monotonic() - began)


def _next_length(length: int, took_s: float) -> int:
    if took_s < _FAST_S:
        return min(2 * length, _MOST_BLOCK)
    return max(length // 2, _LEAST_BLOCK) if took_s > _SLOW_S else length
