"""Sentences of a shard set as text and BILOU ids: in the order of the shards, or in the order of the corpus."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.encoders.features import FEATURES
from data_prep.encoders.lexicon_files import FEATURE_PREFIX
from data_prep.sentences.block import TaggedSentences
from data_prep.sentences.record import Origin, Span
from ner_dist.contract.shard_format import TEXT_COLUMNS, UNK_ID, Index, read_vocab
from ner_dist.contract.shard_tables import VerifiedShard, open_shard, parquet_file, read_groups

# Sentences in corpus order are handed out in blocks of about this size.
BLOCK_TOKENS = 1 << 14


class StoredSentence(NamedTuple):
    """A row of a shard; its columns have the same names, and those of texts are there only if the set has texts."""

    sentence_id: int
    text: list[str]
    tag: list[int]
    source: int
    record: str
    document: str
    source_text: str | None = None
    text_start: int = 0
    start: Sequence[int] = ()
    spans: Sequence[int] = ()
    # Ids of the values of each token feature that is asked for.
    features: Sequence[Sequence[int]] = ()

    def origin(self, entity_types: list[str]) -> Origin:
        parts = iter(self.spans)
        spans = tuple(Span(start, end, entity_types[kind]) for start, end, kind in zip(parts, parts, parts))
        return Origin(self.record, self.document, self.source_text, self.text_start, tuple(self.start), spans)


_COLUMNS = ("sentence_id", "text", "tag", "source", "record", "document")


def row_groups(directory: Path, index: Index, split: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The row groups of all shards of a split, one in memory at a time."""
    for entry in index.splits[split]:
        shard = open_shard(directory, entry, was_verified=True)
        with parquet_file(shard, index, columns) as file:
            for group in range(file.num_row_groups):
                yield read_groups(shard, file, index, [group], columns)


def flat(rows: pa.Table, name: str) -> pa.Array:
    """The values of a list column, one row after another."""
    return rows[name].combine_chunks().flatten()


def _source(directory: Path, split: str) -> str:
    return f"{directory}: {split} sentence "


def read_unordered(directory: Path, index: Index, split: str) -> Iterator[TaggedSentences]:
    """The sentences of a split, one row group at a time."""
    for rows in row_groups(directory, index, split, ("sentence_id", "length", "text", "tag")):
        length_N = rows["length"].to_numpy()
        number_M = np.repeat(rows["sentence_id"].to_numpy(), length_N)
        text_M, tag_M = flat(rows, "text").to_pylist(), flat(rows, "tag").to_numpy()
        yield TaggedSentences(text_M, tag_M, {}, length_N, _source(directory, split), number_M)


def _groups_of_buckets(shard: VerifiedShard) -> list[range]:
    """The row groups of each bucket; the buckets follow one another."""
    bounds = np.searchsorted(shard.bucket_of_group, np.arange(len(shard.entry.rows) + 1)).tolist()
    return list(map(range, bounds, bounds[1:]))


def _bucket_sentences(
    shard: VerifiedShard, file: pq.ParquetFile, index: Index, groups: range, features: Sequence[str]
) -> Iterator[StoredSentence]:
    """The sentences of one bucket of one shard, which are in the order of the corpus."""
    columns = [*_COLUMNS, *(TEXT_COLUMNS if index.has_text else ())]
    for group in groups:
        rows = read_groups(shard, file, index, [group], [*columns, *features])
        sentences = map(StoredSentence, *(rows[name].to_pylist() for name in columns))
        if not features:
            yield from sentences
            continue
        ids = zip(*(rows[name].to_pylist() for name in features))
        yield from (sentence._replace(features=of_sentence) for sentence, of_sentence in zip(sentences, ids))


def read_ordered(directory: Path, index: Index, split: str, features: Sequence[str] = ()) -> Iterator[TaggedSentences]:
    """The sentences of a split in the order of the corpus, with a row group of each bucket of each shard in memory.

    features: names of those to give back, as in SplitSurvey.
    """
    values = {name: read_vocab(directory, index, name)["values"] for name in features}
    block: list[StoredSentence] = []
    num_tokens = 0
    documents = _DocumentNumbers()
    with ExitStack() as open_files:
        buckets = []
        for entry in index.splits[split]:
            shard = open_shard(directory, entry, was_verified=True)
            file = open_files.enter_context(parquet_file(shard, index, [*_COLUMNS, *features]))
            buckets += [_bucket_sentences(shard, file, index, groups, features) for groups in _groups_of_buckets(shard)]
        for sentence in heapq.merge(*buckets, key=attrgetter("sentence_id")):
            block.append(sentence)
            num_tokens += len(sentence.text)
            if num_tokens >= BLOCK_TOKENS:
                yield _joined(block, _source(directory, split), index.entity_types, documents, values)
                block, num_tokens = [], 0
        if block:
            yield _joined(block, _source(directory, split), index.entity_types, documents, values)


class _DocumentNumbers:
    """Numbers documents as they follow one another."""

    def __init__(self) -> None:
        self._number = 0
        self._last = (0, "")

    def of(self, sentence: StoredSentence) -> int:
        """0 if the sentence has no document."""
        if (sentence.source, sentence.document) != self._last:
            self._last = (sentence.source, sentence.document)
            self._number += 1
        return self._number if sentence.document else 0


def _joined(
    sentences: list[StoredSentence],
    source: str,
    entity_types: list[str],
    documents: _DocumentNumbers,
    values: dict[str, list[str]],
) -> TaggedSentences:
    """values: of each token feature, by id."""
    length_N = np.array([len(sentence.text) for sentence in sentences], np.int64)
    text_M = list(itertools.chain.from_iterable(sentence.text for sentence in sentences))
    tag_M = np.fromiter(itertools.chain.from_iterable(sentence.tag for sentence in sentences), np.int64, len(text_M))
    number_N = np.array([sentence.sentence_id for sentence in sentences], np.int64)
    document_N = np.array([documents.of(sentence) for sentence in sentences], np.int64)
    origins = [sentence.origin(entity_types) for sentence in sentences]
    features = {
        name: [texts[value] for sentence in sentences for value in sentence.features[place]]
        for place, (name, texts) in enumerate(values.items())
    }
    return TaggedSentences(
        text_M, tag_M, features, length_N, source, np.repeat(number_N, length_N), document_N, origins
    )


class SplitSurvey(NamedTuple):
    """What must be known about a split before its first sentence is written."""

    # Names of the token features that the corpus had; and of those some of whose values here are unknown in train.
    features: tuple[str, ...]
    unknown_features: tuple[str, ...]
    # Whether some token, value of a feature or entity type is empty or contains a space; whether some sentence has an
    # id, or a document.
    has_spaces: bool
    has_ids: bool
    has_documents: bool


def survey_split(directory: Path, index: Index, split: str) -> SplitSurvey:
    """Raises ShardError for a damaged vocabulary."""
    names = [row.name for row in index.features if row.name not in FEATURES]
    names = [name for name in names if not name.startswith(FEATURE_PREFIX)]
    texts = [*index.entity_types, *(v for name in names for v in read_vocab(directory, index, name)["values"])]
    has_spaces = any(not text or " " in text for text in texts)
    has_ids = has_documents = False
    unknown: set[str] = set()
    for rows in row_groups(directory, index, split, ["text", "record", "document", *names]):
        has_spaces = has_spaces or b" " in flat(rows, "text").buffers()[2].to_pybytes()
        has_ids = has_ids or any(rows["record"].to_pylist())
        has_documents = has_documents or any(rows["document"].to_pylist())
        unknown.update(name for name in names if (flat(rows, name).to_numpy() == UNK_ID).any())
    known = tuple(name for name in names if name not in unknown)
    return SplitSurvey(known, tuple(sorted(unknown)), has_spaces, has_ids, has_documents)
