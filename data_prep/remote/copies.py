"""The folder of this process in the cache, for copies of what it reads and for files that are not sent yet."""

from __future__ import annotations

import atexit
import itertools
import os
import re
import shutil
import socket
import threading
from functools import cache
from pathlib import Path

from ner_dist.stores.addresses import Address
from ner_dist.stores.cache_room import cache_folder
from ner_dist.stores.file_locks import lock
from ner_dist.stores.local_copies import is_copy_of


def own_folder() -> Path:
    """It is emptied when the process ends, or by the next one.

    Processes that run one after another have the same, so that an interrupted command finds its files where they were.
    """
    # Of threads that ask at the same time, one takes a folder for all.
    with _TAKING:
        return _own_folder_in(cache_folder(), os.getpid())


_TAKING = threading.Lock()


@cache
def _own_folder_in(cache: Path, process: int) -> Path:
    """The first that no other process of this host has. process: a forked one needs a folder of its own."""
    host = re.sub(r"[^A-Za-z0-9_.-]", "_", socket.gethostname())
    folders = cache / "copies"
    folders.mkdir(exist_ok=True)
    for number in itertools.count():
        folder = folders / f"{host}-{number}"
        # Never closed: the lock ends with the process.
        descriptor = os.open(folders / f"{folder.name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        if lock(descriptor, wait=False):
            break
        os.close(descriptor)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    atexit.register(_remove, folder, process)
    return folder


def _remove(folder: Path, process: int) -> None:
    """Not by a child that was forked."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def copy_at(address: Address) -> Path:
    """Where the copy of an object or a folder is, or will be: below folders like those of the store."""
    bucket = own_folder() / address.scheme / address.bucket.replace(":", "_")
    is_copy_of(bucket, address._replace(key=""))
    return bucket / address.key if address.key else bucket
