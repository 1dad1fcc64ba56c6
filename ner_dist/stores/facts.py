"""What a store says of its objects; small ones read; listings; deletion. Every error names the object."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.attempts import once
from ner_dist.stores.connections import connect, opened

# A listing comes as a whole, however many pages it has.
_LISTING_PATIENCE = 20
_BLOCK = 1 << 20


class Facts(NamedTuple):
    num_bytes: int
    # When it was written, in nanoseconds since 1970; 0 if the store does not tell.
    modified_ns: int


def facts(address: Address) -> Facts | None:
    """None if there is no such object. Raises StoreError if the store cannot tell."""
    import pyarrow.fs

    def look() -> Facts | None:
        system, path = connect(address)
        info = system.get_file_info([path])[0]
        is_object = info.type == pyarrow.fs.FileType.File
        return Facts(info.size, info.mtime_ns or 0) if is_object else None

    return once(address, "could not be looked up", look) if address.key else None


def size(address: Address) -> int | None:
    """In bytes; None if there is no such object."""
    found = facts(address)
    return None if found is None else found.num_bytes


def read_bytes(address: Address, most_bytes: int) -> bytes:
    """A small object. Raises StoreError if it is not there or larger."""

    def read() -> bytes:
        try:
            stream = opened(address)
        except FileNotFoundError:
            raise absent(address) from None
        data = b""
        with stream:
            # No more than there is: a read allocates what it is asked for.
            while (block := stream.read(_BLOCK)) and len(data) <= most_bytes:
                data += block
        if len(data) > most_bytes:
            raise StoreError(f"{address}: more than {most_bytes:,} bytes, which is too many for an object of its kind")
        return data

    return once(address, "could not be read", read)


def list_objects(address: Address) -> Iterator[tuple[str, int]]:
    """Names below a folder, with / between their parts and in order, and sizes. Nothing if there are none."""
    for name, found in list_facts(address):
        yield name, found.num_bytes


def list_folders(address: Address) -> list[str]:
    """The names of the folders directly in one, in order."""
    # Not by a listing of the folder alone: some stores then tell only of folders that are objects themselves.
    return sorted({name.partition("/")[0] for name, _ in list_objects(address) if "/" in name})


def list_facts(address: Address) -> Iterator[tuple[str, Facts]]:
    import pyarrow.fs

    def listed() -> list[tuple[str, Facts]]:
        system, path = connect(address)
        infos = system.get_file_info(pyarrow.fs.FileSelector(path, recursive=True, allow_not_found=True))
        is_file, first = pyarrow.fs.FileType.File, len(path) + 1
        # Folders are listed by some stores, and what is being written by ours.
        files = (info for info in infos if info.type == is_file and not _is_partial(info.path[first:]))
        return sorted((info.path[first:], Facts(info.size, info.mtime_ns or 0)) for info in files)

    yield from once(address, "could not be listed", listed, _LISTING_PATIENCE)


def _is_partial(name: str) -> bool:
    return any(part.startswith(".") and part.endswith(".partial") for part in name.split("/"))


def delete(addresses: Iterable[Address]) -> None:
    """Remove objects; it is no error if one is not there. Raises StoreError."""
    for address in addresses:
        once(address, "could not be deleted", _deletion(address))


def _deletion(address: Address) -> Callable[[], None]:
    def remove() -> None:
        system, path = connect(address)
        with contextlib.suppress(FileNotFoundError):
            system.delete_file(path)

    return remove


def delete_folder(address: Address) -> None:
    """Remove all objects below; it is no error if there are none. Raises StoreError."""
    import pyarrow.fs

    def remove() -> None:
        system, path = connect(address)
        found = system.get_file_info(pyarrow.fs.FileSelector(path, recursive=True, allow_not_found=True))
        if found:
            with contextlib.suppress(FileNotFoundError):
                system.delete_dir(path)

    assert address.key, "never a whole bucket"
    once(address, "could not be deleted", remove, _LISTING_PATIENCE)


def absent(address: Address) -> StoreError:
    """The error of an object, or of a folder, that is not there; perhaps its whole bucket is not."""
    import pyarrow.fs

    def look() -> bool:
        system, path = connect(address._replace(key=""))
        return bool(system.get_file_info([path.rstrip("/")])[0].type == pyarrow.fs.FileType.NotFound)

    # Whoever may read objects may not see their bucket.
    with contextlib.suppress(StoreError):
        if address.scheme != "hdfs" and once(address, "could not be looked up", look):
            return StoreError(f"{address}: there is no bucket {address.bucket}; create it, or mend its name")
    return StoreError(f"{address}: there is no such object, and nothing below this name; mend it")
