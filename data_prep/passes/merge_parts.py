"""What the parts of a corpus have found -> what the corpus has, as if all had been read one after another.

Tags and the values of features are numbered anew; tokens are not, which are too many for one process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_prep.passes.carried import Carried
from data_prep.passes.id_corpus import CorpusPart, PartStrings, StringMaps
from data_prep.passes.read_part import ReadResult
from data_prep.passes.tag_collector import TagCollector
from data_prep.sentences.string_ids import StringIds


class MergedParts(NamedTuple):
    """The parts as those of one corpus, and its strings but the tokens."""

    parts: list[CorpusPart]
    features: dict[str, list[str]]
    tags: TagCollector

    num_documents: int
    any_long: bool

    @property
    def most_distinct(self) -> int:
        """The largest number of different strings of one kind, tokens aside."""
        return max(map(len, (self.tags.ids.texts, *self.features.values())))


def merge_parts(results: Sequence[ReadResult]) -> MergedParts:
    tags, documents = TagCollector(), _Documents()
    first = results[0].part.strings.get()
    # The strings of the first part are those of the corpus as they are.
    tags.take(results[0].tags.get(), first.tag_K)
    parts = [documents.take(results[0])]
    features = {name: _numbered(values) for name, values in first.features.items()} if len(results) > 1 else {}
    origin_begin = 0
    for before, result in zip(results, results[1:]):
        origin_begin += before.num_origin_bytes
        strings = result.part.strings.get()
        maps = _maps(strings, tags.take(result.tags.get(), strings.tag_K), features)
        path = result.part.path
        carried = Carried(maps, path.with_name(f"{path.name}-maps"))
        parts.append(documents.take(result)._replace(origin_begin=origin_begin, maps=carried))
    return MergedParts(
        parts,
        {name: ids.texts for name, ids in features.items()} if len(results) > 1 else first.features,
        tags,
        documents.num_documents,
        documents.any_long,
    )


class _Documents:
    """Numbers the documents of each source through all of its pieces."""

    def __init__(self) -> None:
        # Of all sources, and whether one has more than one sentence.
        self.num_documents, self.any_long = 0, False
        # Of the source that may go on: its number, its documents, and the name of the last one if that may go on, too.
        self._source_id, self._count, self._name = -1, 0, ""

    def take(self, result: ReadResult) -> CorpusPart:
        """The next part, with the numbers of its documents."""
        self.num_documents += result.num_documents
        self.any_long = self.any_long or result.any_long
        begin = last = 0
        for place, file in enumerate(result.files):
            if file.of.source_id != self._source_id:
                self._source_id, self._count, self._name = file.of.source_id, 0, ""
            elif file.source is not None and not file.source.num_sentences:
                continue
            goes_on = bool(file.first_document) and file.first_document == self._name
            if goes_on:
                self.num_documents -= 1
                self.any_long = True
            # A part has at most one piece of a source.
            if not place:
                begin, last = self._count - goes_on, self._count
            self._count += file.num_documents - goes_on
            self._name = file.last_document
        return result.part._replace(document_begin=begin, last_document=last)


def _maps(strings: PartStrings, tag_K: np.ndarray, features: dict[str, StringIds]) -> StringMaps:
    for name in strings.features:
        # The parts before may have no sentences.
        features.setdefault(name, StringIds())
    return StringMaps(
        tag_K,
        [features[name].ids(values).astype(np.int64) for name, values in strings.features.items()],
    )


def _numbered(texts: list[str]) -> StringIds:
    ids = StringIds()
    ids.ids(texts)
    return ids
