"""A batch of cut records as arrays and distinct strings, which cost little to send from one process to another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from data_prep.cutting.cut_records import Cut, CutOptions, CutRecord, CutSentence, cut_record
from data_prep.problems import Complaint
from data_prep.sentences.record import Record
from data_prep.sentences.string_ids import different_features


class PackedStrings(NamedTuple):
    """A string for each of M tokens."""

    # In the order of first appearance.
    distinct: list[str]
    code_M: np.ndarray


class PackedSentences(NamedTuple):
    """N sentences of M tokens, end to end."""

    token: PackedStrings
    tag: PackedStrings
    features: dict[str, PackedStrings]
    length_N: np.ndarray
    origins: list[bytes]
    # The types of the entities by characters.
    span_types: frozenset[str]


class PackedRecord(NamedTuple):
    """As in CutRecord; without errors, its sentences are the next ones of the batch."""

    number: int
    document: str | None
    num_sentences: int
    raw_of: Sequence[int]
    errors: Sequence[Complaint]
    warnings: Sequence[Complaint]
    was_cut: bool


class PackedBatch(NamedTuple):
    records: list[PackedRecord]
    # The sentences of all records without errors, which have the same features; None if there are none.
    main: PackedSentences | None
    raw: PackedSentences | None


def cut_batch(records: Iterable[Record], cut: Cut, options: CutOptions) -> PackedBatch:
    """Cut records, and pack their sentences."""
    found = list(_of_one_kind(cut_record(record, cut, options) for record in records))
    return PackedBatch(
        [
            PackedRecord(r.number, r.document, len(r.sentences), r.raw_of, r.errors, r.warnings, r.was_cut)
            for r in found
        ],
        _packed([sentence for record in found for sentence in record.sentences]),
        _packed([sentence for record in found for sentence in record.raw]),
    )


def _of_one_kind(records: Iterable[CutRecord]) -> Iterator[CutRecord]:
    """The records; those with other token features than the first one are wrong."""
    expected: Collection[str] | None = None
    for record in records:
        if not record.sentences:
            yield record
            continue
        features = record.sentences[0].features
        expected = features if expected is None else expected
        if features.keys() == set(expected):
            yield record
        else:
            wrong = Complaint("different_features", different_features(features, expected))
            yield CutRecord(record.number, record.document, (), errors=(wrong,), warnings=record.warnings)


def _packed(sentences: list[CutSentence]) -> PackedSentences | None:
    if not sentences:
        return None
    return PackedSentences(
        _strings(sentence.tokens for sentence in sentences),
        _strings(sentence.tags for sentence in sentences),
        {name: _strings(sentence.features[name] for sentence in sentences) for name in sentences[0].features},
        np.array([len(sentence.tokens) for sentence in sentences], np.int64),
        [sentence.origin.to_bytes() for sentence in sentences],
        frozenset(span.type for sentence in sentences for span in sentence.origin.spans),
    )


def _strings(lists: Iterable[list[str]]) -> PackedStrings:
    texts = list(chain.from_iterable(lists))
    codes = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    return PackedStrings(list(codes), np.fromiter(map(codes.__getitem__, texts), np.int32, len(texts)))
