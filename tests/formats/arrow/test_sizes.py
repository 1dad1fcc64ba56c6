"""Arrow and Parquet files that say how much will come of them are believed only if it is not too much."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from read_format import read_file

from data_prep.problems import CorpusError
from data_prep.sources import caps as caps_module
from data_prep.sources.caps import Caps

_NUM_TOKENS = 100_000
_SCHEMA = pa.schema({"tokens": pa.list_(pa.string()), "ner_tags": pa.list_(pa.string())})


def _table(num_tokens: int = _NUM_TOKENS) -> pa.Table:
    """One sentence of the same token again and again."""
    return pa.table({"tokens": [["a" * 40] * num_tokens], "ner_tags": [["O"] * num_tokens]}, _SCHEMA)


def _as_parquet(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path, compression="zstd", data_page_size=1 << 14)


def _as_file(path: Path, table: pa.Table) -> None:
    with pa.ipc.new_file(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)


def _as_stream(path: Path, table: pa.Table) -> None:
    with pa.ipc.new_stream(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)


@pytest.mark.parametrize("write", [_as_file, _as_stream])
def test_compressed_batches_that_become_too_large_are_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, pa.Table], None]
) -> None:
    monkeypatch.setattr(caps_module, "MIN_RATIO_BYTES", 10_000)
    write(tmp_path / "c", _table())
    with pytest.raises(CorpusError, match=r"c: .* more than 3 times as much, .* --max-ratio N"):
        read_file(tmp_path / "c", caps=Caps(ratio=3))
    assert len(read_file(tmp_path / "c").tokens[0]) == _NUM_TOKENS


def test_a_column_of_the_same_value_takes_no_bytes_and_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_parquet(tmp_path / "c", _table())
    assert (tmp_path / "c").stat().st_size < 5000
    assert len(read_file(tmp_path / "c").tokens[0]) == _NUM_TOKENS
    monkeypatch.setattr("data_prep.formats.arrow.parquet_sizes._FREE_VALUES", 10_000)
    with pytest.raises(
        CorpusError, match=r"c: it says that one of its columns holds [0-9,]+ values in .* --max-ratio N"
    ):
        read_file(tmp_path / "c", caps=Caps(ratio=1))


def test_rows_of_nulls_take_no_memory_and_are_refused(tmp_path: Path) -> None:
    nothing = pa.RecordBatch.from_arrays([pa.nulls(10**9), pa.nulls(10**9)], ["tokens", "ner_tags"])
    with pa.ipc.new_stream(tmp_path / "c", nothing.schema) as writer:
        writer.write_batch(nothing)
    with pytest.raises(CorpusError, match=r"c: the file is damaged or incomplete \(1,000,000,000 rows in 0 bytes\)"):
        read_file(tmp_path / "c")


@pytest.mark.parametrize("write", [_as_parquet, _as_file, _as_stream])
def test_every_kind_of_column_is_read(tmp_path: Path, write: Callable[[Path, pa.Table], None]) -> None:
    """Dictionaries, statistics, several batches and deep metadata, beside what is read."""
    table = pa.table(
        {
            "id": ["a", "b"],
            "tokens": [["x", "y"], ["z"]],
            "ner_tags": pa.array([["O", "B-PER"], ["O"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
            "extra": [{"a": [1], "b": None}, {"a": [], "b": 2.5}],
            "more": pa.array(["u", "v"]).dictionary_encode(),
        }
    ).replace_schema_metadata({"huggingface": json.dumps({"deep": [[[[{}]]]]})})
    write(tmp_path / "c", pa.concat_tables([table] * 3))
    assert read_file(tmp_path / "c").tokens == [["x", "y"], ["z"]] * 3
