"""Large files of the first pass in pieces, if that changes neither the set nor a message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from data_prep.engines.executor import Executor
from data_prep.engines.partitions import CutFile, cut_files, piece_bytes
from data_prep.formats.read_corpus import recognise
from data_prep.passes.id_corpus import ReadSource
from data_prep.passes.read_part import ReadResult
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile
from data_prep.sources.stored_files import stored_bytes
from ner_dist.errors import UserError

# Number, split and file of a source, or of a piece of one.
Numbered = tuple[int, str, SourceFile]


def cut_sources(numbered: list[Numbered], settings: Settings, executor: Executor) -> list[Numbered]:
    """The sources, the large ones in pieces if there are several workers."""
    if executor.num_workers == 1:
        return numbered
    num_bytes = piece_bytes([file for _, _, file in numbered], executor.num_workers)
    cut = cut_files([_with_cuts(file, settings, num_bytes) for _, _, file in numbered], executor, num_bytes)
    return [(number, split, piece) for (number, split, _), pieces in zip(numbered, cut) for piece in pieces]


def _with_cuts(file: SourceFile, settings: Settings, num_bytes: int) -> CutFile:
    if stored_bytes(file) >= 2 * num_bytes:
        try:
            found = recognise(file, settings.read_options)
        except UserError:
            # Its reader will say so.
            return CutFile(file, None, "")
        return CutFile(file, found.cut_at, found.encoding)
    return CutFile(file, None, "")


def must_be_whole(numbered: list[Numbered], results: Sequence[ReadResult]) -> set[int]:
    """The sources in pieces that have to be read again as a whole.

    These are those of which something is to be said, because messages come in the order of blocks of a file; those with
    documents, which are numbered through a file; and those of one sentence, which may be a mistake.
    """
    whole: set[int] = set()
    num_sentences: Counter[int] = Counter()
    read = (one for result in results for one in result.sources)
    for (number, _, file), (source, told, failure) in zip(numbered, read):
        if file.piece is None:
            continue
        num_sentences[number] += source.num_sentences if source else 0
        if source is None or source.has_documents or failure is not None or not told.is_empty:
            whole.add(number)
    return whole | {number for number, count in num_sentences.items() if count < 2}


def with_whole(numbered: list[Numbered], whole: set[int]) -> list[Numbered]:
    """The same with these sources as a whole."""
    return [
        (number, split, file.whole if number in whole else file)
        for number, split, file in numbered
        if number not in whole or file.piece is None or not file.piece.begin
    ]


def join(before: ReadSource, piece: ReadSource) -> ReadSource:
    """A source of which another piece was read."""
    num_sentences = before.num_sentences + piece.num_sentences
    return before._replace(num_sentences=num_sentences, first=before.first or piece.first)
