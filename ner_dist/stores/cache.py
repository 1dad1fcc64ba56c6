"""Objects on local disk, read through: downloaded when first needed, by one process of a host for all, and verified."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ner_dist.stores import cache_room
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.cache_room import Record
from ner_dist.stores.downloads import download
from ner_dist.stores.facts import absent, facts

# What this process has verified already: the file's number, size and time of change, by its path.
_verified: dict[Path, tuple[int, int, int]] = {}
_MOST_NAME_BYTES = 200


def cached(address: Address, num_bytes: int | None = None, sha256: str | None = None) -> Path:
    """A local copy of an object under its own name, which stays until this process ends or releases it.

    num_bytes, sha256: what it must have, if that is known; the store is then not asked for a copy that is there.
    Otherwise it is asked for size and time. Raises StoreError.
    """
    if num_bytes is None or sha256 is None:
        found = facts(address)
        if found is None:
            raise absent(address)
        version = f"{address}\n{found.num_bytes if num_bytes is None else num_bytes}\n{found.modified_ns}\n{sha256}"
        num_bytes = found.num_bytes if num_bytes is None else num_bytes
    else:
        version = sha256
    key = hashlib.sha256(version.encode()).hexdigest()[:40]
    name = address.name.encode()[-_MOST_NAME_BYTES:].decode("utf-8", "ignore")
    return hold(f"objects/{key}/{name}", address, num_bytes, sha256)


def hold(path: str, address: Address, num_bytes: int, sha256: str | None, ahead: bool = False) -> Path:
    """An object as the file of the cache that has this path below it, pinned. Raises StoreError.

    ahead: it is not needed yet, so that it is left where it is if there is no room for it.
    """
    folder = cache_room.cache_folder()
    file = folder / path
    try:
        with cache_room.alone_with(folder, path):
            cache_room.pin(folder, path)
            if not _is_sound(folder, path, num_bytes, sha256):
                cache_room.remove(folder, path)
                if cache_room.make_room(folder, Record(path, num_bytes, "", str(address))):
                    _fetch(folder, path, address, num_bytes, sha256)
                elif not ahead:
                    _no_room(folder, address, num_bytes)
                else:
                    cache_room.unpin(folder, path)
            cache_room.touch(folder, path)
    except BaseException as error:
        cache_room.unpin(folder, path)
        if isinstance(error, OSError):
            raise StoreError(
                f"{folder}: the cache of what is read from stores cannot be used ({error.strerror or error}); name "
                "another folder in the environment variable NER_CACHE"
            ) from error
        raise
    return file


def release(path: Path) -> None:
    """This process needs a file of the cache no longer, so that it may give way; others, nothing happens."""
    folder = cache_room.cache_folder()
    if path.is_relative_to(folder):
        cache_room.unpin(folder, path.relative_to(folder).as_posix())


def _fetch(folder: Path, path: str, address: Address, num_bytes: int, sha256: str | None) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        found = download(address, file, num_bytes, sha256)
    except BaseException:
        cache_room.remove(folder, path)
        raise
    cache_room.write_record(folder, Record(path, num_bytes, found, str(address)))
    _verified[file] = _identity(file)


def _is_sound(folder: Path, path: str, num_bytes: int, sha256: str | None) -> bool:
    """Whether the file is there and has the content it was downloaded with."""
    record, file = cache_room.read_record(folder, path), folder / path
    if record is None or record.num_bytes != num_bytes or (sha256 or record.sha256) != record.sha256:
        return False
    identity = _identity(file)
    if _verified.get(file) == identity:
        return True
    if identity[1] != num_bytes or _sha256(file) != record.sha256:
        return False
    _verified[file] = identity
    return True


def _identity(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _no_room(folder: Path, address: Address, num_bytes: int) -> None:
    limit = cache_room.most_bytes()
    raise StoreError(
        f"{address}: its {num_bytes:,} bytes do not fit into {folder}, which may hold {limit:,} bytes and has others "
        "that are in use; raise NER_CACHE_GB, or name a larger disk in NER_CACHE"
    )
