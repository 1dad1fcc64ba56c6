"""Flat arrays of sentences: the same however the tables are cut, with one token and one character of padding behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ner_dist.contract.shard_format import UNK_ID, read_index
from ner_dist.data.sentence_arrays import SentenceArrays, sentence_arrays_of


def arrays(flat: SentenceArrays) -> list[np.ndarray]:
    return [array for part in flat for array in (part if isinstance(part, list) else [part])]


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_tables_may_be_cut_anywhere(synth_shards: Path, rows: int) -> None:
    index = read_index(synth_shards)
    table = pa.concat_tables(pq.read_table(synth_shards / shard.path) for shard in index.splits["dev"])
    whole = sentence_arrays_of([table], index.features, 10_000, 10_000)
    cut = sentence_arrays_of((table.slice(i, rows) for i in range(0, len(table), rows)), index.features, 10_000, 10_000)
    for one, other in zip(arrays(whole), arrays(cut)):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_every_form_is_numbered_once_and_spelt_as_in_the_table(synth_shards: Path) -> None:
    index = read_index(synth_shards)
    table = pq.read_table(synth_shards / index.splits["train"][0].path)
    flat = sentence_arrays_of([table], index.features, 10_000, 20)
    forms = [tuple(flat.char[first : first + length]) for first, length in zip(flat.char_first_N, flat.char_length_N)]
    assert len(set(forms)) == len(forms)
    at = 0
    for words, chars, token_chars in zip(*(table[name].to_pylist() for name in ("word", "char", "token_chars"))):
        ends = np.cumsum(token_chars)
        for word, begin, end in zip(words, ends - token_chars, ends):
            assert forms[flat.spelling_M[at]] == tuple(chars[begin:end])
            assert flat.word_M[at] == (word if word < 20 else UNK_ID)
            at += 1
    # Numbers of padding: those after the last word and the last form.
    assert at == len(flat.word_M) - 1 == len(flat.tag_M) - 1
    assert (flat.word_M[at], flat.spelling_M[at], flat.tag_M[at], flat.char[-1]) == (10_000, len(forms), 0, 0)
    assert [feature_M[at] for feature_M in flat.feature_FM] == [0] * len(index.features)


def test_no_tables_are_no_sentences(synth_shards: Path) -> None:
    flat = sentence_arrays_of([], read_index(synth_shards).features, 50, 50)
    assert len(flat.length_R) == len(flat.first_R) == len(flat.char_length_N) == 0
    assert (flat.word_M.tolist(), flat.spelling_M.tolist(), flat.char.tolist()) == ([50], [0], [0])
