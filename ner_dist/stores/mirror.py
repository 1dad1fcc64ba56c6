"""A published folder as a local one: its files come when they are needed, into the cache.

Readers get paths in the mirror and call `require` before they open one; of local paths, it does nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import os
import queue
import threading
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from ner_dist.atomic_file import whole_file
from ner_dist.foreign.json_files import read_sealed, seal
from ner_dist.stores import cache_room
from ner_dist.stores.addresses import Address, StoreError, is_address, parse_address
from ner_dist.stores.cache import hold, release
from ner_dist.stores.cache_room import Record
from ner_dist.stores.facts import absent
from ner_dist.stores.published import PublishedFile, PublishedFolder, is_prefix, object_of, published

_RECORD_NAME = "mirror.json"
_MOST_RECORD_BYTES = 1 << 28


@dataclasses.dataclass(frozen=True)
class _Mirror:
    """What stands beside the folder, so that every process knows it that is given a path in it."""

    # Where the files lie.
    place: str
    files: dict[str, PublishedFile]


class _Found(NamedTuple):
    mirror: _Mirror
    # mirrors/KEY/NAME, and what follows of a path.
    base: str
    name: str


def local_or_mirror(path_or_address: str | os.PathLike[str], now: Collection[str], option: str = "") -> Path:
    """A folder that the user has named: its path, or for an address the path of its mirror. Raises StoreError.

    now: as for `mirror`. option: with which it was named, for messages.
    """
    if not is_address(path_or_address):
        return Path(path_or_address)
    return mirror(parse_address(os.fspath(path_or_address), option), now)


def mirror(address: Address, now: Collection[str]) -> Path:
    """A local folder that stands for a published one, with these files in it. Raises StoreError.

    now: their names, or patterns as of fnmatch. `require` fetches others. It stays the publication that it was,
    whatever is published later, and is the same for all processes of this host.
    """
    folder = published(address)
    if folder is None:
        raise absent(address)
    base = _write_record(folder)
    path = cache_room.cache_folder() / base
    path.mkdir(parents=True, exist_ok=True)
    for name in folder.files:
        if any(fnmatchcase(name, pattern) for pattern in now):
            require(path / name)
    return path


def publication(path: Path) -> str:
    """The address of the one publication that a mirror stands for, for others to read the same.

    For other paths, the path itself; a plain copy has no other address than its own.
    """
    found = _find(path)
    return str(path) if found is None else found.mirror.place


def read_from(path: Path) -> tuple[PublishedFolder, str] | None:
    """The publication in whose mirror a path lies, as it was read, and the name of the file in it; None elsewhere."""
    found = _find(path)
    if found is None:
        return None
    place, files = parse_address(found.mirror.place), found.mirror.files
    # A publication has the checksums of all its files, a plain copy of none.
    is_plain_copy = not is_prefix(place.name) or any(file.sha256 is None for file in files.values())
    address, version = (place, "") if is_plain_copy else (place.parent, place.name)
    return PublishedFolder(address, place, files, version, is_plain_copy), found.name


def require(path: Path) -> Path:
    """The path itself, whose file, or all files in a folder, are there now if it lies in a mirror. Raises StoreError.

    They stay until this process ends or releases them.
    """
    _fetch(path, ahead=False)
    return path


def fetch_ahead(paths: Sequence[Path]) -> None:
    """Have files be fetched in the background, in this order, as far as there is room; instead of those not begun.

    What fails is tried again by `require`.
    """
    wanted = [path for path in paths if _find(path) is not None]
    if wanted:
        _background(os.getpid()).begin(wanted)


def release_all(paths: Sequence[Path]) -> None:
    """This process needs these files no longer; they may give way to others."""
    for path in paths:
        if _find(path) is not None:
            release(path)


def _fetch(path: Path, ahead: bool) -> None:
    found = _find(path)
    if found is None:
        return
    files = found.mirror.files
    below = [name for name in files if name.startswith(f"{found.name}/")] if found.name not in files else [found.name]
    place = parse_address(found.mirror.place)
    for name in below if found.name else files:
        at = object_of(place, name, files[name])
        hold(f"{found.base}/{name}", at, files[name].num_bytes, files[name].sha256, ahead)


def _find(path: Path) -> _Found | None:
    """None for a path that does not lie in a mirror."""
    parts = path.absolute().parts
    if "mirrors" not in parts:
        return None
    folder = cache_room.cache_folder()
    if not path.absolute().is_relative_to(folder / "mirrors"):
        return None
    key, name, *rest = path.absolute().relative_to(folder / "mirrors").parts
    return _Found(_read_record(folder / "mirrors" / key / _RECORD_NAME), f"mirrors/{key}/{name}", "/".join(rest))


@functools.lru_cache(maxsize=64)
def _read_record(path: Path) -> _Mirror:
    return read_sealed(path, _Mirror, _MOST_RECORD_BYTES)


def _write_record(folder: PublishedFolder) -> str:
    """The mirror's path below the cache; the record beside it counts as one of the cache's files."""
    key = hashlib.sha256(f"{folder.place}\n{folder.version}".encode()).hexdigest()[:40]
    path, cache = f"mirrors/{key}/{_RECORD_NAME}", cache_room.cache_folder()
    with cache_room.alone_with(cache, path):
        cache_room.pin(cache, path)
        if cache_room.read_record(cache, path) is None:
            text = seal(dataclasses.asdict(_Mirror(str(folder.place), folder.files)))
            (cache / path).parent.mkdir(parents=True, exist_ok=True)
            with whole_file(cache / path) as file:
                file.write(text)
            cache_room.write_record(cache, Record(path, len(text.encode()), "", str(folder.address)))
        cache_room.touch(cache, path)
    # As users call it, also for the address of a single publication.
    name = (folder.place if folder.is_plain_copy else folder.place.parent).name
    return f"mirrors/{key}/{name}"


class _Background:
    """A thread that fetches files one after another."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[list[Path]] = queue.Queue()
        threading.Thread(target=self._run, name="fetch ahead", daemon=True).start()

    def begin(self, paths: list[Path]) -> None:
        self._waiting.put(paths)

    def _run(self) -> None:
        while True:
            for path in self._waiting.get():
                if not self._waiting.empty():
                    break
                # Said by whoever needs it.
                with contextlib.suppress(StoreError):
                    _fetch(path, ahead=True)


@functools.lru_cache(maxsize=1)
def _background(process: int) -> _Background:
    return _Background()
