"""Records of a source -> blocks of sentences: cut in batches, on all cores if there is much, and numbered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np

from data_prep.cutting.cut_records import CutOptions
from data_prep.cutting.packed import PackedBatch, PackedRecord, PackedSentences, cut_batch
from data_prep.formats.corpus_format import Source
from data_prep.problems import Complaint
from data_prep.sentences.block import NOTHING, SentenceIds
from data_prep.sentences.record import Record
from ner_dist.contract.tokenizers import TokenizedSentence, Tokenizer, TokenizerChoice, make_tokenizer
from ner_dist.engines.core_share import num_cores

# Characters that are cut at once.
BATCH_CHARS = 1 << 17
# Below this, starting processes takes longer than they save.
PARALLEL_BYTES = 1 << 23


def reader(records: Callable[[Source], Iterator[Record]]) -> Callable[[Source], Iterator[SentenceIds]]:
    """`Format.read` of a format whose file reads as records."""
    return lambda source: sentences_of_records(source, records(source))


class _Documents:
    """Numbers the documents of a source."""

    def __init__(self) -> None:
        self.number = 0
        self._last: str | None = None

    def of(self, record: PackedRecord) -> tuple[int, bool]:
        """The number of a record's document, 0 if it has none; and whether it begins there."""
        if record.document is None and not (record.was_cut and record.num_sentences > 1):
            self._last = None
            return 0, False
        begins = record.document is None or record.document != self._last
        self.number += begins
        self._last = record.document
        return self.number, begins


def sentences_of_records(source: Source, records: Iterator[Record]) -> Iterator[SentenceIds]:
    """Blocks of sentences; what is wrong with a record goes to `source.problems`, and the others go on."""
    documents = _Documents()
    for batch in _cut_batches(source, records):
        has_features = _report(source, batch)
        if batch.main is not None and has_features:
            yield _block(source, batch, documents)


def _report(source: Source, batch: PackedBatch) -> bool:
    """Report what is to be reported of the records; whether they have the features of those before them."""
    fault = None
    if batch.main is not None:
        try:
            source.strings.features.require(batch.main.features)
        except ValueError as error:
            fault = Complaint("different_features", str(error))
    for record in batch.records:
        document = record.document or ""
        for complaint in record.errors or ([fault] if fault else ()):
            source.complain(record.number, complaint, document)
        for warning in record.warnings:
            source.warn(record.number, warning, document)
    return fault is None


def _block(source: Source, batch: PackedBatch, documents: _Documents) -> SentenceIds:
    assert batch.main is not None
    document_N, names, recut_N, raw_of_R = [], {}, [], []
    num_sentences = 0
    good = [record for record in batch.records if record.num_sentences]
    for record in good:
        number, begins = documents.of(record)
        if begins and record.document:
            names[number] = record.document
        document_N += [number] * record.num_sentences
        recut_N += [bool(record.raw_of)] * record.num_sentences
        raw_of_R += [num_sentences + place for place in record.raw_of]
        num_sentences += record.num_sentences
    main = _numbered(source, batch.main, good, [record.num_sentences for record in good])
    raw = batch.raw and _numbered(source, batch.raw, good, [len(record.raw_of) for record in good])
    return main._replace(
        document_N=np.array(document_N, np.int64) if any(document_N) else NOTHING,
        document_names=names,
        recut_N=np.array(recut_N, bool),
        raw=raw,
        raw_of_R=np.array(raw_of_R, np.int64),
        has_text=any(record.was_cut for record in good),
        span_types=batch.main.span_types,
    )


def _numbered(source: Source, packed: PackedSentences, good: list[PackedRecord], counts: list[int]) -> SentenceIds:
    """The sentences as ids of their strings; counts: how many each record has."""
    strings = source.strings
    number_N = np.repeat(np.array([record.number for record in good], np.int64), counts)
    return SentenceIds(
        strings.token.ids(packed.token.distinct)[packed.token.code_M],
        strings.tag.ids(packed.tag.distinct)[packed.tag.code_M],
        [
            ids.ids(packed.features[name].distinct)[packed.features[name].code_M]
            for name, ids in strings.features.items()
        ],
        np.repeat(number_N, packed.length_N),
        packed.length_N,
        origins=packed.origins,
    )


class _Job(NamedTuple):
    """What a process needs to cut a batch."""

    records: list[Record]
    choice: TokenizerChoice | None
    options: CutOptions


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    num_chars = 0
    for record in records:
        batch.append(record)
        num_chars += len(record.text) if record.text is not None else 6 * len(record.tokens or "")
        if num_chars >= BATCH_CHARS:
            yield batch
            batch, num_chars = [], 0
    if batch:
        yield batch


def _jobs(source: Source, records: Iterator[Record]) -> Iterator[_Job]:
    choice, options = None, source.options.cut_options._replace(with_records=source.problems.wants_records)
    for batch in _batches(records):
        texts = [record.text for record in batch if record.text is not None]
        if texts and choice is None:
            choice = source.cutter.fix(texts)
        source.cutter.made_tokens |= any(record.tokens is None for record in batch)
        yield _Job(batch, choice, options)


def _cut_batches(source: Source, records: Iterator[Record]) -> Iterator[PackedBatch]:
    """The records of each batch, cut: in other processes if there are cores for them and much to do."""
    jobs = _jobs(source, records)
    if num_cores() == 1 or source.num_bytes < PARALLEL_BYTES:
        for job in jobs:
            yield cut_batch(job.records, source.cutter.sentences, job.options)
        return
    # Late, because small corpora do without. Unlike those of multiprocessing, loky's processes neither run the caller's
    # script again nor inherit the locks of Arrow's threads.
    from loky import ProcessPoolExecutor

    with ProcessPoolExecutor(num_cores()) as pool:
        coming: deque[Future[PackedBatch]] = deque()
        for job in jobs:
            if job.choice is None:
                # Tokens that are given need no cutting, and moving them to another process would take longer.
                coming.append(_done(cut_batch(job.records, _no_cut, job.options)))
            else:
                coming.append(pool.submit(_cut_job, job))
            if len(coming) > 2 * num_cores():
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _done(result: PackedBatch) -> Future[PackedBatch]:
    future: Future[PackedBatch] = Future()
    future.set_result(result)
    return future


def _no_cut(text: str) -> list[TokenizedSentence]:
    raise AssertionError("no record of this batch has a text")


_tokenizers: dict[TokenizerChoice, Tokenizer] = {}


def _cut_job(job: _Job) -> PackedBatch:
    """In another process."""
    assert job.choice is not None
    if job.choice not in _tokenizers:
        _tokenizers[job.choice] = make_tokenizer(job.choice)
    return cut_batch(job.records, _tokenizers[job.choice].sentences, job.options)
