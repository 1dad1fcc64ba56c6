"""Files and directories that appear whole or not at all: written beside their place, then renamed into it.

For readers, a directory's old content is at NAME.previous for the moment between the two renames; `latest` finds it
there if the process died in that moment.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ner_dist.errors import UserError


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A text file, UTF-8 with line ends as written, that takes its place when the context ends without an error.

    Raises UserError if it cannot be written.
    """
    # Renaming onto /dev/null would replace the device itself.
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path} is not a regular file, so it cannot be replaced; choose another name")
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(partial, path)
    except OSError as error:
        raise UserError(f"{path} could not be written ({error.strerror or error})") from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_directory(place: Path) -> Iterator[Path]:
    """An empty directory to fill, NAME.partial, that takes the place of whatever directory is at `place`.

    Nothing changes if the context ends with an error. Raises OSError if it cannot be written.
    """
    partial = place.with_name(place.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        replace_directory(partial, place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def replace_directory(built: Path, place: Path, previous: Path | None = None) -> None:
    """Rename a finished directory into its place; an interrupt in between puts the old one back.

    previous: where the old one is for that moment, on the same disk; NAME.previous if not given.
    """
    previous = previous or place.with_name(place.name + ".previous")
    try:
        if place.exists():
            shutil.rmtree(previous, ignore_errors=True)
            os.replace(place, previous)
        os.replace(built, place)
    except BaseException:
        if previous.exists() and not place.exists():
            os.replace(previous, place)
        raise
    _sync(place.parent)
    shutil.rmtree(previous, ignore_errors=True)


def latest(place: Path) -> Path:
    """Where the directory lies that was last completed at `place`; `place` itself if there is none."""
    previous = place.with_name(place.name + ".previous")
    return previous if previous.is_dir() and not place.is_dir() else place


def sync_tree(directory: Path) -> None:
    """Make a directory and all that is in it outlast a power cut."""
    for path in [*directory.rglob("*"), directory]:
        _sync(path)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        # Windows opens no directories.
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
