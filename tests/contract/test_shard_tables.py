"""A shard that is replaced after it was verified is noticed when it is read again; the same content is not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from text_shards import TextRow, write_text_shards

from ner_dist.config import Config
from ner_dist.contract import shard_tables
from ner_dist.contract.shard_format import Index, ShardError, read_index
from ner_dist.contract.shard_tables import VerifiedShard, open_shard, parquet_file, read_groups, read_shard
from ner_dist.data.shard_reader import ShardReader

ROWS = [TextRow(i, [1, 2 + i % 3], [0, 4], ["ab", "c"], [0, 3], [(3, 4, 0)]) for i in range(12)]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    write_text_shards(tmp_path / "shards", ROWS, None, 2)
    return tmp_path / "shards"


def _rename_over(path: Path, content: bytes) -> None:
    path.with_name("new").write_bytes(content)
    os.replace(path.with_name("new"), path)


def _with_the_old_time(path: Path, content: bytes) -> None:
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


REPLACEMENTS: dict[str, Callable[[Path, bytes], object]] = {
    "written over": lambda path, content: path.write_bytes(content),
    "renamed over": _rename_over,
    "written over with the old time": _with_the_old_time,
    "removed": lambda path, content: path.unlink(),
}


@pytest.mark.parametrize("how", REPLACEMENTS)
def test_a_shard_that_was_replaced_is_noticed_when_its_next_chapter_is_read(shards: Path, how: str) -> None:
    index = read_index(shards)
    reader = ShardReader(shards, index, "train", [0, 1], 1, chapters=2, seed=Config().train.seed)
    reader.load_chapter(0, 0)
    one, other = (shards / entry.path for entry in index.splits["train"])
    # Of the same size and shape, and valid in itself.
    REPLACEMENTS[how](one, other.read_bytes())
    with pytest.raises(ShardError, match=rf"{one}: (checksum|\d+ bytes|listed in index\.json but missing)"):
        reader.load_chapter(0, 1)


def test_the_same_content_in_another_file_is_verified_once_and_read(
    shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = read_index(shards)
    reader = ShardReader(shards, index, "train", [0, 1], 1, chapters=2)
    reader.load_chapter(0, 0)
    verified: list[str] = []
    whole = shard_tables.verify_file
    monkeypatch.setattr(
        shard_tables, "verify_file", lambda place, entry: (verified.append(entry.path), whole(place, entry))[1]
    )
    path = shards / index.splits["train"][0].path
    shutil.copy(path, path.with_name("copy"))
    os.replace(path.with_name("copy"), path)
    for chapter in (1, 0, 1):
        reader.load_chapter(0, chapter)
    assert verified == [path.name]


def test_a_shard_that_changes_while_it_is_read_is_noticed(shards: Path) -> None:
    index = read_index(shards)
    entry, other = index.splits["train"]
    shard = open_shard(shards, entry)
    with pytest.raises(ShardError, match=r"checksum|\d+ bytes"):
        _replace_while_reading(shard, index, shards / other.path)


def _replace_while_reading(shard: VerifiedShard, index: Index, other: Path) -> None:
    with parquet_file(shard, index, ["word", "length"]) as file:
        read_groups(shard, file, index, [0], ["word"])
        shutil.copy(other, shard.path)


def test_a_source_beyond_the_list_is_refused(shards: Path) -> None:
    index = read_index(shards)
    entry = index.splits["dev"][0]
    assert read_shard(shards, index, entry, ["source", "text"]).num_columns == 2
    index.sources.clear()
    with pytest.raises(ShardError, match=r"column source has 0 to 0, expected 0 to -1"):
        read_shard(shards, index, entry, ["source"])
