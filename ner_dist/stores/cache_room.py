"""The cache's room on disk: what it holds, which of it processes that run need, and what gives way to new files.

NER_CACHE/
  objects/, mirrors/   the files
  records/KEY.json     a file's path, size, checksum and address; its time of change is the file's last use
  locks/KEY            held while a file is downloaded
  pins/NAME            keys that a process needs, one a line; it holds a lock on it as long as it runs
  room.lock            held while files are pinned or give way
  room.txt             how many bytes are held
  unpublished/         what is not sent yet, or could not be: unsent.py; not counted
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ner_dist.atomic_file import remove_abandoned
from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.json_files import read_json
from ner_dist.foreign.names import is_plain, shortened
from ner_dist.stores.addresses import StoreError
from ner_dist.stores.file_locks import lock, locked

_GIGABYTE = 1e9
_FOLDERS = ("objects", "mirrors", "records", "locks", "pins", "unpublished")


@dataclasses.dataclass(frozen=True)
class Record:
    """What is known of a file in the cache."""

    # Below the cache's folder, with /.
    path: str
    num_bytes: int
    # Empty until it is there.
    sha256: str
    address: str


def cache_folder() -> Path:
    """Raises StoreError if it cannot be made."""
    folder = Path(os.environ.get("NER_CACHE") or "~/.cache/ner-dist").expanduser().absolute()
    try:
        for name in _FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{folder}: the cache of what is read from stores could not be made ({error.strerror or error}); name "
            "another folder in the environment variable NER_CACHE"
        ) from error
    return folder


def most_bytes() -> int:
    """How much the cache may hold."""
    text = os.environ.get("NER_CACHE_GB") or "50"
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 1e9:
        raise StoreError(f"the environment variable NER_CACHE_GB is {shortened(text)}, expected a number above 0")
    return int(value * _GIGABYTE)


def key_of(path: str) -> str:
    """Of a file of the cache by its path below it."""
    return hashlib.sha256(path.encode()).hexdigest()[:40]


@contextmanager
def alone_with(folder: Path, path: str) -> Iterator[None]:
    """No other process of this host fetches this file meanwhile."""
    with locked(folder / "locks" / key_of(path)):
        yield


def read_record(folder: Path, path: str) -> Record | None:
    """None if the file is not in the cache."""
    try:
        record = read_json(_record(folder, path), Record)
    except ForeignFileError:
        return None
    return record if record.path == path and (folder / path).is_file() else None


def write_record(folder: Path, record: Record) -> None:
    _write(_record(folder, record.path), json.dumps(dataclasses.asdict(record)))


def touch(folder: Path, path: str) -> None:
    """Note that a file was used."""
    with contextlib.suppress(OSError):
        os.utime(_record(folder, path))


def remove(folder: Path, path: str) -> None:
    """The record last: what has one is counted."""
    remove_abandoned(folder / path)
    with contextlib.suppress(OSError):
        (folder / path).unlink()
    with contextlib.suppress(OSError):
        _record(folder, path).unlink()
    # The folders that are empty now.
    with contextlib.suppress(OSError):
        for name in list(PurePosixPath(path).parents)[:-2]:
            (folder / name).rmdir()


def _record(folder: Path, path: str) -> Path:
    return folder / "records" / f"{key_of(path)}.json"


class _Pins:
    """The files that this process needs: a file of their keys, with a lock that ends with the process."""

    def __init__(self, folder: Path) -> None:
        self.process = os.getpid()
        self._path = folder / "pins" / f"{self.process}-{secrets.token_hex(4)}"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        lock(self._descriptor, wait=True)
        self._keys: set[str] = set()

    def add(self, key: str) -> None:
        if key not in self._keys:
            self._keys.add(key)
            os.write(self._descriptor, f"{key}\n".encode())

    def discard(self, key: str) -> None:
        if key in self._keys:
            self._keys.discard(key)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, "".join(f"{key}\n" for key in sorted(self._keys)).encode())


_pins: dict[Path, _Pins] = {}
_changing_pins = threading.RLock()


def _pins_of(folder: Path) -> _Pins:
    pins = _pins.get(folder)
    # A forked process inherits its parent's.
    if pins is None or pins.process != os.getpid():
        pins = _pins[folder] = _Pins(folder)
    return pins


def pin(folder: Path, path: str) -> None:
    """This process needs the file, whether or not it is there yet, until it ends or releases it."""
    with _changing_pins, locked(folder / "room.lock"):
        _pins_of(folder).add(key_of(path))


def unpin(folder: Path, path: str) -> None:
    with _changing_pins, locked(folder / "room.lock"):
        _pins_of(folder).discard(key_of(path))


def make_room(folder: Path, coming: Record) -> bool:
    """Remove the files that were not used for the longest time until another fits; False if too much is pinned.

    The other is counted from then on, as several are downloaded at once.
    """
    limit = most_bytes() - coming.num_bytes
    with _changing_pins, locked(folder / "room.lock"):
        total = _counted(folder)
        if total is None or total > limit:
            total = _remove_oldest(folder, limit)
        if total <= limit:
            write_record(folder, coming)
            _count(folder, total + coming.num_bytes)
        return total <= limit


def _remove_oldest(folder: Path, limit: int) -> int:
    """How many bytes are held afterwards."""
    held = sorted(_held(folder))
    total, needed = sum(size for _, size, _ in held), _needed(folder)
    for _, size, path in held:
        if total <= limit:
            break
        if key_of(path) not in needed:
            remove(folder, path)
            total -= size
    _count(folder, total)
    return total


def _counted(folder: Path) -> int | None:
    """What is held by the last count, or more: what was removed since is still in it. None if it must be counted anew.

    Of thousands of small files, reading all records for each would take hours.
    """
    try:
        return max(0, int((folder / "room.txt").read_text()))
    except (OSError, ValueError):
        return None


def _count(folder: Path, total: int) -> None:
    _write(folder / "room.txt", str(total))


def _write(path: Path, text: str) -> None:
    """Whole or not at all, but not made to outlast a power cut: it is a cache. Its caller has the lock."""
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    os.replace(partial, path)


def _held(folder: Path) -> Iterator[tuple[float, int, str]]:
    """Last use, size and path of each file."""
    for entry in os.scandir(folder / "records"):
        with contextlib.suppress(OSError, ForeignFileError):
            record = read_json(entry.path, Record)
            # A record that names something else must not have it removed.
            if is_plain(record.path) and record.path.startswith(("objects/", "mirrors/")):
                yield entry.stat().st_mtime, record.num_bytes, record.path


def _needed(folder: Path) -> set[str]:
    """The keys that processes have pinned; the pins of those that have ended are removed."""
    needed = set()
    for entry in os.scandir(folder / "pins"):
        with contextlib.suppress(OSError):
            descriptor = os.open(entry.path, os.O_RDWR)
            try:
                if lock(descriptor, wait=False):
                    os.unlink(entry.path)
                else:
                    needed.update(Path(entry.path).read_text().split())
            finally:
                os.close(descriptor)
    return needed
