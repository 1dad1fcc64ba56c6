"""What the score over characters needs beside a split's batches: which sentences are recut, and the raw rows.

All of it is one rank's part of a split; shards without texts have none. Axes: R raw rows, M tokens of all raw rows, S
gold spans.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index
from ner_dist.contract.shard_tables import VerifiedShard, list_values, refuse
from ner_dist.data.shard_file import read_columns
from ner_dist.data.shard_reader import ShardReader, open_split

_RAW_COLUMNS = ["sentence_id", "length", "text", "start", "spans"]


class RawRows(NamedTuple):
    """Sentences as the tokenizer alone cuts them."""

    # Their batches; batch.tag_TB has the spans that fit the tokens.
    reader: ShardReader
    # Ascending.
    sentence_id_R: np.ndarray
    # Where the tokens of each row begin in start_M and end_M.
    offset_R: np.ndarray
    # Characters start .. end - 1 of the record's text are the token.
    start_M: np.ndarray
    end_M: np.ndarray
    # Gold entities: row (an index of sentence_id_R), start, end, type id; none occurs twice.
    span_S4: np.ndarray


class SplitTexts(NamedTuple):
    """The part of a split whose gold tokens cannot, or might not, express."""

    # Sentence ids, ascending: sentences that are scored by the raw rows instead.
    recut: np.ndarray
    # None if the split has none.
    raw: RawRows | None


def open_texts(
    config: Config, index: Index, split: str, directory: str | Path, num_ranks: int, rank: int, reader: ShardReader
) -> SplitTexts | None:
    """reader: of the split, opened for the same rank. None if the split has no texts. Raises ShardError."""
    if not index.has_gold_spans(split):
        return None
    recut = np.sort(np.concatenate([_recut_ids(file, index) for file in reader.files]))
    if split not in index.raw:
        return SplitTexts(recut, None)
    raw_index = dataclasses.replace(index, splits=index.raw)
    raw_reader = open_split(config, raw_index, split, directory, num_ranks, rank)
    return SplitTexts(recut, _read_raw_rows(raw_reader, index))


def _recut_ids(shard: VerifiedShard, index: Index) -> np.ndarray:
    table = read_columns(shard, index, ["sentence_id", "recut"])
    return table["sentence_id"].to_numpy()[table["recut"].to_numpy()]


def _read_raw_rows(reader: ShardReader, index: Index) -> RawRows:
    parts = [_columns(file, index) for file in reader.files]
    sentence_id_R, length_R, num_spans_R, start_M, end_M, span_S3 = (np.concatenate(arrays) for arrays in zip(*parts))
    order_R = np.argsort(sentence_id_R, kind="stable")
    again_R = np.diff(sentence_id_R[order_R]) == 0
    if again_R.any():
        taken = sentence_id_R[order_R][again_R.argmax()]
        refuse(reader.files[0], f"here and in raw shards beside it, two raw rows have sentence_id {taken}", "one each")
    row_R = np.empty(len(order_R), np.int64)
    row_R[order_R] = np.arange(len(order_R))
    span_S4 = np.column_stack([np.repeat(row_R, num_spans_R), span_S3])
    offset_R = np.cumsum(length_R) - length_R
    return RawRows(
        reader, sentence_id_R[order_R], offset_R[order_R], start_M, end_M, np.unique(span_S4, axis=0).reshape(-1, 4)
    )


def _columns(shard: VerifiedShard, index: Index) -> tuple[np.ndarray, ...]:
    """Sentence ids, lengths and numbers of spans; starts and ends of tokens; start, end and type of spans, (S, 3)."""
    table = read_columns(shard, index, _RAW_COLUMNS)
    sentence_id_R, length_R = (table[name].to_numpy().astype(np.int64) for name in ("sentence_id", "length"))
    found_R = pc.list_value_length(table["start"]).to_numpy()
    if (found_R != length_R).any():
        i = (found_R != length_R).argmax()
        refuse(shard, f"row {i} has {found_R[i]} values in column start", f"{length_R[i]}, its length")
    num_values_R = pc.list_value_length(table["spans"]).to_numpy().astype(np.int64)
    if (num_values_R % 3).any():
        i = (num_values_R % 3).argmax()
        refuse(shard, f"row {i} has {num_values_R[i]} values in column spans", "start, end and type of each entity")
    start_M = list_values(table["start"]).astype(np.int64)
    span_S3 = list_values(table["spans"]).astype(np.int64).reshape(-1, 3)
    begin_S, end_S, type_S = span_S3.T
    if len(start_M) and start_M.min() < 0:
        refuse(shard, f"column start has {start_M.min()}", "characters of a text, from 0")
    wrong_S = (begin_S < 0) | (begin_S >= end_S) | (type_S < 0) | (type_S >= len(index.entity_types))
    if wrong_S.any():
        found = span_S3[wrong_S.argmax()].tolist()
        refuse(shard, f"column spans has {found}", f"start < end and a type below {len(index.entity_types)}")
    text = pa.chunked_array([chunk.flatten() for chunk in table["text"].chunks], pa.string())
    end_M = start_M + pc.utf8_length(text).to_numpy()
    return sentence_id_R, length_R, num_values_R // 3, start_M, end_M, span_S3
