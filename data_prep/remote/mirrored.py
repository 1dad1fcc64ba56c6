"""Folders of a store as folders here: shard sets, and models that new data is prepared by."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ner_dist.contract.shard_format import INDEX_NAME
from ner_dist.stores.addresses import Address, is_address, parse_address
from ner_dist.stores.local_copies import is_copy_of
from ner_dist.stores.mirror import mirror
from ner_dist.stores.objects import size
from ner_dist.stores.patterns import WILD
from ner_dist.stores.published import published

_EVERYTHING = ("*",)


def mirror_of(place: Path | Address, now: Collection[str] = _EVERYTHING) -> Path:
    """The path, or for an address the folder that stands for it, with these files; patterns as of fnmatch.

    Raises StoreError.
    """
    if not isinstance(place, Address):
        return place
    directory = mirror(place, now)
    is_copy_of(directory, place)
    return directory


def shards_at(name: str) -> Path | None:
    """The shard set that has this path or address; None if it is that of a corpus. Raises StoreError."""
    if not is_address(name):
        return Path(name) if (Path(name) / INDEX_NAME).is_file() else None
    address = parse_address(name)
    if WILD & set(address.key) or size(address) is not None:
        return None
    found = published(address)
    return mirror_of(address) if found is not None and INDEX_NAME in found.files else None
