"""Tables of shards -> SentenceArrays, whose axes these are. Apart from them, because new text comes in no tables."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from ner_dist.contract.shard_format import PAD_ID, UNK_ID, Feature
from ner_dist.contract.shard_tables import list_values
from ner_dist.data.sentence_arrays import SentenceArrays


def concatenate_tables(
    tables: Iterable[pa.Table], features: list[Feature], num_words: int, num_known: int
) -> SentenceArrays:
    """The sentences of all tables, of which one is in memory at a time.

    num_words: size of the vocabulary. Word ids from num_known on become UNK_ID.
    """
    parts = [_columns(table, features, num_known) for table in tables]
    spelling_N, numbers = _merge_dictionaries([dictionary for _, dictionary in parts])
    for (columns, _), number in zip(parts, numbers):
        columns["spelling"] = number[columns["spelling"]]

    def join(name: str, *padding: int) -> np.ndarray:
        # Popped, so that memory is freed array by array.
        found = [columns.pop(name) for columns, _ in parts] or [np.zeros(0, np.int64)]
        return np.concatenate([*found, np.array(padding, found[0].dtype)])

    length_R = join("length").astype(np.int64)
    char, char_offset_N1 = _characters(spelling_N)
    return SentenceArrays(
        length_R=length_R,
        sentence_id_R=join("sentence_id"),
        offset_R=np.cumsum(length_R) - length_R,
        word_M=join("word", num_words),
        spelling_M=join("spelling", len(spelling_N)),
        tag_M=join("tag", 0),
        feature_FM=[join(feature.name, PAD_ID) for feature in features],
        char=char,
        char_offset_N=char_offset_N1[:-1],
        char_length_N=np.diff(char_offset_N1),
    )


def _columns(
    table: pa.Table, features: list[Feature], num_known: int
) -> tuple[dict[str, np.ndarray], pa.LargeBinaryArray]:
    """The table's columns, and the dictionary of distinct spellings that the column spelling refers to."""
    spelling = _spellings(table).dictionary_encode()
    columns = {name: list_values(table[name]) for name in ("word", "tag", *(feature.name for feature in features))}
    columns.update({name: table[name].to_numpy() for name in ("length", "sentence_id")})
    columns["spelling"] = spelling.indices.to_numpy()
    columns["word"] = np.where(columns["word"] < num_known, columns["word"], np.int32(UNK_ID))
    return columns, spelling.dictionary


def _spellings(table: pa.Table) -> pa.LargeBinaryArray:
    """Each token's characters as a byte string, two bytes a character: Arrow deduplicates byte strings."""
    char = np.ascontiguousarray(list_values(table["char"]), np.uint16)
    offsets = np.concatenate(([0], np.cumsum(list_values(table["token_chars"]), dtype=np.int64))) * 2
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(char)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _merge_dictionaries(dictionaries: list[pa.LargeBinaryArray]) -> tuple[pa.LargeBinaryArray, list[np.ndarray]]:
    """All distinct values in the order of first appearance, and by dictionary the number of each of its values."""
    merged = pa.chunked_array(dictionaries, pa.large_binary()).combine_chunks().dictionary_encode()
    return merged.dictionary, np.split(merged.indices.to_numpy(), np.cumsum(list(map(len, dictionaries)))[:-1])


def _characters(spelling_N: pa.LargeBinaryArray) -> tuple[np.ndarray, np.ndarray]:
    """The characters of all spellings and one of padding, uint16, and N + 1 offsets into them."""
    if not len(spelling_N):
        return np.array([PAD_ID], np.uint16), np.zeros(1, np.int64)
    _, offsets, values = spelling_N.buffers()
    offset_N1 = np.frombuffer(offsets, np.int64, len(spelling_N) + 1, spelling_N.offset * 8) // 2
    return np.append(np.frombuffer(values, np.uint16, offset_N1[-1]), np.uint16(PAD_ID)), offset_N1
