"""Streams that can be read only once, stdin and pipes -> temporary files: sources are read several times."""

from __future__ import annotations

import shutil
import sys
import tempfile
from functools import lru_cache
from typing import IO

# They are deleted when they are closed, at the latest at the end of the process.
_files: list[IO[bytes]] = []


@lru_cache(maxsize=1)
def spooled_stdin() -> IO[bytes]:
    return spooled(sys.stdin.buffer)


def spooled(stream: IO[bytes]) -> IO[bytes]:
    """A temporary file with the rest of a stream."""
    file = tempfile.NamedTemporaryFile(prefix="data-prep-")  # noqa: SIM115
    shutil.copyfileobj(stream, file, 1 << 20)
    file.flush()
    _files.append(file)
    return file
