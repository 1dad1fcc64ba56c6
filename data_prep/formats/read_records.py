"""Records of a source -> blocks of sentences: cut in batches, on all cores if there is much, and numbered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import chain
from typing import NamedTuple

import numpy as np

from data_prep.cutting.cut_records import CutOptions, CutRecord, CutSentence, cut_record
from data_prep.formats.corpus_format import Source
from data_prep.sentences.block import NOTHING, SentenceIds
from data_prep.sentences.record import Record
from data_prep.threads import num_cores
from ner_dist.contract.tokenizers import TokenizedSentence, Tokenizer, TokenizerChoice, make_tokenizer

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

    def of(self, cut: CutRecord) -> tuple[int, bool]:
        """The number of a record's document, 0 if it has none; and whether it begins there."""
        if cut.document is None and not (cut.was_cut and len(cut.sentences) > 1):
            self._last = None
            return 0, False
        begins = cut.document is None or cut.document != self._last
        self.number += begins
        self._last = cut.document
        return self.number, begins


def sentences_of_records(source: Source, records: Iterator[Record]) -> Iterator[SentenceIds]:
    """Blocks of sentences; what is wrong with a record goes to `source.problems`, and the others go on."""
    documents = _Documents()
    for batch in _cut_batches(source, records):
        yield _block(source, [cut for cut in batch if _is_good(source, cut)], documents)


def _is_good(source: Source, cut: CutRecord) -> bool:
    """Report what is to be reported of a record; whether it has sentences, with the features of those before it."""
    errors = list(cut.errors)
    if not errors:
        try:
            source.strings.features.require(cut.sentences[0].features)
        except ValueError as error:
            errors = [str(error)]
    for what in errors:
        source.error(cut.number, what)
    for name, what in cut.warnings:
        source.problems.warn(name, f"{source.path}:{cut.number}", what)
    return not errors


def _block(source: Source, batch: list[CutRecord], documents: _Documents) -> SentenceIds:
    document_N, names, recut_N, raw_of_R = [], {}, [], []
    num_sentences = 0
    for cut in batch:
        number, begins = documents.of(cut)
        if begins and cut.document:
            names[number] = cut.document
        document_N += [number] * len(cut.sentences)
        recut_N += [bool(cut.raw)] * len(cut.sentences)
        raw_of_R += [num_sentences + place for place in cut.raw_of]
        num_sentences += len(cut.sentences)
    main = _numbered(source, batch, [cut.sentences for cut in batch])
    return main._replace(
        document_N=np.array(document_N, np.int32) if any(document_N) else NOTHING,
        document_names=names,
        recut_N=np.array(recut_N, bool),
        raw=_numbered(source, batch, [cut.raw for cut in batch]) if raw_of_R else None,
        raw_of_R=np.array(raw_of_R, np.int64),
        has_text=any(cut.was_cut for cut in batch),
        span_types=frozenset(
            span.type for cut in batch for sentence in cut.sentences for span in sentence.origin.spans
        ),
    )


def _numbered(source: Source, batch: list[CutRecord], sentences: list[Sequence[CutSentence]]) -> SentenceIds:
    """The sentences of each record as ids of their strings."""
    flat = list(chain.from_iterable(sentences))
    strings = source.strings
    length_N = np.array([len(sentence.tokens) for sentence in flat], np.int64)
    number_N = [cut.number for cut, of_record in zip(batch, sentences) for _ in of_record]
    return SentenceIds(
        strings.token.ids(list(chain.from_iterable(sentence.tokens for sentence in flat))),
        strings.tag.ids(list(chain.from_iterable(sentence.tags for sentence in flat))),
        [
            ids.ids(list(chain.from_iterable(sentence.features[name] for sentence in flat)))
            for name, ids in strings.features.items()
        ],
        np.repeat(np.array(number_N, np.int64), length_N),
        length_N,
        origins=[sentence.origin.to_bytes() for sentence in flat],
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
    choice = None
    for batch in _batches(records):
        texts = [record.text for record in batch if record.text is not None]
        if texts and choice is None:
            choice = source.cutter.fix(texts)
        source.cutter.made_tokens |= any(record.tokens is None for record in batch)
        yield _Job(batch, choice, source.options.cut_options)


def _cut_batches(source: Source, records: Iterator[Record]) -> Iterator[list[CutRecord]]:
    """The records of each batch, cut: in other processes if there are cores for them and much to do."""
    jobs = _jobs(source, records)
    if num_cores() == 1 or source.num_bytes < PARALLEL_BYTES:
        for job in jobs:
            yield [cut_record(record, source.cutter.sentences, job.options) for record in job.records]
        return
    # Late, because small corpora do without. Unlike those of multiprocessing, loky's processes neither run the caller's
    # script again nor inherit the locks of Arrow's threads.
    from loky import ProcessPoolExecutor

    with ProcessPoolExecutor(num_cores()) as pool:
        coming: deque[Future[list[CutRecord]]] = deque()
        for job in jobs:
            if job.choice is None:
                # Tokens that are given need no cutting, and moving them to another process would take longer.
                coming.append(_done([cut_record(record, _no_cut, job.options) for record in job.records]))
            else:
                coming.append(pool.submit(_cut_job, job))
            if len(coming) > 2 * num_cores():
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _done(result: list[CutRecord]) -> Future[list[CutRecord]]:
    future: Future[list[CutRecord]] = Future()
    future.set_result(result)
    return future


def _no_cut(text: str) -> list[TokenizedSentence]:
    raise AssertionError("no record of this batch has a text")


_tokenizers: dict[TokenizerChoice, Tokenizer] = {}


def _cut_job(job: _Job) -> list[CutRecord]:
    """In another process."""
    assert job.choice is not None
    if job.choice not in _tokenizers:
        _tokenizers[job.choice] = make_tokenizer(job.choice)
    return [cut_record(record, _tokenizers[job.choice].sentences, job.options) for record in job.records]
