"""Shard sets in a store, told from corpora there."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.remote.mirrored import mirror_of, shards_at
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.local_copies import by_address


def test_a_shard_set_is_told_from_a_corpus(store: Path, tmp_path: Path) -> None:
    for folder in (store / "set", tmp_path / "set"):
        folder.mkdir()
        (folder / "index.json").write_text("{}")
    (store / "raw").mkdir()
    (store / "raw/a.conll").write_text("Paris B-LOC\n")
    assert shards_at(str(tmp_path / "set")) == tmp_path / "set"
    found = shards_at("s3://b/set")
    assert found is not None
    assert (found / "index.json").read_text() == "{}"
    assert by_address(f"{found}: damaged") == "s3://b/set: damaged"
    for name in ("s3://b/raw", "s3://b/raw/a.conll", "s3://b/raw/*", "s3://b/absent", str(store), "-", "absent"):
        assert shards_at(name) is None


def test_what_is_not_there_has_no_mirror(store: Path) -> None:
    with pytest.raises(StoreError, match=r"^s3://b/absent: "):
        mirror_of(Address("s3", "b", "absent"))
