"""Small packages with made-up contents, as the registries pack theirs, and a script in the place of a program."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path


def zipped(contents: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(contents: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def packed(file_name: str, contents: dict[str, bytes]) -> bytes:
    """A wheel or an npm package, by its file's name."""
    return zipped(contents) if file_name.endswith(".whl") else tarred(contents)


def stand_in(path: Path, script: str) -> Path:
    """A program that runs lines of bash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    return path
