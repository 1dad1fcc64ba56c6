"""The files inside a package as bytes, whether it is a wheel (zip) or an npm package (tar.gz); nothing is unpacked."""

from __future__ import annotations

import fnmatch
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The file `name` of a package, to be read. Raises KeyError if there is none."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            yield file
        return
    with tarfile.open(path, "r:gz") as tar:
        member = tar.extractfile(name)
        if member is None:
            raise KeyError(name)
        with member:
            yield member


def read(path: Path, name: str) -> bytes:
    """All of one file of a package. Raises KeyError if there is none."""
    with opened(path, name) as file:
        return file.read()


def read_all(path: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file whose name fits a shell pattern (* also matches /), in the package's order."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in fnmatch.filter(archive.namelist(), pattern):
                yield name, archive.read(name)
        return
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            if member.isfile() and fnmatch.fnmatchcase(member.name, pattern):
                file = tar.extractfile(member)
                assert file is not None
                yield member.name, file.read()
