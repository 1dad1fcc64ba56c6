"""Files and folders that a user has named by paths or addresses: read through the cache, written here and then sent.

What is written appears under its name when it is complete, or not at all, in a store as on a disk.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, Union

from ner_dist.atomic_file import temporary_beside, whole_binary_file
from ner_dist.errors import UserError
from ner_dist.stores.addresses import Address
from ner_dist.stores.cache import cached
from ner_dist.stores.local_copies import is_copy_of
from ner_dist.stores.objects import size, upload
from ner_dist.stores.published import publish
from ner_dist.stores.unsent import kept_if_not_sent, unsent_folder

# What a user has named.
Place = Union[Path, Address]


def local_file(place: Place) -> Path:
    """The file, or for an address a copy of the object under its name. Raises StoreError."""
    if not isinstance(place, Address):
        return place
    path = cached(place)
    is_copy_of(path, place)
    return path


def require_writable(place: Place) -> None:
    """Raises UserError for a folder that is not there, or a store that does not answer: before hours of work."""
    if isinstance(place, Address):
        size(place)
    elif not place.parent.is_dir():
        raise UserError(f"{place} could not be written ({place.parent} is not a directory)")


@contextmanager
def whole_binary(place: Place) -> Iterator[BinaryIO]:
    """A file of bytes to write, which takes its place when the context ends without an error. Raises UserError."""
    if not isinstance(place, Address):
        with whole_binary_file(place) as file:
            yield file
        return
    with _sent(place, upload) as path, whole_binary_file(path) as file:
        yield file


@contextmanager
def whole_text(place: Place) -> Iterator[TextIO]:
    """The same for text, UTF-8 with line ends as written."""
    with whole_binary(place) as binary:
        file = io.TextIOWrapper(binary, encoding="utf-8", newline="")
        yield file
        # Not closed here, as in atomic_file.
        file.detach()


@contextmanager
def whole_folder(place: Place, last: str) -> Iterator[Path]:
    """The path of a folder to write; for an address it is published there, with the file `last` after the others."""
    if not isinstance(place, Address):
        yield place
        return
    with _sent(place, lambda path, address: publish(path, address, last)) as path:
        yield path


@contextmanager
def _sent(address: Address, send: Callable[[Path, Address], object]) -> Iterator[Path]:
    """Where to write what is sent when the context ends without an error."""
    with temporary_beside(unsent_folder() / address.name) as partial:
        path = partial / address.name
        partial.mkdir()
        is_copy_of(path, address)
        yield path
        with kept_if_not_sent(path, address):
            send(path, address)
