"""Which files, and which pieces of large ones, are read together as a part of the corpus."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from data_prep.formats.corpus_format import ReadOptions
from data_prep.formats.read_corpus import MAX_DOCUMENT_BYTES, recognise
from data_prep.passes.partitions import CutFile, cut_files, piece_bytes
from data_prep.passes.read_part import NumberedFile
from data_prep.sources.source_files import Sources
from data_prep.sources.stored_files import stored_bytes
from ner_dist.engines.executor import Executor
from ner_dist.errors import UserError

# Parts for each of several workers: one that has small ones must not wait for one that has large ones.
PARTS_PER_WORKER = 4


def plan_parts(
    sources: Sources, options: ReadOptions, executor: Executor, stay_whole: Collection[int]
) -> list[list[NumberedFile]]:
    """One part for one worker; for several, parts of about equal sizes. stay_whole: sources that must not be cut."""
    whole = [NumberedFile(number, split, file) for number, (split, file) in enumerate(sources)]
    if executor.num_workers == 1:
        return [whole]
    num_bytes = piece_bytes([file for _, file in sources], executor.num_workers)
    cuts = [_cut(one, options, num_bytes, one.source_id not in stay_whole) for one in whole]
    pieces = cut_files(cuts, executor, num_bytes) if any(cut.cut_at for cut in cuts) else [[one.file] for one in whole]
    files = [one._replace(file=piece) for one, some in zip(whole, pieces) for piece in some]
    return _grouped(files, PARTS_PER_WORKER * executor.num_workers)


def _cut(one: NumberedFile, options: ReadOptions, num_bytes: int, may_be_cut: bool) -> CutFile:
    file = one.file
    is_document = file.document and stored_bytes(file) <= MAX_DOCUMENT_BYTES
    if may_be_cut and stored_bytes(file) >= 2 * num_bytes and not is_document:
        try:
            found = recognise(file, options)
            return CutFile(file, found.cut_at, found.encoding, found.format.name, options)
        except UserError:
            # It is said by who reads it.
            pass
    return CutFile(file, None, "utf-8")


def _grouped(files: list[NumberedFile], num_parts: int) -> list[list[NumberedFile]]:
    end_F = np.cumsum([stored_bytes(one.file) for one in files])
    cuts = np.searchsorted(end_F, end_F[-1] * np.arange(1, num_parts) / num_parts) + 1
    bounds = sorted({0, *np.minimum(cuts, len(files)).tolist(), len(files)})
    return [_joined(files[begin:end]) for begin, end in zip(bounds, bounds[1:])]


def _joined(files: list[NumberedFile]) -> list[NumberedFile]:
    """Those of a part, of each source one piece."""
    joined: list[NumberedFile] = []
    for one in files:
        before, piece = joined[-1].file.piece if joined else None, one.file.piece
        if before is not None and piece is not None and joined[-1].source_id == one.source_id:
            joined[-1] = one._replace(file=one.file._replace(piece=before._replace(end=piece.end)))
        else:
            joined.append(one)
    return joined
