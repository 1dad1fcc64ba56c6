"""Where a shard set lies, as the user names it -> the local folder that it is read from."""

from __future__ import annotations

from pathlib import Path

from ner_dist.contract.index_record import INDEX_NAME
from ner_dist.stores.addresses import Address, StoreError, is_address
from ner_dist.stores.local_copies import is_copy_of
from ner_dist.stores.mirror import local_or_mirror


def shard_folder(place: str | Path | Address) -> Path:
    """A path as it is; of an address a mirror in the cache, whose files are fetched when they are opened.

    Ask once and keep the folder: it stays the same build, whatever is published there later. Raises StoreError.
    """
    text = str(place)
    folder = local_or_mirror(text, (INDEX_NAME,))
    if is_address(text):
        is_copy_of(folder, text)
    return folder


def find_shards(place: str | Path | Address) -> Path | None:
    """The same; None if no set is there, or if the store does not give it."""
    try:
        folder = shard_folder(place)
    except StoreError:
        return None
    return folder if (folder / INDEX_NAME).is_file() else None
