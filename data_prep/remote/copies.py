"""The folder of this process in the cache: copies of what it reads, and what it has not published yet."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from ner_dist.atomic_file import temporary_beside
from ner_dist.stores.addresses import Address
from ner_dist.stores.cache_room import cache_folder
from ner_dist.stores.local_copies import is_copy_of


def own_folder() -> Path:
    """It is removed when the process ends; what a killed one has left, by the next one."""
    return _own_folder_in(cache_folder())


@cache
def _own_folder_in(cache: Path) -> Path:
    place = cache / "copies"
    stack, process = ExitStack(), os.getpid()
    folder = stack.enter_context(temporary_beside(place))
    folder.mkdir(mode=0o700)
    # Not by a child that was forked.
    atexit.register(lambda: stack.close() if os.getpid() == process else None)
    return folder


def copy_at(address: Address) -> Path:
    """Where the copy of an object or a folder is, or will be: below folders like those of the store."""
    bucket = own_folder() / address.scheme / address.bucket.replace(":", "_")
    is_copy_of(bucket, address._replace(key=""))
    return bucket / address.key if address.key else bucket
