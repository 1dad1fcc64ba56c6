"""One input, tagged by one process or by every rank of a job, to one output."""

from __future__ import annotations

import contextlib
import itertools
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import BinaryIO

from ner_dist.engines.choose_engine import EngineChoice
from ner_dist.errors import UserError
from ner_dist.predicting import summary
from ner_dist.predicting.options import PredictOptions
from ner_dist.prediction import output_formats
from ner_dist.prediction.document_writer import DocumentWriter
from ner_dist.prediction.reading import OpenedInput, open_documents
from ner_dist.prediction.tagger import Tagger
from ner_dist.ranks.comm import Comm, on_every_rank, on_rank_0
from ner_dist.stores.addresses import Address
from ner_dist.stores.named_files import Place, require_writable, whole_binary


def predict_one(options: PredictOptions, comm: Comm) -> None:
    """On every rank: read the whole input, tag every num_ranks-th portion, and let rank 0 write all in order."""
    if comm.num_ranks > 1 and options.file is None:
        raise UserError("several ranks cannot share standard input; name a FILE, or start one process")
    if options.engine_choice != EngineChoice():
        raise UserError(
            f"{options.file or 'standard input'} is one file, which workers cannot share; name a folder or a pattern, "
            "leave --workers, --engine and --worker-memory-gb out, or let ranks share it: horovodrun -np N python -m "
            "ner_dist.predict"
        )
    format_name = options.format_name
    if options.out is None and format_name in output_formats.BINARY:
        raise UserError(f"{format_name} is no text, so it does not go to standard output; name a file with --out FILE")
    if isinstance(options.out, Address):
        on_rank_0(comm, partial(require_writable, options.out))
    began_s = time.perf_counter()

    def prepare() -> tuple[Tagger, DocumentWriter]:
        tagger = load_tagger(options)
        return tagger, writer_for(tagger, format_name, options.file)

    # What every rank would say, one says.
    for name in ("ner_dist.prediction", "ner_dist.run"):
        logging.getLogger(name).disabled = comm.rank > 0
    tagger, writer = on_every_rank(comm, prepare)
    total: Counter[str] = Counter()
    with contextlib.ExitStack() as files:
        opened = files.enter_context(
            open_documents(options.file, options.reading, tagger, show_progress=comm.rank == 0)
        )
        sink = writer.open(files.enter_context(_output(options.out))) if comm.rank == 0 else None
        for portion, counts in tagged_portions(opened, tagger, writer, comm, format_name):
            total += counts
            if sink is not None:
                sink.write(portion)
        if sink is not None:
            sink.close()
    if comm.rank == 0:
        took = summary.speed(total["tokens"], time.perf_counter() - began_s)
        summary.say(f"{summary.counted(total)} in {took}", total, tagger.tokenizer)


def load_tagger(options: PredictOptions) -> Tagger:
    """Raises UserError."""
    return Tagger.load(
        options.run,
        tokenizer=options.reading.tokenizer,
        language=options.reading.language,
        checkpoint=options.reading.checkpoint,
        device=options.reading.device,
        threshold=options.threshold,
    )


def writer_for(tagger: Tagger, format_name: str, file: Place | None) -> DocumentWriter:
    """file: the input, which a page has as its title."""
    title = file.name if file else "entities"
    return output_formats.document_writer(format_name, tagger.entity_types, title, str(tagger.identity))


def tagged_portions(
    opened: OpenedInput, tagger: Tagger, writer: DocumentWriter, comm: Comm, format_name: str
) -> Iterator[tuple[bytes, Counter[str]]]:
    """All portions in the order of the input, as bytes to write, with counts; in each round every rank tags one."""
    # It costs a tenth of the time.
    certainty = format_name in output_formats.WITH_CERTAINTY

    def tag_mine() -> tuple[bytes, Counter[str]] | None:
        # Every rank reads all portions of the round and keeps its own.
        read = list(itertools.islice(opened.portions, comm.num_ranks))
        for portion in read:
            opened.advance(portion)
        if comm.rank >= len(read):
            return None
        known_before = tagger.familiarity.num_known
        tagged = list(tagger.stream(opened.documents(read[comm.rank]), certainty=certainty))
        counts = Counter(
            known=tagger.familiarity.num_known - known_before,
            sentences=sum(len(document.sentences) for document in tagged),
            tokens=sum(document.num_tokens for document in tagged),
            entities=sum(len(document.entities) for document in tagged),
        )
        return writer.portion(tagged), counts

    while True:
        done = comm.gather_objects(on_every_rank(comm, tag_mine))
        yield from (portion for portion in done if portion is not None)
        # A round in which a rank got nothing is the last.
        if done[-1] is None:
            break


def _output(place: Place | None) -> AbstractContextManager[BinaryIO]:
    """A file that appears once it is whole, or standard output without a place."""
    if place is not None:
        return whole_binary(place)
    # Bytes, whatever the terminal's encoding.
    return open(sys.stdout.fileno(), "wb", closefd=False)
