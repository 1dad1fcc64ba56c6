"""Where large files are cut, so that several workers read each: a quick first look, without reading tokens.

A cut is where reading may begin anew: between sentences or, if the file has documents, between documents. Compressed
files, archives and encodings other than those of single bytes and UTF-8 stay whole.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

from data_prep.sources.compression import is_compressed
from data_prep.sources.source_files import CutAt, Piece, SourceFile
from ner_dist.engines.executor import Advance, Executor

# A piece of less is not worth a task, and one of more is too much to begin anew.
MIN_BYTES, MAX_BYTES = 8 << 20, 256 << 20
# So that the last tasks of a stage keep all workers busy.
PIECES_A_WORKER = 4
_BLOCK_BYTES = 1 << 20
# What is seen of the next block, so that no mark is missed between two.
_OVERLAP_BYTES = 64

# At the end of a blank line; not before another one, nor before a byte-order mark amid the file.
_SENTENCE = re.compile(rb"\n\r?\n(?![\s\xef])")
_DOCUMENT = re.compile(rb"\n\r?\n(?:#end document\r?\n)?(?=-DOCSTART-|#[ \t]*(?:newdoc|begin document)\b)")
_LINE = re.compile(rb"\n(?![\s\xef])")
# Lines that may begin a document; and lines that name the document of each sentence, where no cut is certain.
_MARKS = (b"-DOCSTART-", b"newdoc", b"begin document")
_NAMED_DOCUMENT = re.compile(rb"#[ \t]*doc(?:ument)?(?:[ _-]?(?:id|name))?\s*=", re.IGNORECASE)


class CutFile(NamedTuple):
    """A file, and what its format and encoding say about cuts."""

    file: SourceFile
    # None: it stays whole.
    cut_at: CutAt | None
    encoding: str


class _Span(NamedTuple):
    """Bytes of a file, before it is known where it may be cut."""

    path: str
    begin: int
    end: int


class _Look(NamedTuple):
    """What is in a span."""

    num_lines: int
    has_marks: bool
    names_documents: bool


def piece_bytes(files: Sequence[SourceFile], num_workers: int) -> int:
    """How large pieces should be, so that all workers have enough to do."""
    total = sum(file.path.stat().st_size for file in files if file.path.is_file())
    return min(max(total // (PIECES_A_WORKER * num_workers), MIN_BYTES), MAX_BYTES)


def cut_files(files: Sequence[CutFile], executor: Executor, num_bytes: int) -> list[list[SourceFile]]:
    """The pieces of each file, in order, of at least so many bytes but for the last; a file that stays whole alone."""
    spans = [_spans(one, num_bytes) for one in files]
    looks = iter(executor.run("look", _look, [span for some in spans for span in some]))
    return [_pieces(one, some, [next(looks) for _ in some]) for one, some in zip(files, spans)]


def _spans(one: CutFile, num_bytes: int) -> list[_Span]:
    """None of a file that stays whole."""
    file = one.file
    if one.cut_at is None or file.member is not None or not file.path.is_file() or not _has_plain_lines(one.encoding):
        return []
    size = file.path.stat().st_size
    if size < 2 * num_bytes:
        return []
    with file.path.open("rb") as stored:
        beginning = stored.read(8)
    if is_compressed(beginning) or beginning.startswith(b"PK"):
        return []
    borders = [*range(0, size - num_bytes + 1, num_bytes), size]
    return [_Span(str(file.path.resolve()), begin, end) for begin, end in zip(borders, borders[1:])]


def _has_plain_lines(encoding: str) -> bool:
    r"""Whether the bytes of \n and \r are lines' ends and nothing else."""
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        return True
    every = bytes(range(256)).decode(encoding, "replace")
    return len(every) == 256 and every[:128].encode() == bytes(range(128))


def _look(span: _Span, advance: Advance) -> _Look:
    num_lines, has_marks, names_documents = 0, False, False
    with open(span.path, "rb") as stored:
        for block, ahead in _blocks(stored, span.begin, span.end):
            num_lines += _num_lines(block, ahead)
            seen = block + ahead
            has_marks = has_marks or any(mark in seen for mark in _MARKS)
            names_documents = names_documents or _NAMED_DOCUMENT.search(seen) is not None
            advance(len(block))
    return _Look(num_lines, has_marks, names_documents)


def _blocks(stored: IO[bytes], begin: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Blocks, and a few bytes of what comes after each."""
    stored.seek(begin)
    block = stored.read(min(_BLOCK_BYTES, end - begin))
    while block:
        begin += len(block)
        coming = stored.read(max(min(_BLOCK_BYTES, end - begin), _OVERLAP_BYTES))
        yield block, coming[:_OVERLAP_BYTES]
        block = coming[: end - begin]


def _num_lines(block: bytes, ahead: bytes) -> int:
    r"""How many lines end: at \n, \r\n or \r."""
    num = block.count(b"\n")
    if b"\r" in block:
        num += block.count(b"\r") - block.count(b"\r\n") - (block[-1:] == b"\r" and ahead[:1] == b"\n")
    return num


def _pieces(one: CutFile, spans: list[_Span], looks: list[_Look]) -> list[SourceFile]:
    if not spans or (one.cut_at == "sentences" and any(look.names_documents for look in looks)):
        return [one.file]
    has_documents = any(look.has_marks for look in looks)
    pattern = _LINE if one.cut_at == "lines" else _DOCUMENT if has_documents else _SENTENCE
    begins, first_lines, num_lines = [0], [1], 1
    with one.file.path.open("rb") as stored:
        for span, look in zip(spans, looks):
            # The cut before may lie beyond where this span begins.
            if span.begin > begins[-1]:
                found = _next_cut(stored, span.begin, spans[-1].end, pattern)
                if found is None:
                    break
                begins.append(found.place)
                first_lines.append(num_lines + found.num_lines)
            num_lines += look.num_lines
    ends = [*begins[1:], spans[-1].end]
    if len(begins) == 1:
        return [one.file]
    return [one.file._replace(piece=Piece(*piece)) for piece in zip(begins, ends, first_lines)]


class _Cut(NamedTuple):
    place: int
    # That end between where it was looked for and the cut.
    num_lines: int


def _next_cut(stored: IO[bytes], begin: int, end: int, pattern: re.Pattern[bytes]) -> _Cut | None:
    num_lines = 0
    for block, ahead in _blocks(stored, begin, end):
        found = pattern.search(block + ahead)
        # One across two blocks is passed over.
        if found is not None and found.end() <= len(block) and begin + found.end() < end:
            return _Cut(begin + found.end(), num_lines + _num_lines(block[: found.end()], b""))
        num_lines += _num_lines(block, ahead)
        begin += len(block)
    return None
