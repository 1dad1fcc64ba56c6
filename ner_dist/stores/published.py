"""A folder in a store that changes as a whole: its files lie below a fresh prefix, and one object says which.

ADDRESS/published.json                the prefix, and the files with sizes and checksums; written last
ADDRESS/20260131T120000Z-0a1b2c3d/    the files, and the same published.json
ADDRESS/20260130T...                  those before, for readers that have begun with them
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Optional

from ner_dist.foreign.errors import ForeignFileError, advising
from ner_dist.foreign.json_files import SEAL, checked, loads, seal, verify_seal
from ner_dist.foreign.names import is_plain, shortened
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.facts import delete_folder, list_facts, list_folders, read_bytes, size
from ner_dist.stores.uploads import upload, write_bytes

POINTER = "published.json"
_FORMAT, _VERSION = "ner-published", 1
# A million files.
_MOST_POINTER_BYTES = 1 << 28
_PREFIX = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_DIGEST = re.compile("[0-9a-f]{64}")
_UPLOADS_AT_ONCE = 4


@dataclasses.dataclass(frozen=True)
class PublishedFile:
    num_bytes: int
    # None in a plain copy.
    sha256: Optional[str]  # noqa: UP045
    # Where it lies below the address, if an earlier publication has uploaded it: PREFIX/NAME.
    at: Optional[str] = None  # noqa: UP045


class PublishedFolder(NamedTuple):
    address: Address
    # Where its files lie: below the prefix, or for a plain copy the address itself.
    place: Address
    # By name, with / between its parts.
    files: dict[str, PublishedFile]
    # What tells it from others at the same place.
    version: str
    is_plain_copy: bool

    def object_of(self, name: str) -> Address:
        """Where one of the files lies."""
        return object_of(self.place, name, self.files[name])


def object_of(place: Address, name: str, file: PublishedFile) -> Address:
    """Where a file lies of the publication that has this place."""
    return place / name if file.at is None else place.parent / file.at


@dataclasses.dataclass(frozen=True)
class _Pointer:
    prefix: str
    files: dict[str, PublishedFile]


def publish(directory: Path, address: Address, last: str | None = None) -> None:
    """Have the address hold what a local folder holds; until all of that is there, and verified, what it held before.

    last: the file that is uploaded after the others, such as the index. The folder before stays for its readers, older
    ones are removed. One process at a time publishes at an address. Raises StoreError.
    """
    names = sorted(
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file() and _is_whole(path)
    )
    if not names or (last is not None and last not in names):
        raise StoreError(f"{directory} holds no {last or 'files'}, so it cannot be published at {address}")
    before = _read_pointer(address)
    prefix = fresh_prefix()
    with published_or_removed(address, prefix):
        files = _upload_all(directory, address / prefix, [name for name in names if name != last])
        if last is not None:
            files[last] = _upload(directory, address / prefix, last)
        write_pointer(address, prefix, {name: files[name] for name in names})
    remove_older(address, {prefix} if before is None else {prefix, *prefixes(before.prefix, before.files)})


@contextmanager
def published_or_removed(address: Address, prefix: str) -> Iterator[None]:
    """If the context ends by an error, what was uploaded below the prefix is removed again, unless it is published."""
    try:
        yield
    except BaseException:
        # The last write may have been done although its answer was lost.
        with contextlib.suppress(StoreError):
            if prefix_at(address) != prefix:
                delete_folder(address / prefix)
        raise


def fresh_prefix() -> str:
    """For what is uploaded next."""
    return time.strftime("%Y%m%dT%H%M%SZ-", time.gmtime()) + secrets.token_hex(4)


def write_pointer(address: Address, prefix: str, files: dict[str, PublishedFile]) -> None:
    """Have the address hold these files, all of which must have been uploaded. Raises StoreError."""
    listed = {name: _listed(file) for name, file in files.items()}
    text = seal({"format": _FORMAT, "version": _VERSION, "prefix": prefix, "files": listed}).encode()
    write_bytes(text, address / prefix / POINTER)
    write_bytes(text, address / POINTER)


def _listed(file: PublishedFile) -> dict[str, object]:
    record = dataclasses.asdict(file)
    return record if file.at is not None else {name: value for name, value in record.items() if name != "at"}


def published(address: Address) -> PublishedFolder | None:
    """The folder that was last published at an address, or a plain copy there; None if there is neither.

    Of a plain copy, which somebody has uploaded file by file, sizes are known alone. Raises StoreError.
    """
    pointer = _read_pointer(address)
    if pointer is not None:
        # The address may also be that of a single publication.
        place = address if address.name == pointer.prefix else address / pointer.prefix
        return PublishedFolder(address, place, pointer.files, pointer.prefix, False)
    found = {name: facts for name, facts in list_facts(address) if is_plain(name)}
    if not found:
        return None
    files = {name: PublishedFile(facts.num_bytes, None) for name, facts in found.items()}
    version = "\n".join(f"{name} {facts.num_bytes} {facts.modified_ns}" for name, facts in found.items())
    return PublishedFolder(address, address, files, version, True)


def _is_whole(path: Path) -> bool:
    return not (path.name.startswith(".") and path.name.endswith(".partial"))


def _upload(directory: Path, place: Address, name: str, stop: threading.Event | None = None) -> PublishedFile:
    num_bytes = 0

    def check() -> None:
        if stop is not None and stop.is_set():
            raise StoreError(f"{place} is not complete: another file could not be uploaded")

    check()
    num_bytes = (directory / name).stat().st_size
    return PublishedFile(num_bytes, upload(directory / name, place / name, check))


def _upload_all(directory: Path, place: Address, names: list[str]) -> dict[str, PublishedFile]:
    """Several at once; the first failure, or an interrupt, ends all."""
    stop = threading.Event()
    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        futures = {name: pool.submit(_upload, directory, place, name, stop) for name in names}
        try:
            return {name: future.result() for name, future in futures.items()}
        except BaseException:
            stop.set()
            raise


def prefix_at(address: Address) -> str:
    """Of what is published there now; empty if there is nothing, or a plain copy. Raises StoreError."""
    pointer = _read_pointer(address)
    return "" if pointer is None else pointer.prefix


def prefixes(own: str, files: dict[str, PublishedFile]) -> set[str]:
    """Those below which the files of a publication lie. own: its own one."""
    return {own} | {file.at.partition("/")[0] for file in files.values() if file.at is not None}


def _read_pointer(address: Address) -> _Pointer | None:
    place = address / POINTER
    if size(place) is None:
        return None
    data = read_bytes(place, _MOST_POINTER_BYTES)
    with advising(StoreError, "publish the folder again"):
        record = loads(data, str(place))
        if not isinstance(record, dict) or record.get("format") != _FORMAT:
            raise ForeignFileError(f'{place}: not the record of a published folder (no "format": "{_FORMAT}")')
        if record.get("version") != _VERSION:
            raise ForeignFileError(
                f"{place}: format version {shortened(record.get('version'))}, this code reads version {_VERSION}"
            )
        verify_seal(data, record, str(place))
        fields = {name: value for name, value in record.items() if name not in ("format", "version", SEAL)}
        pointer = checked(fields, str(place), _Pointer)
        _check(pointer, place)
    return pointer


def is_prefix(name: str) -> bool:
    """Whether this is the name of a publication."""
    return _PREFIX.fullmatch(name) is not None


def _check(pointer: _Pointer, place: Address) -> None:
    if not is_prefix(pointer.prefix):
        raise ForeignFileError(f"{place}: the prefix is {shortened(pointer.prefix)}, expected a time and 8 digits")
    for name, file in pointer.files.items():
        if not is_plain(name) or file.num_bytes < 0 or not _DIGEST.fullmatch(file.sha256 or ""):
            raise ForeignFileError(f"{place}: {shortened(name)} is not a plain name with a size and a checksum")
        if file.at is not None and not (is_plain(file.at) and is_prefix(file.at.partition("/")[0])):
            raise ForeignFileError(f"{place}: {shortened(name)} lies at {shortened(file.at)}, expected PREFIX/NAME")


def remove_older(address: Address, kept: set[str]) -> None:
    """Remove publications before those, and what unfinished ones have left; one that has begun since is not touched."""
    # What was published is published, also where nothing may be deleted.
    with contextlib.suppress(StoreError):
        for name in list_folders(address):
            if is_prefix(name) and name not in kept and name < max(kept):
                delete_folder(address / name)
