"""What the score over characters reads: recut sentences and raw rows; damaged or contradictory ones are refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from row_groups import group_sizes, with_entry, write_groups
from text_shards import NUM_WORDS, TextRow, WordNetwork, write_shard, write_text_shards

from ner_dist import config
from ner_dist.contract.shard_format import Index, ShardError, read_index, write_index
from ner_dist.data.raw_rows import SplitTexts, open_texts
from ner_dist.data.shard_reader import open_split
from ner_dist.evaluation.characters import CharacterTally

ROW = TextRow(0, [1, 2], [0, 4], ["ab", "c"], [0, 3], [(3, 4, 0)])
# Of lengths in two buckets, so that rows are not in the order of their ids.
MAIN = [ROW._replace(sentence_id=i, recut=i in (1, 4, 5)) for i in range(6)]
LONG = ([1] * 5, [0] * 5, ["\U0001f600b"] * 5, [3, 6, 9, 12, 15])
RAW = [
    TextRow(0, *LONG, [(4, 8, 1), (3, 5, 0), (4, 8, 1)], recut=True),
    *(ROW._replace(sentence_id=i, recut=True) for i in (1, 2, 3, 4)),
]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    write_text_shards(tmp_path / "shards", MAIN, RAW, 3)
    return tmp_path / "shards"


def opened(shards: Path, num_ranks: int = 1, rank: int = 0, split: str = "dev") -> SplitTexts:
    part = (config.parse([])[0], read_index(shards), split, shards, num_ranks, rank)
    texts = open_texts(*part, open_split(*part))
    assert texts is not None
    return texts


def test_recut_sentences_and_raw_rows_are_those_of_the_ranks_own_shards(shards: Path) -> None:
    texts = opened(shards)
    assert texts.recut.tolist() == [1, 4, 5]
    assert texts.raw is not None
    assert texts.raw.sentence_id_R.tolist() == [0, 1, 2, 3, 4]
    parts = [opened(shards, 3, rank) for rank in range(3)]
    assert sorted(i for part in parts for i in part.recut.tolist()) == [1, 4, 5]
    assert sorted(i for part in parts if part.raw for i in part.raw.sentence_id_R.tolist()) == [0, 1, 2, 3, 4]


def test_places_are_code_points_and_a_span_counts_once(shards: Path) -> None:
    raw = opened(shards).raw
    assert raw is not None
    first = raw.offset_R[0]
    assert raw.start_M[first : first + 5].tolist() == [3, 6, 9, 12, 15]
    assert raw.end_M[first : first + 5].tolist() == [5, 8, 11, 14, 17]
    assert raw.span_S4[:2].tolist() == [[0, 3, 5, 0], [0, 4, 8, 1]]
    assert raw.span_S4[2:].tolist() == [[row, 3, 4, 0] for row in (1, 2, 3, 4)]


def test_a_split_may_have_no_raw_rows(shards: Path, tmp_path: Path) -> None:
    assert opened(shards, split="train").raw is None
    write_text_shards(tmp_path / "empty", MAIN, [], 3)
    empty = opened(tmp_path / "empty")
    assert empty.raw is not None
    assert empty.raw.span_S4.shape == (0, 4)
    tally = CharacterTally(empty, 3)
    tally.add_raw_rows(WordNetwork(), 10)
    assert not np.any(tally.counts.to_vector())


# --- Faults


def refusal(shards: Path, rows: list[TextRow], change: Callable[[Index], Index] = lambda index: index) -> str:
    """What is said of a set whose second raw shard of dev has these rows."""
    index = read_index(shards)
    first, _, *others = index.raw["dev"]
    entry = write_shard(shards / "dev-raw-00001.parquet", rows)
    write_index(shards, change(dataclasses.replace(index, raw={**index.raw, "dev": [first, entry, *others]})))
    with pytest.raises(ShardError) as caught:
        opened(shards)
    message = str(caught.value)
    assert message.endswith("; rebuild the shards")
    return message.replace(str(shards), "SET")[: -len("; rebuild the shards")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"starts": [0]}, "row 0 has 1 values in column start, expected 2, its length"),
        ({"tokens": ["ab", "c", "d"]}, "row 0 has 3 values in column text, expected 2, its length"),
        ({"spans": [(3, 4)]}, "row 0 has 2 values in column spans, expected start, end and type of each entity"),
        ({"spans": [(4, 4, 0)]}, "column spans has [4, 4, 0], expected start < end and a type below 3"),
        ({"spans": [(3, 4, 3)]}, "column spans has [3, 4, 3], expected start < end and a type below 3"),
        ({"spans": [(-1, 4, 1)]}, "column spans has [-1, 4, 1], expected start < end and a type below 3"),
        ({"starts": [-1, 3]}, "column start has -1, expected characters of a text, from 0"),
        ({"words": [1, NUM_WORDS]}, f"column word has ids 1 to {NUM_WORDS}, expected 0 to {NUM_WORDS - 1}"),
    ],
)
def test_a_raw_row_that_contradicts_itself_is_refused(change: dict[str, Any], message: str, shards: Path) -> None:
    assert refusal(shards, [ROW._replace(**change)]) == f"SET/dev-raw-00001.parquet: {message}"


def test_raw_shards_are_as_many_as_those_of_the_split(shards: Path) -> None:
    fewer = refusal(shards, [ROW], lambda i: dataclasses.replace(i, raw={"dev": i.raw["dev"][:2]}))
    assert fewer == "SET/index.json: 2 shards of dev-raw, expected 3, as many as of other splits"


def test_two_raw_rows_of_one_name_are_refused(shards: Path) -> None:
    message = refusal(shards, [ROW._replace(sentence_id=4), ROW._replace(sentence_id=4)])
    assert message.endswith("two raw rows have sentence_id 4, expected one each")


def test_a_damaged_raw_shard_is_named(shards: Path) -> None:
    path = shards / "dev-raw-00000.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ShardError, match=r"dev-raw-00000\.parquet: checksum"):
        opened(shards)


def test_a_column_that_is_missing_or_of_another_type_is_refused(shards: Path) -> None:
    index = read_index(shards)
    entry = index.splits["dev"][0]
    table, sizes = pq.read_table(shards / entry.path), group_sizes(shards / entry.path)
    place = table.schema.get_field_index("recut")
    for changed, found in (
        (table.remove_column(place), "missing"),
        (table.set_column(place, "recut", pa.array([0] * len(table))), "int64"),
    ):
        write_groups(shards / entry.path, changed, sizes)
        files = [with_entry(shards, entry), *index.splits["dev"][1:]]
        write_index(shards, dataclasses.replace(index, splits={**index.splits, "dev": files}))
        with pytest.raises(ShardError, match=rf"dev-00000\.parquet: column recut is {found}, expected bool"):
            opened(shards)
