"""Shards -> batches: reads one rank's shards of a split, checks them, and pads sentences into arrays.

Axes: T tokens of the longest sentence, B sentences, W distinct words, N distinct forms (spellings),
P characters of the longest form, C the same with padding on both sides, F features.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ner_dist.plan import Step
from ner_dist.shard_format import PAD_ID, UNK_ID, Index, ShardError, ShardFile, read_vocab, shard_schema, verify_file


class Batch(NamedTuple):
    """One rank's part of a step. Time comes first, as the recurrent layers want it."""

    # Vocabulary ids of the batch's words, rising, int64 (W); word_TB (int32) points into it.
    word_ids_W: np.ndarray
    word_TB: np.ndarray
    # Characters of each distinct form; a word of the batch is looked up in it through form_TB.
    char_NC: np.ndarray
    char_type_NC: np.ndarray
    # float32: 1 beyond a form's last character, where no window may be centred; 0 elsewhere.
    beyond_NC1: np.ndarray
    form_TB: np.ndarray
    feature_FTB: np.ndarray
    tag_TB: np.ndarray
    # float32: 1 at tokens, 0 at padding.
    mask_TB: np.ndarray
    length_B: np.ndarray
    sentence_id_B: np.ndarray

    @property
    def num_tokens(self) -> int:
        return int(self.length_B.sum())


class Sentences:
    """The sentences of one rank's shards of one split, flat in memory, and the batches made of them."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        index: Index,
        split: str,
        shards: list[int],
        char_padding: int,
        num_words: int | None = None,
    ) -> None:
        """Read and check the shards; char_padding padding characters will go on both sides of a form.

        split: one, or train+dev, whose shards of the same number are taken together. num_words: word ids from there
        on are read as unknown ones. Raises ShardError naming the file and what is wrong with it.
        """
        entries = [index.splits[part][shard] for shard in shards for part in split.split("+")]
        tables = [_read_shard(Path(directory), index, entry) for entry in entries]
        table = pa.concat_tables(tables).combine_chunks() if tables else pa.table({})
        self._char_types = np.asarray(read_vocab(directory, index, "char")["types"], np.int32)
        self._char_padding = char_padding
        self._length = table["length"].to_numpy().astype(np.int64)
        self._sentence_id = table["sentence_id"].to_numpy()
        self._first_token = np.cumsum(self._length) - self._length
        word = _flat(table["word"])
        self._word = word if num_words is None else np.where(word < num_words, word, UNK_ID)
        self._tag = _flat(table["tag"])
        self._features = [_flat(table[feature.name]) for feature in index.features]
        self._form, self._form_chars, self._form_first, self._form_length = _distinct_forms(table)
        # Rows in the order of (shard, bucket), and where each of these begins.
        rows = np.array([entry.rows for entry in entries], np.int64).reshape(len(shards), -1, index.num_buckets)
        cells = np.arange(len(shards) * index.num_buckets).reshape(len(shards), 1, index.num_buckets)
        self._row = np.argsort(np.repeat(np.broadcast_to(cells, rows.shape).ravel(), rows.ravel()), kind="stable")
        rows_SB = rows.sum(1)
        self._first_row = dict(zip(shards, (np.cumsum(rows_SB) - rows_SB.ravel()).reshape(rows_SB.shape)))

    def step_batch(self, step: Step) -> Batch | None:
        """The batch of a plan's step, or None if this rank has no part in it."""
        rows = [self._row[self._first_row[shard][step.bucket_id] + rows] for shard, rows in step.parts]
        return self._batch(np.concatenate(rows)) if rows else None

    def scoring_batches(self, batch_sentences: int) -> Iterator[Batch]:
        """Every sentence once, in batches of similar length."""
        rows = np.argsort(self._length, kind="stable")
        for first in range(0, len(rows), batch_sentences):
            yield self._batch(rows[first : first + batch_sentences])

    def _batch(self, rows: np.ndarray) -> Batch:
        """The sentences at rows, (B,), padded to the longest of them."""
        length_B = self._length[rows]
        # (T, B) positions of tokens in the flat arrays, and which of them are tokens at all.
        offset_T1 = np.arange(length_B.max())[:, None]
        real_TB = offset_T1 < length_B
        at_TB = np.where(real_TB, self._first_token[rows] + offset_T1, 0)

        word_ids_W, word_M = np.unique(self._word[at_TB[real_TB]], return_inverse=True)
        form_ids_N, form_M = np.unique(self._form[at_TB[real_TB]], return_inverse=True)
        char_NC, beyond_NC1 = self._characters(form_ids_N)
        return Batch(
            word_ids_W=word_ids_W.astype(np.int64),
            word_TB=_scatter(real_TB, word_M),
            char_NC=char_NC,
            char_type_NC=self._char_types[char_NC],
            beyond_NC1=beyond_NC1,
            form_TB=_scatter(real_TB, form_M),
            feature_FTB=np.stack([np.where(real_TB, f[at_TB], PAD_ID).astype(np.int32) for f in self._features])
            if self._features
            else np.zeros((0, *real_TB.shape), np.int32),
            tag_TB=np.where(real_TB, self._tag[at_TB], 0).astype(np.int32),
            mask_TB=real_TB.astype(np.float32),
            length_B=length_B,
            sentence_id_B=self._sentence_id[rows],
        )

    def _characters(self, form_ids_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        length_N = self._form_length[form_ids_N]
        offset_P = np.arange(length_N.max())
        real_NP = offset_P < length_N[:, None]
        at_NP = np.where(real_NP, self._form_first[form_ids_N][:, None] + offset_P, 0)
        char_NP = np.where(real_NP, self._form_chars[at_NP], PAD_ID).astype(np.int32)
        sides = ((0, 0), (self._char_padding, self._char_padding))
        beyond_NC = np.pad(~real_NP, sides).astype(np.float32)
        return np.pad(char_NP, sides, constant_values=PAD_ID), beyond_NC[:, :, None]


def _scatter(real_TB: np.ndarray, values_M: np.ndarray) -> np.ndarray:
    """Values of the tokens at their (T, B) places, 0 at padding."""
    placed = np.zeros(real_TB.shape, np.int32)
    placed[real_TB] = values_M
    return placed


def _flat(column: pa.ChunkedArray) -> np.ndarray:
    chunks = [chunk.flatten().to_numpy() for chunk in column.chunks]
    return np.concatenate(chunks) if chunks else np.zeros(0, np.int64)


def _distinct_forms(table: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Number the spellings: (form id of each token, characters of all forms flat, first and length of each form)."""
    char = np.ascontiguousarray(_flat(table["char"]), np.uint16)
    token_chars = _flat(table["token_chars"]).astype(np.int64)
    # Arrow hashes byte strings, so each token's characters become one, two bytes a character.
    ends = np.concatenate(([0], np.cumsum(token_chars))) * 2
    spelled = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(token_chars), [None, pa.py_buffer(ends.astype(np.int64)), pa.py_buffer(char)]
    ).dictionary_encode()
    forms = spelled.dictionary
    offsets = np.frombuffer(forms.buffers()[1], np.int64, len(forms) + 1, forms.offset * 8) // 2
    form_chars = np.frombuffer(forms.buffers()[2], np.uint16) if len(char) else char
    return spelled.indices.to_numpy(), form_chars, offsets[:-1], np.diff(offsets)


def _read_shard(directory: Path, index: Index, entry: ShardFile) -> pa.Table:
    """One shard's training columns, verified against the index."""
    path = verify_file(directory, entry)
    schema = shard_schema(index.num_tags, index.features)
    columns = [name for name in schema.names if name != "text"]
    try:
        table = pq.read_table(path, columns=columns, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise ShardError(f"{path}: not readable as Parquet ({error}); rebuild the shards") from error
    for name in columns:
        found = table.schema.field(name).type
        if found != schema.field(name).type:
            raise ShardError(
                f"{path}: column {name} is {found}, expected {schema.field(name).type}; rebuild the shards"
            )
    _check_rows(path, table, index, entry)
    return table


def _check_rows(path: Path, table: pa.Table, index: Index, entry: ShardFile) -> None:
    """MXNet clips ids that are out of range without a word, so they are looked for here."""

    def refuse(found: str, expected: str) -> None:
        raise ShardError(f"{path}: {found}, expected {expected}; rebuild the shards")

    length = table["length"].to_numpy().astype(np.int64)
    if len(length) != sum(entry.rows):
        refuse(f"{len(length)} sentences", f"{sum(entry.rows)} as {path.parent.name}'s index says")
    edges = np.repeat(index.bucket_edges, entry.rows)
    floors = np.repeat([0, *index.bucket_edges[:-1]], entry.rows)
    if ((length > edges) | (length <= floors)).any():
        row = int(np.flatnonzero((length > edges) | (length <= floors))[0])
        refuse(f"row {row} has {length[row]} tokens", f"{floors[row] + 1} to {edges[row]} in its bucket")
    num_ids = {
        "word": index.vocab["word"].num_values,
        "char": index.vocab["char"].num_values,
        "tag": index.num_tags,
        **{feature.name: feature.num_values for feature in index.features},
    }
    for name, limit in num_ids.items():
        ids = _flat(table[name])
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < limit:
            refuse(f"column {name} holds ids {int(ids.min())} to {int(ids.max())}", f"0 to {limit - 1}")
    for name in ("word", "tag", "token_chars", *(feature.name for feature in index.features)):
        per_row = np.concatenate([np.diff(chunk.offsets.to_numpy()) for chunk in table[name].chunks] or [length])
        if (per_row != length).any():
            row = int(np.flatnonzero(per_row != length)[0])
            refuse(f"row {row} has {per_row[row]} values in column {name}", f"{length[row]}, its length")
    token_chars = _flat(table["token_chars"]).astype(np.int64)
    if len(token_chars) and (token_chars.min() < 1 or token_chars.sum() != len(_flat(table["char"]))):
        refuse("token_chars does not add up to the characters", "one count of at least 1 a token")
