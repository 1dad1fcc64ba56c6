"""Paths that users name: of local files only. A path must not be taken for a folder named `s3:`."""

from __future__ import annotations

import os
import re

from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.names import shortened

# Schemes of two letters and more, also chained (simplecache::s3://): a single letter is a drive.
ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+(?:::[A-Za-z][A-Za-z0-9+.-]+)*)://")


def local_path(path: str | os.PathLike[str], option: str = "") -> str:
    """The path as text. Raises ForeignFileError for an address such as s3://bucket/name, which cannot be opened.

    option: with which the path was named, if the message is to say it.
    """
    text = os.fspath(path)
    where = f"{option}: " if option else ""
    address = ADDRESS.match(text)
    if address is None:
        return text
    scheme, rest = address["scheme"], text[address.end() :]
    if scheme.lower() == "file" and rest.startswith("/"):
        raise ForeignFileError(f"{where}{shortened(text)} is an address, expected a path: {shortened(rest)}")
    raise ForeignFileError(
        f"{where}{shortened(text)} is an address, and {scheme}:// is not supported, expected the path of a local file "
        "or folder; copy it to or from one, or mount it"
    )
