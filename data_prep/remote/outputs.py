"""What is to be written to a store: written here first, and there as a whole once it is complete, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from data_prep.problems import CorpusError
from data_prep.remote.copies import own_folder
from data_prep.staging import terminate_like_interrupt
from ner_dist.errors import UserError
from ner_dist.stores.addresses import Address, StoreError, is_address, parse_address
from ner_dist.stores.cache_room import cache_folder
from ner_dist.stores.local_copies import is_copy_of
from ner_dist.stores.objects import list_objects, size, upload
from ner_dist.stores.published import publish, published

# In the cache's folder, what could not be published.
_KEPT = "unpublished"


@contextmanager
def sent_file(name: str) -> Iterator[str]:
    """The path of the file to write for this name; for an address it is sent there when the context ends.

    It is sent without an error, or by a CorpusError, which a list of findings outlasts; if it has been written then.
    Raises StoreError at once if the store cannot be asked.
    """
    if not is_address(name):
        yield name
        return
    address = parse_address(name)
    size(address)
    path = _place_for(address)
    with terminate_like_interrupt():
        try:
            yield str(path)
        except CorpusError:
            if path.is_file():
                upload(path, address)
            raise
        if path.is_file():
            upload(path, address)


@contextmanager
def published_directory(
    out: Path | Address, last: str, check_names: Callable[[str, Sequence[str]], object]
) -> Iterator[Path]:
    """The path of the directory to write for this place; for an address it is published there when the context ends
    without an error, with the file `last` after all others.

    check_names: raises for the names of what is at an address if that may not be replaced. Raises StoreError; a
    directory that could not be published is kept, and the message says where.
    """
    if not isinstance(out, Address):
        yield out
        return
    check_names(str(out), _names_at(out))
    path = _place_for(out)
    with terminate_like_interrupt():
        yield path
        try:
            publish(path, out, last)
        except UserError as error:
            raise StoreError(
                f"{error}; nothing was published at {out}, and what was built is complete in {_kept(path)}: copy that "
                "folder there by any tool, or delete it"
            ) from error


def _names_at(address: Address) -> list[str]:
    """What lies directly in a folder that was published, or simply copied there."""
    found = published(address)
    names = [name for name, _ in list_objects(address)] if found is None else list(found.files)
    return sorted({name.partition("/")[0] for name in names})


def _place_for(address: Address) -> Path:
    path = own_folder() / "out" / secrets.token_hex(4) / address.name
    path.parent.mkdir(parents=True)
    is_copy_of(path, address)
    return path


def _kept(path: Path) -> Path:
    place = cache_folder() / _KEPT / f"{path.name}-{secrets.token_hex(4)}"
    place.parent.mkdir(exist_ok=True)
    os.replace(path, place)
    return place
