"""Ragged arrays of sentences: the same however the tables are cut, with padding after the last token and character."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ner_dist.contract.shard_format import UNK_ID, read_index
from ner_dist.data.concatenate_tables import concatenate_tables
from ner_dist.data.sentence_arrays import SentenceArrays


def arrays(sentences: SentenceArrays) -> list[np.ndarray]:
    return [array for part in sentences for array in (part if isinstance(part, list) else [part])]


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_tables_may_be_cut_anywhere(synth_shards: Path, rows: int) -> None:
    index = read_index(synth_shards)
    table = pa.concat_tables(pq.read_table(synth_shards / shard.path) for shard in index.splits["dev"])
    whole = concatenate_tables([table], index.features, 10_000, 10_000)
    cut = concatenate_tables((table.slice(i, rows) for i in range(0, len(table), rows)), index.features, 10_000, 10_000)
    for one, other in zip(arrays(whole), arrays(cut)):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_every_spelling_is_numbered_once_and_is_that_of_the_table(synth_shards: Path) -> None:
    index = read_index(synth_shards)
    table = pq.read_table(synth_shards / index.splits["train"][0].path)
    found = concatenate_tables([table], index.features, 10_000, 20)
    spellings = [
        tuple(found.char[first : first + length]) for first, length in zip(found.char_offset_N, found.char_length_N)
    ]
    assert len(set(spellings)) == len(spellings)
    at = 0
    for words, chars, token_chars in zip(*(table[name].to_pylist() for name in ("word", "char", "token_chars"))):
        ends = np.cumsum(token_chars)
        for word, begin, end in zip(words, ends - token_chars, ends):
            assert spellings[found.spelling_M[at]] == tuple(chars[begin:end])
            assert found.word_M[at] == (word if word < 20 else UNK_ID)
            at += 1
    # Numbers of padding: those after the last word and the last spelling.
    assert at == len(found.word_M) - 1 == len(found.tag_M) - 1
    assert (found.word_M[at], found.spelling_M[at], found.tag_M[at], found.char[-1]) == (10_000, len(spellings), 0, 0)
    assert [feature_M[at] for feature_M in found.feature_FM] == [0] * len(index.features)


def test_no_tables_are_no_sentences(synth_shards: Path) -> None:
    found = concatenate_tables([], read_index(synth_shards).features, 50, 50)
    assert len(found.length_R) == len(found.offset_R) == len(found.char_length_N) == 0
    assert (found.word_M.tolist(), found.spelling_M.tolist(), found.char.tolist()) == ([50], [0], [0])
