"""The rows of a shard set as it is stored, for tests of what writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from ner_dist.contract.shard_format import Index


def shard_rows(out: Path, index: Index, split: str, raw: bool = False) -> list[dict[str, Any]]:
    """All sentences of a split, or its raw rows, in corpus order, with the shard and bucket that hold them."""
    found = []
    for shard_id, shard in enumerate((index.raw if raw else index.splits)[split]):
        file = pq.ParquetFile(out / shard.path, page_checksum_verification=True)
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            buckets = {int(np.searchsorted(index.bucket_edges, length)) for length in table["length"].to_pylist()}
            assert len(buckets) == 1, "a row group mixes buckets"
            found += [{**row, "shard": shard_id, "bucket": min(buckets)} for row in table.to_pylist()]
    return sorted(found, key=lambda row: row["sentence_id"])
