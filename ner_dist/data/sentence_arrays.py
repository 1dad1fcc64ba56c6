"""Tables of sentences -> flat arrays: one of each kind for all sentences, and a number for each distinct form.

Axes: R sentences, M their tokens, N distinct forms (spellings). Behind the last token and the last character lies one
of padding, so that batches can be gathered without asking which places hold any.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ner_dist.contract.shard_format import PAD_ID, UNK_ID, Feature
from ner_dist.data.shard_file import list_values


class SentenceArrays(NamedTuple):
    length_R: np.ndarray
    sentence_id_R: np.ndarray
    # Where the tokens of each sentence begin.
    first_R: np.ndarray
    # Vocabulary ids, and distinct forms; their padding has a number of its own, the one after the last.
    word_M: np.ndarray
    spelling_M: np.ndarray
    # Padding is 0.
    tag_M: np.ndarray
    feature_FM: list[np.ndarray]
    # The characters of all forms end to end, where those of each form begin, and how many it has.
    char: np.ndarray
    char_first_N: np.ndarray
    char_length_N: np.ndarray


class _Part(NamedTuple):
    """What is kept of one table."""

    # By column; form: numbers of the spellings below.
    arrays: dict[str, np.ndarray]
    forms: pa.LargeBinaryArray


def sentence_arrays_of(
    tables: Iterable[pa.Table], features: list[Feature], num_words: int, num_known: int
) -> SentenceArrays:
    """The sentences of the tables, one after another, of which no two are in memory at once.

    num_words: size of the vocabulary. Words from num_known on are taken for unknown ones.
    """
    parts = [_part(table, features, num_known) for table in tables]
    spelling_N, number_of = _number([part.forms for part in parts])
    for part, numbers in zip(parts, number_of):
        part.arrays["form"] = numbers[part.arrays["form"]]

    def joined(name: str, *padding: int) -> np.ndarray:
        # Taken out, so that memory is given back array by array.
        found = [part.arrays.pop(name) for part in parts] or [np.zeros(0, np.int64)]
        return np.concatenate([*found, np.array(padding, found[0].dtype)])

    length_R = joined("length").astype(np.int64)
    char, char_first_N1 = _characters(spelling_N)
    return SentenceArrays(
        length_R=length_R,
        sentence_id_R=joined("sentence_id"),
        first_R=np.cumsum(length_R) - length_R,
        word_M=joined("word", num_words),
        spelling_M=joined("form", len(spelling_N)),
        tag_M=joined("tag", 0),
        feature_FM=[joined(feature.name, PAD_ID) for feature in features],
        char=char,
        char_first_N=char_first_N1[:-1],
        char_length_N=np.diff(char_first_N1),
    )


def _part(table: pa.Table, features: list[Feature], num_known: int) -> _Part:
    spelled = _spellings(table).dictionary_encode()
    arrays = {name: table[name].to_numpy() for name in ("length", "sentence_id")}
    arrays.update({name: list_values(table[name]) for name in ("word", "tag", *(feature.name for feature in features))})
    arrays["word"] = np.where(arrays["word"] < num_known, arrays["word"], np.int32(UNK_ID))
    return _Part({**arrays, "form": spelled.indices.to_numpy()}, spelled.dictionary)


def _spellings(table: pa.Table) -> pa.LargeBinaryArray:
    """Each token's characters as a byte string, two bytes a character, because Arrow hashes these."""
    char = np.ascontiguousarray(list_values(table["char"]), np.uint16)
    ends = np.concatenate(([0], np.cumsum(list_values(table["token_chars"]), dtype=np.int64))) * 2
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(char)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(ends) - 1, buffers)


def _number(forms: list[pa.LargeBinaryArray]) -> tuple[pa.LargeBinaryArray, list[np.ndarray]]:
    """All distinct ones in the order of their first appearance, and the numbers of those of each array."""
    if not forms:
        return pa.array([], pa.large_binary()), []
    together = pa.concat_arrays(forms).dictionary_encode()
    return together.dictionary, np.split(together.indices.to_numpy(), np.cumsum([len(f) for f in forms])[:-1])


def _characters(spelling_N: pa.LargeBinaryArray) -> tuple[np.ndarray, np.ndarray]:
    """Characters of all forms and one of padding, uint16, and where those of each form begin and the last ends."""
    if not len(spelling_N):
        return np.array([PAD_ID], np.uint16), np.zeros(1, np.int64)
    _, ends, values = spelling_N.buffers()
    first_N1 = np.frombuffer(ends, np.int64, len(spelling_N) + 1, spelling_N.offset * 8) // 2
    return np.append(np.frombuffer(values, np.uint16, first_N1[-1]), np.uint16(PAD_ID)), first_N1
