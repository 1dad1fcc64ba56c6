"""A folder, a pattern or a bucket's prefix that the user names -> the files to tag."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ner_dist.errors import UserError
from ner_dist.foreign.names import is_plain, require_inside, shortened
from ner_dist.stores.addresses import Address
from ner_dist.stores.facts import absent, list_facts, size
from ner_dist.stores.named_files import Place
from ner_dist.stores.patterns import WILD, is_like, split_pattern


class InputFile(NamedTuple):
    place: Place
    # Below the folder, with / between its parts.
    name: str
    num_bytes: int
    modified_ns: int


class Named(NamedTuple):
    """What the user has named."""

    # The files' names are below it.
    folder: Place
    # The parts of the pattern below it; none for a folder and all that is in it.
    pattern: list[str]
    # In the order of their names.
    files: list[InputFile]


def names_many(place: Place) -> bool:
    """Whether this is not one file but a folder, a pattern or a prefix. Raises StoreError."""
    if isinstance(place, Address):
        return size(place) is None
    return place.is_dir() or (not os.path.lexists(place) and bool(WILD & set(str(place))))


def find_files(place: Place) -> Named:
    """The files of a folder, hidden ones left out, or those of a pattern. Raises UserError, also if there are none."""
    if isinstance(place, Address):
        named = _in_store(place)
    elif place.is_dir():
        named = Named(place, [], [_local(path, place) for path in _walk(place)])
    else:
        parts, pattern = split_pattern(place.parts)
        folder = Path(*parts)
        # Hidden ones are left out here, too.
        found = [Path(path) for path in glob.glob(str(place), recursive=True)]
        named = Named(folder, pattern, [_local(path, folder) for path in found if not path.is_dir()])
        if not named.files:
            raise UserError(f"{place}: no file has a name like this{', only folders' if found else ''}")
    if not named.files:
        raise UserError(f"{place}: no files are in this folder, expected texts")
    for file in named.files:
        if not is_plain(file.name):
            raise UserError(f"{named.folder}: the name {shortened(file.name)} is one no output can have; rename it")
    return named._replace(files=sorted(named.files, key=lambda file: file.name))


def _in_store(address: Address) -> Named:
    fixed, pattern = split_pattern(address.key.split("/") if address.key else [])
    folder = address._replace(key="/".join(fixed))
    files = [
        InputFile(folder / name, name, facts.num_bytes, facts.modified_ns)
        for name, facts in list_facts(folder)
        if not _is_hidden(name) and (not pattern or is_like(name.split("/"), pattern))
    ]
    if not files:
        raise UserError(f"{address}: no object has a name like this") if pattern else absent(address)
    return Named(folder, pattern, files)


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _local(path: Path, folder: Path) -> InputFile:
    """Raises UserError for what is no file, such as a link to nothing."""
    if not path.is_file():
        raise UserError(f"{path}: neither a file nor a folder; remove it, or name the files by a pattern in quotes")
    found = path.stat()
    return InputFile(path, path.relative_to(folder).as_posix(), found.st_size, found.st_mtime_ns)


def _walk(folder: Path) -> Iterator[Path]:
    """What is no folder, below one that may come from a stranger. Raises UserError for a link that leads out of it."""
    seen = set()
    for parent, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        # A link may lead back to where it is.
        where = os.path.realpath(parent)
        folders[:] = [] if where in seen else [name for name in folders if not _is_hidden(name)]
        if where not in seen:
            seen.add(where)
            shown = [Path(parent, name) for name in names if not _is_hidden(name)]
            for path in (*(Path(parent, name) for name in folders), *shown):
                if path.is_symlink():
                    require_inside(folder, path)
            yield from shown


def _refuse(error: OSError) -> None:
    raise UserError(f"{error.filename}: the folder cannot be read ({error.strerror or error})") from error
