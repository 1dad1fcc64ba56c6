# PYTHON_ARGCOMPLETE_OK
"""Find entities in text: python -m ner_dist.predict RUN [FILE | -] [--to FORMAT] [--out FILE]."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Optional

from ner_dist.cli.options import make_parser, nested, option, read_options
from ner_dist.cli.shell_completion import complete
from ner_dist.errors import UserError
from ner_dist.prediction import output_formats
from ner_dist.prediction.document_writer import DocumentWriter
from ner_dist.prediction.familiarity import Familiarity
from ner_dist.prediction.reading import ReadingOptions, open_documents
from ner_dist.prediction.tagger import Tagger
from ner_dist.prediction.thresholds import METAVAR, Threshold, parse_threshold
from ner_dist.ranks.comm import Comm, on_every_rank, on_rank_0
from ner_dist.ranks.rank_process import run_rank
from ner_dist.stores.addresses import Address
from ner_dist.stores.named_files import Place, require_writable, whole_binary


@dataclasses.dataclass(frozen=True)
class PredictOptions:
    """Find entities in text with a trained run or an export, in one process or on every rank of horovodrun.

    The order of the input is kept.
    """

    run: Place = option(positional=True, metavar="RUN", stores=True)
    """directory of a run, or of an export (python -m ner_dist.export); as all files, also by an address in a store"""
    file: Optional[Place] = option(None, positional=True, metavar="FILE", stores=True)
    """input in UTF-8, may be .gz; - or nothing for standard input"""
    output_format: str = option(
        "auto",
        names=("--to",),
        choices=("auto", *output_formats.FORMATS),
        type=output_formats.usual_name,
        metavar=None,
    )
    """jsonl: entities with character positions, type and confidence; conll: a token and its BIO tag per line; inline:
    the text with <TYPE>...</TYPE>; html: a page of coloured entities; doccano, label-studio and prodigy: what these
    tools import, with the entities as suggestions; docbin: spaCy's .spacy; parquet: as Hugging Face's datasets has it,
    a row for each sentence; auto: by the name of --out, else jsonl"""
    out: Optional[Place] = option(None, metavar="FILE", stores=True)
    """where to write, whole or not at all; standard output if not given"""
    threshold: Optional[Threshold] = option(None, type=parse_threshold, metavar=METAVAR)
    """confidence below which entities are left out: one for all types, or PER=0.9,LOC=0.5,*=0.7, where * is all other
    types (python -m ner_dist.evaluate RUN --find-threshold finds one)"""
    reading: ReadingOptions = nested(ReadingOptions)


def main(argv: list[str] | None = None) -> None:
    parser = make_parser(
        PredictOptions,
        "python -m ner_dist.predict",
        usage="RUN [FILE | -] [--to FORMAT] [--out FILE] [options]",
        example="runs/mine article.txt --out article.html\n"
        '  echo "Angela Merkel visited Paris." | python -m ner_dist.predict runs/mine --to inline\n'
        "  horovodrun -np 4 python -m ner_dist.predict runs/mine corpus.jsonl --out tagged.jsonl",
        first=("run", "file", "reading.input_format", "output_format", "out", "threshold"),
    )
    complete(parser)
    options = read_options(PredictOptions, parser.parse_intermixed_args(argv))
    if options.file == Path("-"):
        options = dataclasses.replace(options, file=None)
    if options.file is None and options.reading.input_format == "auto" and sys.stdin.isatty():
        print("type text; Ctrl-D ends it", file=sys.stderr)
    run_rank(lambda comm: predict(options, comm))


def predict(options: PredictOptions, comm: Comm) -> None:
    """On every rank: read the whole input, tag every num_ranks-th portion, and let rank 0 write all in order."""
    if comm.num_ranks > 1 and options.file is None:
        raise UserError("several ranks cannot share standard input; name a FILE, or start one process")
    options.reading.require_valid()
    format_name = _format_of(options)
    if options.out is None and format_name in output_formats.BINARY:
        raise UserError(f"{format_name} is no text, so it does not go to standard output; name a file with --out FILE")
    if isinstance(options.out, Address):
        on_rank_0(comm, partial(require_writable, options.out))
    began_s = time.perf_counter()

    def prepare() -> tuple[Tagger, DocumentWriter]:
        tagger = Tagger.load(
            options.run,
            tokenizer=options.reading.tokenizer,
            language=options.reading.language,
            checkpoint=options.reading.checkpoint,
            device=options.reading.device,
            threshold=options.threshold,
        )
        title = options.file.name if options.file else "entities"
        writer = output_formats.document_writer(format_name, tagger.entity_types, title, str(tagger.identity))
        return tagger, writer

    # What every rank would say, one says.
    for name in ("ner_dist.prediction", "ner_dist.run"):
        logging.getLogger(name).disabled = comm.rank > 0
    tagger, writer = on_every_rank(comm, prepare)
    total: Counter[str] = Counter()
    with contextlib.ExitStack() as files:
        sink = writer.open(files.enter_context(_output(options.out))) if comm.rank == 0 else None
        for portion, counts in _tagged_portions(options, comm, tagger, writer):
            total += counts
            if sink is not None:
                sink.write(portion)
        if sink is not None:
            sink.close()
    if comm.rank == 0:
        seconds = time.perf_counter() - began_s
        print(
            f"{total['sentences']:,} sentences, {total['tokens']:,} tokens, {total['entities']:,} entities in "
            f"{seconds:.1f} s, {total['tokens'] / seconds:,.0f} tokens/s",
            file=sys.stderr,
        )
        complaint = Familiarity(total["tokens"], total["known"]).complaint(tagger.tokenizer)
        if complaint:
            print(f"warning: {complaint}", file=sys.stderr)


def _tagged_portions(
    options: PredictOptions, comm: Comm, tagger: Tagger, writer: DocumentWriter
) -> Iterator[tuple[bytes, Counter[str]]]:
    """All portions in the order of the input, as bytes to write, with counts; in each round every rank tags one."""
    # It costs a tenth of the time.
    certainty = _format_of(options) in output_formats.WITH_CERTAINTY
    with open_documents(options.file, options.reading, tagger, show_progress=comm.rank == 0) as opened:

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


def _format_of(options: PredictOptions) -> str:
    return output_formats.format_of(Path(options.out.name) if options.out else None, options.output_format)


def _output(place: Place | None) -> AbstractContextManager[BinaryIO]:
    """A file that appears once it is whole, or standard output without a place."""
    if place is not None:
        return whole_binary(place)
    # Bytes, whatever the terminal's encoding.
    return open(sys.stdout.fileno(), "wb", closefd=False)


if __name__ == "__main__":
    main()
