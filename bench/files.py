"""Files that are written as a whole, and files that one command at a time may write."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from ner_dist.errors import UserError


def replace(path: Path, text: str) -> None:
    """Write a file as a whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def locked(path: Path, what: str) -> IO[bytes]:
    """A file to add to, locked while it is open, in a folder that is made.

    A child inherits the lock with the file, and holds it even if this process is killed. Raises UserError if another
    command has it: "what" is then being trained there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror})") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise UserError(f"{what} is being trained by another command; wait for it, or stop it") from error
    return file
