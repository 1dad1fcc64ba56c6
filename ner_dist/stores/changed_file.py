"""One file of a folder that is replaced or removed: in place on a disk, by a publication of its own in a store.

There, the other files are not uploaded again, and who has begun to read goes on with those of before.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ner_dist.atomic_file import whole_file
from ner_dist.stores.addresses import StoreError
from ner_dist.stores.facts import delete
from ner_dist.stores.mirror import read_from
from ner_dist.stores.published import (
    PublishedFile,
    PublishedFolder,
    fresh_prefix,
    prefix_at,
    prefixes,
    published_or_removed,
    remove_older,
    write_pointer,
)
from ner_dist.stores.uploads import write_bytes


def replace_text(path: Path, text: str) -> None:
    """Give a file this text, whole or not at all; that of a mirror at its address, where nobody else may be writing.

    Raises StoreError, and OSError on a disk.
    """
    found = read_from(path)
    if found is not None:
        change_file(*found, text)
        return
    with whole_file(path) as file:
        file.write(text)


def change_file(read: PublishedFolder, name: str, text: str | None) -> PublishedFolder:
    """Publish what was read with this text as the file of that name, or without that file; returns what is published.

    Of a plain copy, the object itself is replaced or deleted. Raises StoreError, also if something else has been
    published there since.
    """
    if read.is_plain_copy:
        _require_unchanged(read)
        if text is None:
            delete([read.address / name])
        else:
            write_bytes(text.encode(), read.address / name)
        return read
    prefix = fresh_prefix()
    files = {
        other: file if file.at is not None else dataclasses.replace(file, at=f"{read.version}/{other}")
        for other, file in read.files.items()
        if other != name
    }
    with published_or_removed(read.address, prefix):
        if text is not None:
            data = text.encode()
            files[name] = PublishedFile(len(data), write_bytes(data, read.address / prefix / name))
        _require_unchanged(read)
        write_pointer(read.address, prefix, dict(sorted(files.items())))
    remove_older(read.address, prefixes(prefix, files) | prefixes(read.version, read.files))
    return PublishedFolder(read.address, read.address / prefix, files, prefix, False)


def _require_unchanged(read: PublishedFolder) -> None:
    if prefix_at(read.address) != read.version:
        raise StoreError(
            f"{read.address}: something else has been published there since it was read, and is left as it is; repeat "
            "the command"
        )
