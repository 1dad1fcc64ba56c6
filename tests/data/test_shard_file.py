"""Shards whose size and checksum match the index but whose content is wrong: one sentence for each fault."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from row_groups import group_sizes, write_groups
from sealed_files import edit

from ner_dist.contract.shard_format import INDEX_NAME, ShardError, file_sha256, read_index
from ner_dist.data.shard_reader import ShardReader

ALL = list(range(8))


@pytest.fixture
def shards(synth_shards: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(synth_shards, tmp_path / "shards"))


def make_index_agree(shards: Path, path: Path) -> None:
    def change(record: Any) -> None:
        for entry in record["splits"]["train"]:
            if entry["path"] == path.name:
                entry.update(num_bytes=path.stat().st_size, sha256=file_sha256(path))

    edit(shards / INDEX_NAME, change)


def spoil_rows(shards: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the rows of the third training shard."""
    entry = read_index(shards).splits["train"][2]
    table = pq.read_table(shards / entry.path)
    rows, sizes = table.to_pylist(), group_sizes(shards / entry.path)
    change(rows)
    write_groups(shards / entry.path, pa.Table.from_pylist(rows, schema=table.schema), sizes)
    make_index_agree(shards, shards / entry.path)


def refusal(shards: Path) -> str:
    with pytest.raises(ShardError) as caught:
        ShardReader(shards, read_index(shards), "train", ALL, 1)
    message = str(caught.value)
    path = shards / read_index(shards).splits["train"][2].path
    assert message.startswith(f"{path}: ")
    assert message.endswith("; rebuild the shards")
    return message[len(f"{path}: ") : -len("; rebuild the shards")]


def test_rewriting_alone_changes_nothing(shards: Path, synth_shards: Path) -> None:
    spoil_rows(shards, lambda rows: None)
    both = [ShardReader(place, read_index(place), "train", ALL, 1) for place in (shards, synth_shards)]
    for one, other in zip(*(sentences.scoring_batches(50) for sentences in both)):
        for mine, yours in zip(one, other):
            np.testing.assert_array_equal(mine, yours)


@pytest.mark.parametrize("column", ["word", "char", "tag", "caps", "pos"])
def test_an_id_beyond_its_vocabulary_is_refused(shards: Path, column: str) -> None:
    index = read_index(shards)
    limit = index.num_tags if column == "tag" else index.vocab[column].num_values
    spoil_rows(shards, lambda rows: rows[-1][column].__setitem__(-1, limit))
    message = refusal(shards)
    assert message.startswith(f"column {column} has ids ")
    assert message.endswith(f" to {limit}, expected 0 to {limit - 1}")


def test_a_negative_id_is_refused(shards: Path) -> None:
    spoil_rows(shards, lambda rows: rows[0]["word"].__setitem__(0, -1))
    assert refusal(shards).startswith("column word has ids -1 to ")


@pytest.mark.parametrize("column", ["word", "tag", "token_chars", "caps", "pos"])
def test_a_sentence_with_a_value_too_many_is_refused(shards: Path, column: str) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        # One more here and one less there: the totals agree.
        one, other = [row for row in rows if row["length"] > 3][:2]
        one[column].append(other[column].pop())

    spoil_rows(shards, change)
    assert f"values in column {column}, expected" in refusal(shards)


def test_a_wrong_row_is_named_by_its_number_in_the_file(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # However few row groups are read at once.
    monkeypatch.setattr("ner_dist.data.shard_file._TOKENS_PER_READ", 1)

    spoil_rows(shards, lambda rows: rows[-1]["tag"].pop())
    assert refusal(shards).startswith(f"row {sum(read_index(shards).splits['train'][2].rows) - 1} has ")


def test_row_groups_that_mix_buckets_or_are_empty_are_refused(shards: Path) -> None:
    path = shards / read_index(shards).splits["train"][2].path
    table, (first, *others) = pq.read_table(path), group_sizes(path)
    for sizes in ([len(table)], [first + 1, others[0] - 1, *others[1:]], [first, 0, *others]):
        write_groups(path, table, sizes)
        make_index_agree(shards, path)
        assert refusal(shards) == (
            "row groups that are empty or have rows of two buckets, expected each bucket in row groups of its own"
        )


def test_characters_that_do_not_add_up_are_refused(shards: Path) -> None:
    spoil_rows(shards, lambda rows: rows[0]["char"].append(5))
    assert refusal(shards).startswith("token_chars does not add up to the characters")


def test_a_token_without_characters_is_refused(shards: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[0]["token_chars"][1] += rows[0]["token_chars"][0]
        rows[0]["token_chars"][0] = 0

    spoil_rows(shards, change)
    assert refusal(shards).startswith("token_chars does not add up to the characters")


def test_a_missing_sentence_is_refused(shards: Path) -> None:
    spoil_rows(shards, lambda rows: rows.pop())
    total = sum(read_index(shards).splits["train"][2].rows)
    assert refusal(shards) == f"{total - 1} sentences, expected {total} by the index of shards"


def test_a_sentence_in_the_wrong_bucket_is_refused(shards: Path) -> None:
    spoil_rows(shards, lambda rows: rows.reverse())
    edge = read_index(shards).bucket_edges[0]
    message = refusal(shards)
    assert message.startswith("row 0 has ")
    assert message.endswith(f" tokens, expected 1 to {edge} in its bucket")


def test_a_length_of_0_is_refused(shards: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        for column in ("word", "char", "token_chars", "tag", "caps", "pos", "text"):
            rows[0][column] = []
        rows[0]["length"] = 0

    spoil_rows(shards, change)
    assert refusal(shards).startswith("row 0 has 0 tokens, expected 1 to ")


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("word", pa.list_(pa.int64())),
        ("tag", pa.list_(pa.uint16())),
        ("length", pa.int64()),
        ("sentence_id", pa.int32()),
        ("char", pa.list_(pa.uint8())),
        ("caps", pa.list_(pa.float32())),
    ],
)
def test_a_column_of_another_type_is_refused(shards: Path, column: str, kind: pa.DataType) -> None:
    path = shards / read_index(shards).splits["train"][2].path
    table = pq.read_table(path)
    place = table.schema.get_field_index(column)
    changed = table.set_column(place, column, pa.array(table[column].to_pylist(), kind))
    write_groups(path, changed, group_sizes(path))
    make_index_agree(shards, path)
    assert refusal(shards).startswith(f"column {column} is ")


def test_a_missing_column_is_refused(shards: Path) -> None:
    path = shards / read_index(shards).splits["train"][2].path
    write_groups(path, pq.read_table(path).drop_columns("tag"), group_sizes(path))
    make_index_agree(shards, path)
    assert "tag" in refusal(shards)


@pytest.mark.parametrize("column", ["length", "word", "tag"])
def test_nulls_are_refused(shards: Path, column: str) -> None:
    entry = read_index(shards).splits["train"][2]
    table = pq.read_table(shards / entry.path)
    values = table[column].to_pylist()
    values[3] = None
    place = table.schema.get_field_index(column)
    table = table.set_column(place, column, pa.array(values, table.schema.field(column).type))
    write_groups(shards / entry.path, table, group_sizes(shards / entry.path))
    make_index_agree(shards, shards / entry.path)
    assert refusal(shards).startswith("row 3 has ")


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused(shards: Path, keep: float) -> None:
    path = shards / read_index(shards).splits["train"][2].path
    # An index states no empty files.
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)] or b"x")
    make_index_agree(shards, path)
    assert refusal(shards).startswith("not readable as Parquet (")


def test_a_flipped_bit_never_changes_what_is_read(shards: Path) -> None:
    path = shards / read_index(shards).splits["train"][2].path
    whole = path.read_bytes()
    good = list(ShardReader(shards, read_index(shards), "train", [2], 1).scoring_batches(100))
    chance = random.Random(0)
    num_refused = 0
    for _ in range(60):
        place = chance.randrange(len(whole))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << chance.randrange(8))]) + whole[place + 1 :])
        with pytest.raises(ShardError, match="checksum"):
            ShardReader(shards, read_index(shards), "train", [2], 1)
        # Even if the index knew no checksum: Parquet's own find it, or it lies in what training does not read.
        make_index_agree(shards, path)
        try:
            found = list(ShardReader(shards, read_index(shards), "train", [2], 1).scoring_batches(100))
        except ShardError:
            num_refused += 1
            continue
        for one, other in zip(good, found):
            for mine, yours in zip(one, other):
                np.testing.assert_array_equal(mine, yours)
    assert num_refused > 20
