"""A corpus file of any format -> blocks of whole sentences."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.cutting.cutter import Cutter
from data_prep.dirt.dirty_text import DirtyText
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.table import FORMATS
from data_prep.formats.unrecognised import closest_guess
from data_prep.problems import CorpusError, Problems
from data_prep.sentences.block import SentenceIds
from data_prep.sentences.record import NO_ORIGIN, Origin
from data_prep.sentences.string_ids import CorpusStrings, FeatureStrings, StringIds
from data_prep.sources import stored_files, text_source
from data_prep.sources.decide_encoding import decide_encoding
from data_prep.sources.source_files import CutAt, SourceFile
from data_prep.threads import ahead

# How many lines are looked at to recognise the format.
NUM_SAMPLE_LINES = 200
# A larger file among others is not taken for a document.
MAX_DOCUMENT_BYTES = 1 << 19


class Recognised(NamedTuple):
    """The format of a file, with what shows it, and its encoding."""

    format: Format
    evidence: str
    encoding: str
    # Where the file may be cut; see sources.source_files.
    cut_at: CutAt | None = None


def recognise(file: SourceFile, options: ReadOptions) -> Recognised:
    """As chosen, or inferred from the file's content. Raises CorpusError if the format is not recognised.

    Of a piece: as that of the whole file.
    """
    piece, file = file.piece, file.whole
    first_bytes = text_source.head(file, may_be_empty=True)
    text = first_bytes.decode(text_source.choose_encoding(first_bytes, options.encoding, "latin-1"), "ignore")
    # Lines end as in text_source.split_lines.
    first_lines = itertools.islice(io.StringIO(text, newline=None), NUM_SAMPLE_LINES)
    lines = [line.removesuffix("\n") for line in first_lines if line.strip()]
    chosen, evidence = FORMATS.get(options.format), "given by --format"
    sample = Sample(Path(file.name).name, first_bytes, text, lines)
    if chosen is None:
        rows = [row for row in FORMATS.values() if lines or row.may_be_empty]
        found = ((row, row.recognise(sample, options)) for row in rows)
        chosen, evidence = next(((row, what) for row, what in found if what is not None), (None, ""))
    if not first_bytes and not (chosen and chosen.may_be_empty):
        raise CorpusError(f"{file}: the file is empty")
    if chosen is None:
        advice = "otherwise --format NAME names the format, --help lists them"
        raise CorpusError(f"{file}: the format cannot be recognised: {closest_guess(sample)}; {advice}")
    if piece is not None:
        return Recognised(chosen, evidence, piece.encoding, chosen.cut_at(sample))
    encoding = decide_encoding(file, first_bytes, options.encoding, chosen.default_encoding)
    return Recognised(chosen, evidence, encoding, chosen.cut_at(sample))


def read_corpus(
    file: SourceFile,
    options: ReadOptions,
    problems: Problems,
    strings: CorpusStrings,
    cutter: Cutter,
    progress: text_source.Progress | None = None,
) -> Iterator[SentenceIds]:
    """Blocks of the sentences of one file, in order, with ids from `strings`; invalid lines go to `problems`.

    Raises CorpusError if the whole file is unreadable.
    """
    return read_as(recognise(file, options), file, options, problems, strings, cutter, progress)


def read_as(
    found: Recognised,
    file: SourceFile,
    options: ReadOptions,
    problems: Problems,
    strings: CorpusStrings,
    cutter: Cutter,
    progress: text_source.Progress | None = None,
) -> Iterator[SentenceIds]:
    """As `read_corpus`, of a file, or a piece of one, whose format is known.

    A piece has the numbers of lines of the file; its documents are numbered anew. Whether all of a file is one sentence
    is not asked of pieces. What is said of the file as a whole is said by its first piece.
    """
    source, dirty = _source(found, file, options, problems, strings, cutter, progress)
    is_document = file.document and stored_files.stored_bytes(file.whole) <= MAX_DOCUMENT_BYTES
    for block in found.format.read(source):
        yield _as_document(block, file.document) if is_document else block
    dirty.report(problems)


def _source(
    found: Recognised,
    file: SourceFile,
    options: ReadOptions,
    problems: Problems,
    strings: CorpusStrings,
    cutter: Cutter,
    progress: text_source.Progress | None,
) -> tuple[Source, DirtyText]:
    """The file, opened, and what will have been found in its bytes."""
    dirty = DirtyText(
        str(file),
        found.encoding,
        options.encoding is not None,
        options.policies,
        lambda: text_source.open_bytes(file.whole, may_be_empty=True),
    )
    blocks = ahead(text_source.text_blocks(file, found.encoding, progress, dirty))
    pieces = ahead(text_source.text_pieces(file, found.encoding, progress, dirty))
    num_bytes = stored_files.stored_bytes(file)
    source = Source(str(file), blocks, pieces, options, strings, problems, file, cutter, num_bytes, progress)
    if file.piece is not None:
        begin = partial(_source, found, file.whole, options, Problems(), strings, cutter, None)
        source = source._replace(from_beginning=lambda: begin()[0])
    return source, dirty


def sure_starts(name: str, piece: SourceFile, options: ReadOptions) -> Iterator[int]:
    """Lines in which sentences begin, whatever stands before the piece; its first line may be any line of the file.

    name: of its format. Raises CorpusError if the file is unreadable.
    """
    assert piece.piece is not None
    found = Recognised(FORMATS[name], "", piece.piece.encoding)
    strings = CorpusStrings(StringIds(), StringIds(), FeatureStrings())
    source, _ = _source(found, piece, options, Problems(), strings, Cutter(options.tokenizer, options.language), None)
    assert found.format.sure_starts is not None
    return found.format.sure_starts(source)


def _as_document(block: SentenceIds, name: str) -> SentenceIds:
    """The sentences as those of one document, if they are tokens of which nothing is said of documents."""
    if len(block.document_N) or block.has_text or not len(block.length_N):
        return block
    before = map(Origin.from_bytes, block.origins) if block.origins else [NO_ORIGIN] * len(block.length_N)
    return block._replace(
        document_N=np.ones(len(block.length_N), np.int32),
        document_names={1: name},
        origins=[origin._replace(document=name).to_bytes() for origin in before],
    )
