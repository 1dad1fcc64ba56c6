"""A file of a run that is changed while nobody trains it: in its directory, or at its address, under its lock."""

from __future__ import annotations

import logging
from pathlib import Path

from ner_dist.atomic_file import whole_file
from ner_dist.run.run_lock import RunLock
from ner_dist.run.run_place import RunPlace
from ner_dist.run.run_publication import RunPublication
from ner_dist.run.store_lock import StoreLock
from ner_dist.stores.mirror import read_from

log = logging.getLogger("ner_dist.run")


def change_run(path: Path, text: str | None) -> None:
    """Give the file of a run this text, or remove it.

    path: below the run's directory, or below the mirror of one in a store. Raises UserError, RunLocked among them if a
    job is writing the run in a store.
    """
    found = read_from(path)
    if found is None:
        if text is None:
            path.unlink()
        else:
            with whole_file(path) as file:
                file.write(text)
        return
    read, name = found
    place = RunPlace(str(read.address))
    lock = StoreLock(read.address, RunLock(place.path.parent, _say), _say)
    lock.acquire()
    try:
        RunPublication(read.address, place.path, lock.require_now).change(read, name, text)
    finally:
        lock.release()


def _say(sentence: str) -> None:
    log.warning("note: %s", sentence)
