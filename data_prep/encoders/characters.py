"""Tokens -> character ids. A part of a corpus counts its characters; the vocabulary comes from the counts of all parts.

Axes: V distinct tokens, C their characters, one token after another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_prep.encoders.vocab import PAD, Vocab, count_ids, fit_values
from ner_dist.contract.shard_format import CHAR_TYPES, CHAR_UNK_IDS, NUM_CHAR_SPECIALS, UNK_ID
from ner_dist.contract.spelling import char_type, shorten

# Character ids are 16 bits wide in the shards.
MAX_CHAR_VALUES = 1 << 16
# Tokens whose characters are processed together, because arrays of characters are large.
TOKENS_AT_ONCE = 1 << 14
# Stands for a code point whose id is not known yet.
_UNKNOWN = -1


class CharCounts(NamedTuple):
    """The code points of some tokens, ascending, and how often each occurs in train."""

    codes: np.ndarray
    counts: np.ndarray


class CharEncoding(NamedTuple):
    """The characters of the V distinct tokens."""

    # Character ids (uint16) as bytes, one value per token: Arrow gathers such values several times faster than NumPy.
    bytes_V: pa.LargeBinaryArray
    # Characters of each token: int32.
    length_V: np.ndarray


def _code_points(token_V: Sequence[str], max_chars: int) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """(which tokens, their code points one token after another, characters of each), TOKENS_AT_ONCE at a time."""
    for begin in range(0, len(token_V), TOKENS_AT_ONCE):
        some = slice(begin, begin + TOKENS_AT_ONCE)
        shown = [shorten(token, max_chars) for token in token_V[some]]
        code_C = np.frombuffer("".join(shown).encode("utf-32-le"), "<u4")
        yield some, code_C, np.array([len(token) for token in shown], np.int32)


def count_chars(token_V: Sequence[str], count_V: np.ndarray, max_chars: int) -> CharCounts:
    """count_V: how often each token occurs in train."""
    counts, occurs = np.zeros(0, np.int64), np.zeros(0, bool)
    for some, code_C, length_V in _code_points(token_V, max_chars):
        size = max(len(counts), int(code_C.max(initial=0)) + 1)
        counts, occurs = np.pad(counts, (0, size - len(counts))), np.pad(occurs, (0, size - len(occurs)))
        counts += count_ids(code_C, np.repeat(count_V[some], length_V), size)
        occurs[code_C] = True
    codes = np.flatnonzero(occurs)
    return CharCounts(codes, counts[codes])


def sum_chars(parts: Iterable[CharCounts]) -> CharCounts:
    total = CharCounts(np.zeros(0, np.int64), np.zeros(0, np.int64))
    for part in parts:
        codes = np.union1d(total.codes, part.codes)
        counts = np.zeros(len(codes), np.int64)
        for some in (total, part):
            counts[np.searchsorted(codes, some.codes)] += some.counts
        total = CharCounts(codes, counts)
    return total


def fit_chars(found: CharCounts, min_count: int) -> Vocab:
    """The characters that are frequent enough; a rare one counts as the <unk-...> of its type."""
    texts = [chr(code) for code in found.codes]
    frequent = fit_values(texts, found.counts, min_count)
    kept = slice(UNK_ID + 1, UNK_ID + 1 + MAX_CHAR_VALUES - NUM_CHAR_SPECIALS)
    special_types = ["pad", *sorted(CHAR_UNK_IDS, key=lambda kind: CHAR_UNK_IDS[kind])]
    values = [PAD, *(f"<unk-{kind}>" for kind in special_types[1:]), *frequent.values[kept]]
    types = [CHAR_TYPES.index(kind) for kind in (*special_types, *map(char_type, frequent.values[kept]))]
    return counted_chars(found, values, types)


def counted_chars(found: CharCounts, values: list[str], types: list[int]) -> Vocab:
    """A vocabulary of characters, with how often each id occurs."""
    id_of_code = _CharIds(values).of_codes(found.codes)
    return Vocab(values, count_ids(id_of_code, found.counts, len(values)).tolist(), types)


class _CharIds:
    def __init__(self, values: Sequence[str]) -> None:
        self._ids = {char: char_id for char_id, char in enumerate(values) if char_id >= NUM_CHAR_SPECIALS}

    def of_codes(self, codes: np.ndarray) -> np.ndarray:
        """uint16; a character that is not in the vocabulary gets the <unk-...> of its type."""
        texts = map(chr, codes.tolist())
        return np.array([self._ids.get(text) or CHAR_UNK_IDS[char_type(text)] for text in texts], np.uint16)


def encode_chars(token_V: Sequence[str], max_chars: int, values: Sequence[str]) -> CharEncoding:
    """values: of the vocabulary of characters."""
    ids, id_of_code = _CharIds(values), np.zeros(0, np.int32)
    id_C, length_V = [np.zeros(0, np.uint16)], [np.zeros(0, np.int32)]
    for _, code_C, some_length_V in _code_points(token_V, max_chars):
        more = max(0, int(code_C.max(initial=0)) + 1 - len(id_of_code))
        id_of_code = np.pad(id_of_code, (0, more), constant_values=_UNKNOWN)
        some_id_C = id_of_code[code_C]
        if (some_id_C == _UNKNOWN).any():
            new = np.unique(code_C[some_id_C == _UNKNOWN])
            id_of_code[new] = ids.of_codes(new)
            some_id_C = id_of_code[code_C]
        id_C.append(some_id_C.astype(np.uint16))
        length_V.append(some_length_V)
    whole_id_C, whole_length_V = np.concatenate(id_C), np.concatenate(length_V)
    offsets = np.append(0, np.cumsum(whole_length_V, dtype=np.int64) * whole_id_C.itemsize)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(whole_id_C)]
    bytes_V = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(whole_length_V), buffers)
    return CharEncoding(bytes_V, whole_length_V)


def gather_chars(chars: CharEncoding, token_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The character ids of a sequence of tokens, one token after another, and the number of each token's (M,)."""
    length_M = chars.length_V[token_M]
    _, _, data = chars.bytes_V.take(pa.array(token_M)).buffers()
    return np.frombuffer(data, np.uint16, int(length_M.sum())), length_M
