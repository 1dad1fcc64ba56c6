"""A name that stands in a file -> a path inside its directory, or an error: nothing else may become a path."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ner_dist.foreign.errors import ForeignFileError

# Control characters, what no file system can store, and what separates folders or names a drive on another system.
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]|^.:")
# What file systems allow between two slashes, in bytes.
_MOST_BYTES = 255


def member(directory: str | os.PathLike[str], name: object) -> Path:
    """The path of the file of this name in a directory, whether or not it is there.

    name: as a foreign record states it, with / between folders. Raises ForeignFileError if it is not a plain relative
    name, or if links lead it out of the directory.
    """
    if not is_plain(name):
        raise ForeignFileError(f"{directory}: {shortened(name)} is not a plain name of a file inside this directory")
    path = Path(directory) / str(name)
    require_inside(directory, path)
    return path


def is_plain(name: object) -> bool:
    """Whether this is a relative name without .., ., empty parts, control characters and the like."""
    if not isinstance(name, str) or _UNFIT.search(name):
        return False
    parts = name.split("/")
    return all(part not in ("", ".", "..") and len(part.encode()) <= _MOST_BYTES for part in parts)


def require_inside(directory: str | os.PathLike[str], path: Path) -> None:
    """Raises ForeignFileError if links lead the path out of the directory, which itself may be a link."""
    try:
        inside = path.resolve().is_relative_to(Path(directory).resolve())
    # Links that lead to themselves.
    except (OSError, RuntimeError) as error:
        raise ForeignFileError(f"{path}: its place cannot be found ({error})") from error
    if not inside:
        raise ForeignFileError(f"{path}: leads out of {directory} by a link, expected a file of its own")


def shortened(value: object, most: int = 60) -> str:
    """What was found, on one line and not too long for a sentence."""
    # A giant is not written out before it is cut; repr makes control characters visible.
    text = repr(value[: most + 1] if isinstance(value, (str, bytes, list)) else value)
    return text if len(text) <= most else text[:most] + "..."
