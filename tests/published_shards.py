"""A shard set in a store, for which a local folder stands, with a cache of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_dist.stores.addresses import Address, parse_address
from ner_dist.stores.mirror import publication
from ner_dist.stores.published import publish


def empty_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where s3://b lies from now on."""
    monkeypatch.setenv("NER_STORE_FOLDER", str(folder / "store"))
    monkeypatch.setenv("NER_CACHE", str(folder / "cache"))
    monkeypatch.setenv("NER_STORE_RETRIES", "0")
    (folder / "store" / "s3" / "b").mkdir(parents=True)
    return folder / "store" / "s3" / "b"


def published_shards(shards: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Address:
    """The address of the set in a new store."""
    empty_store(folder, monkeypatch)
    address = parse_address("s3://b/mine")
    publish(shards, address, "index.json")
    return address


def objects_of(mirror: Path, folder: Path) -> Path:
    """Where the files of a mirror lie in the store."""
    return folder / "store" / publication(mirror).replace("://", "/")


def fetched(mirror: Path) -> set[str]:
    """The names of the files that have come so far."""
    return {path.relative_to(mirror).as_posix() for path in mirror.rglob("*") if path.is_file()}
