"""What the user names in object stores -> copies of it, in folders like those of the store.

So what is read is found and named as if it had always been here: by patterns, in folders, beside other files, in
archives. The copies are links to files of the cache.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from data_prep.problems import CorpusError
from data_prep.remote.copies import copy_at
from ner_dist.cli.progress_bar import progress_bar
from ner_dist.foreign.names import is_plain, shortened
from ner_dist.stores.addresses import Address, is_address, parse_address
from ner_dist.stores.cache import cached
from ner_dist.stores.objects import list_objects, size
from ner_dist.stores.patterns import is_like, split_pattern

# Stores answer one request in tens of milliseconds, and many at the same time.
NUM_THREADS = 8


class Wish(NamedTuple):
    """What is fetched of a folder, and along with an object."""

    # By its name below the folder. Of what is not read, there will be an empty file.
    is_read: Callable[[str], bool] = lambda name: True
    # Names of files that are read along with one, if they lie beside it.
    companions: Callable[[str], Sequence[str]] = lambda name: ()
    # Raises CorpusError for a folder that cannot be meant, by its address and the names below it.
    check_folder: Callable[[str, Collection[str]], object] = lambda folder, names: None


ALL = Wish()


class _Object(NamedTuple):
    address: Address
    num_bytes: int
    is_read: bool = True


def fetched(name: str, wish: Wish = ALL, shown: bool | None = None) -> str:
    """The path, or the pattern, of the copies of what has this address; a path of this machine is left as it is.

    What does not exist in the store has no copy. shown: whether to show progress, by default if stderr is a terminal.
    Raises StoreError for an address of an unknown scheme, and for a store that cannot be read.
    """
    if not is_address(name):
        return name
    address = parse_address(name)
    objects = _named_objects(address, wish)
    with progress_bar(sum(one.num_bytes for one in objects), "B", "fetch", shown) as fetching:
        _copy_all(objects, fetching)
    return str(copy_at(address))


def _named_objects(address: Address, wish: Wish) -> list[_Object]:
    """An object with its companions, all of a folder, those of a pattern, or an archive whose member is named."""
    if one := _one(address):
        return [*one, *(found for name in wish.companions(address.name) for found in _one(address.parent / name))]
    fixed, pattern = split_pattern(address.key.split("/"))
    if not pattern:
        return _archive_from(address.parent) or _of_folder(address, wish)
    folder = address._replace(key="/".join(fixed))
    return _archive_from(folder) or _matching(folder, pattern, wish)


def _one(address: Address) -> list[_Object]:
    """The object, if there is one."""
    num_bytes = size(address)
    return [] if num_bytes is None else [_Object(address, num_bytes)]


def _of_folder(folder: Address, wish: Wish) -> list[_Object]:
    """What is below a folder, hidden files and folders left out."""
    listing = _listing(folder)
    wish.check_folder(str(folder), listing.keys())
    return [
        _Object(folder / name, num_bytes, wish.is_read(name))
        for name, num_bytes in listing.items()
        if not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
    ]


def _matching(folder: Address, pattern: Sequence[str], wish: Wish) -> list[_Object]:
    listing = _listing(folder)
    names = {name for name in listing if is_like(name.split("/"), pattern)}
    along = {
        str(PurePosixPath(name).with_name(other))
        for name in names
        for other in wish.companions(PurePosixPath(name).name)
    }
    found = sorted(names | (along & listing.keys()))
    return [_Object(folder / name, listing[name], wish.is_read(name)) for name in found]


def _listing(folder: Address) -> dict[str, int]:
    """Sizes by the names below a folder. Copies of what has been deleted in the store since are removed."""
    listing, place = dict(list_objects(folder)), copy_at(folder)
    for name in listing:
        if not is_plain(name):
            raise CorpusError(f"{folder}: an object below it has the name {shortened(name)}, which no file can have")
    for path in list(place.rglob("*")):
        if path.is_file() and path.relative_to(place).as_posix() not in listing:
            path.unlink()
    return listing


def _archive_from(address: Address) -> list[_Object]:
    """The object here or above in whose place a folder is named: an archive, with the name of a file in it."""
    above = address
    while above.key:
        # Requests are slow, and what holds files has an ending.
        if "." in above.name and (found := _one(above)):
            return found
        above = above.parent
    return []


def _copy_all(objects: Sequence[_Object], fetching: Callable[[int], object]) -> None:
    # Its threads are left where they are if one fails or the user interrupts; a store may take minutes to answer.
    with ThreadPool(NUM_THREADS) as pool:
        for num_bytes in pool.imap_unordered(_copy, objects):
            fetching(num_bytes)


def _copy(one: _Object) -> int:
    place = copy_at(one.address)
    try:
        _put(one, place)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise CorpusError(f"{one.address}: an object and a folder have this name, or one above; rename one") from error
    return one.num_bytes


def _put(one: _Object, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if one.is_read:
        path = cached(one.address, one.num_bytes)
        place.unlink(missing_ok=True)
        try:
            # A link keeps the content, whatever the cache does with its own.
            os.link(path, place)
        except OSError:
            # A file system without links.
            shutil.copyfile(path, place)
    elif not place.exists():
        place.touch()
