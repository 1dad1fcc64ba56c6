"""What fuzzing has found in readers that have no tests of such files themselves."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ner_dist.contract import shard_tables
from ner_dist.contract.shard_format import ShardError
from ner_dist.foreign.json_files import read_bytes


def test_a_small_file_takes_little_memory_whatever_its_kind_may_have(tmp_path: Path) -> None:
    (tmp_path / "small.json").write_bytes(b"{}")
    tracemalloc.start()
    try:
        assert read_bytes(tmp_path / "small.json", 1 << 30) == b"{}"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_shard_whose_columns_have_no_name_in_utf_8_is_refused(tmp_path: Path) -> None:
    path, nothing = tmp_path / "dev-00000.parquet", np.zeros(0, np.int64)
    pq.write_table(pa.table({"sentence_id": [1]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"sentence_id", b"\xdbentence_id"))
    # The index is not looked at before the file has been opened.
    index: Any = None
    shard = shard_tables.VerifiedShard(path, index, nothing, nothing, shard_tables._identity(path))
    with (
        pytest.raises(ShardError, match=r"not readable as Parquet .*; rebuild the shards"),
        shard_tables.parquet_file(shard, index, []),
    ):
        pass
