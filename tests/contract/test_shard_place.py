"""Shard sets in a store: the same as on disk, fetched as they are opened, of one build, refused if damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from published_shards import empty_store, fetched, objects_of, published_shards

from ner_dist.contract.shard_format import ShardError, read_index, read_vocab
from ner_dist.contract.shard_place import find_shards, shard_folder
from ner_dist.contract.shard_tables import open_shard, read_shard
from ner_dist.errors import UserError
from ner_dist.stores.addresses import StoreError
from ner_dist.stores.local_copies import by_address
from ner_dist.stores.published import publish


def test_a_path_is_the_folder_itself(synth_shards: Path) -> None:
    assert shard_folder(synth_shards) == shard_folder(str(synth_shards)) == find_shards(synth_shards) == synth_shards


def test_files_of_a_set_in_a_store_come_when_they_are_opened(
    synth_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shard_folder(published_shards(synth_shards, tmp_path, monkeypatch))
    assert fetched(folder) == {"index.json"}
    index = read_index(folder)
    assert index == read_index(synth_shards)
    vocabularies = {entry.path for entry in index.vocab.values()}
    # Their sizes are compared with the index.
    assert fetched(folder) == {"index.json", *vocabularies}
    assert read_vocab(folder, index, "word") == read_vocab(synth_shards, index, "word")
    entry = index.splits["dev"][3]
    assert read_shard(folder, index, entry, ["text"]) == read_shard(synth_shards, index, entry, ["text"])
    assert fetched(folder) == {"index.json", *vocabularies, "dev-00003.parquet"}


def test_a_plain_copy_of_a_set_is_as_good(synth_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(synth_shards, empty_store(tmp_path, monkeypatch) / "copied")
    folder = shard_folder("s3://b/copied")
    assert read_index(folder) == read_index(synth_shards)


def test_a_reader_goes_on_with_the_build_that_it_began_with(
    synth_shards: Path, rich_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = published_shards(synth_shards, tmp_path, monkeypatch)
    folder = shard_folder(address)
    publish(rich_shards, address, "index.json")
    index = read_index(folder)
    assert index == read_index(synth_shards)
    for entry in index.splits["train"]:
        open_shard(folder, entry)
    assert read_index(shard_folder(address)) == read_index(rich_shards)


def test_a_damaged_object_is_refused_by_its_name(
    synth_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shard_folder(published_shards(synth_shards, tmp_path, monkeypatch))
    index, place = read_index(folder), objects_of(folder, tmp_path) / "train-00002.parquet"
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.write_bytes(data)
    with pytest.raises(StoreError, match=r"s3://b/mine/.*/train-00002\.parquet"):
        open_shard(folder, index.splits["train"][2])
    assert "train-00002.parquet" not in fetched(folder)


def test_a_copied_file_that_is_not_the_indexs_is_refused_by_its_address(
    synth_shards: Path, rich_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(shutil.copytree(synth_shards, empty_store(tmp_path, monkeypatch) / "mine"))
    shutil.copyfile(rich_shards / "dev-00000.parquet", place / "dev-00000.parquet")
    folder = shard_folder("s3://b/mine")
    with pytest.raises(ShardError) as caught:
        open_shard(folder, read_index(folder).splits["dev"][0])
    assert by_address(str(caught.value)).startswith("s3://b/mine/dev-00000.parquet: ")


def test_what_was_evicted_meanwhile_is_fetched_again(
    synth_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shard_folder(published_shards(synth_shards, tmp_path, monkeypatch))
    index = read_index(folder)
    shard = open_shard(folder, index.splits["train"][0])
    shard.path.unlink()
    shard.require_unchanged()
    assert shard.path.is_file()


def test_where_there_is_no_set_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = empty_store(tmp_path, monkeypatch)
    with pytest.raises(StoreError, match=r"^s3://b/none: there is no such object, and nothing below"):
        shard_folder("s3://b/none")
    assert find_shards("s3://b/none") is None
    (bucket / "other").mkdir()
    (bucket / "other" / "notes.txt").write_text("no shards")
    assert find_shards("s3://b/other") is None
    with pytest.raises(ShardError, match=r"holds no index\.json") as caught:
        read_index(shard_folder("s3://b/other"))
    assert by_address(str(caught.value)).startswith("s3://b/other: ")
    with pytest.raises(UserError, match="ftp:// is not supported"):
        shard_folder("ftp://h/x")


def test_an_unfinished_copy_is_no_set(synth_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Path(shutil.copytree(synth_shards, empty_store(tmp_path, monkeypatch) / "mine"))
    (place / "train-00001.parquet").unlink()
    folder = shard_folder("s3://b/mine")
    with pytest.raises(ShardError, match=r"train-00001\.parquet: listed in index\.json but missing"):
        open_shard(folder, read_index(folder).splits["train"][1])
