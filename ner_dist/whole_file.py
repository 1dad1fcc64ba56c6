"""Text files that are there as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ner_dist.errors import UserError


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A file, UTF-8 with ends of lines as they are written, that takes its place when the context ends without error.

    Raises UserError if it cannot be written.
    """
    # A file would take the place of /dev/null itself.
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path} is no file, so none can take its place; name another")
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(partial, path)
    except OSError as error:
        raise UserError(f"{path} could not be written ({error.strerror or error})") from error
    finally:
        partial.unlink(missing_ok=True)
