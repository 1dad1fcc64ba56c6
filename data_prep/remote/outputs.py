"""What is to be written to a store: written here first, and there as a whole once it is complete, or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from data_prep.problems import CorpusError
from data_prep.remote.copies import own_folder
from data_prep.staging import OutputError
from ner_dist.cli.interrupts import terminate_like_interrupt
from ner_dist.stores.addresses import Address, is_address, parse_address
from ner_dist.stores.file_locks import lock
from ner_dist.stores.local_copies import is_copy_of
from ner_dist.stores.objects import list_objects, size, upload
from ner_dist.stores.published import publish, published
from ner_dist.stores.unsent import kept_if_not_sent, unsent_folder


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
    path = own_folder() / "out" / secrets.token_hex(4) / address.name
    path.parent.mkdir(parents=True)
    is_copy_of(path, address)
    with terminate_like_interrupt():
        try:
            yield str(path)
        except CorpusError:
            _send_file(path, address)
            raise
        _send_file(path, address)


def _send_file(path: Path, address: Address) -> None:
    if path.is_file():
        with kept_if_not_sent(path, address):
            upload(path, address)


@contextmanager
def published_directory(
    out: Path | Address, last: str, check_names: Callable[[str, Sequence[str]], object]
) -> Iterator[Path]:
    """The path of the directory to write for this place; for an address it is published there when the context ends
    without an error, with the file `last` after all others, and is gone then.

    check_names: raises for the names of what is at an address if that may not be replaced. Raises StoreError, and
    OutputError if another process of this machine writes for the same address.
    """
    if not isinstance(out, Address):
        yield out
        return
    check_names(str(out), _names_at(out))
    with _alone(out) as folder, terminate_like_interrupt():
        path = folder / out.name
        is_copy_of(path, out)
        yield path
        with kept_if_not_sent(path, out):
            publish(path, out, last)
        shutil.rmtree(path)


def _names_at(address: Address) -> list[str]:
    """What lies directly in a folder that was published, or simply copied there."""
    found = published(address)
    names = [name for name, _ in list_objects(address)] if found is None else list(found.files)
    return sorted({name.partition("/")[0] for name in names})


@contextmanager
def _alone(out: Address) -> Iterator[Path]:
    """A folder for this address alone, always the same, where an interrupted build may go on."""
    folder = unsent_folder() / hashlib.sha256(str(out).encode()).hexdigest()[:16]
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not lock(descriptor, wait=False):
            raise OutputError(f"--out {out}: another process of this machine builds there; wait for it, or end it")
        yield folder
    finally:
        os.close(descriptor)
