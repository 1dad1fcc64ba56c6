"""Corpus files read as preparation reads them, sentence by sentence."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from data_prep.cutting.cutter import Cutter
from data_prep.formats.corpus_format import ReadOptions
from data_prep.formats.find_sources import expand
from data_prep.formats.read_corpus import read_corpus, recognise
from data_prep.problems import Problems
from data_prep.sentences.record import Origin
from data_prep.sentences.string_ids import CorpusStrings, FeatureStrings, StringIds


class SentenceRead(NamedTuple):
    file: str
    line: int
    tokens: list[str]
    tags: list[str]
    features: dict[str, list[str]]
    # The number of its document in its file; 0 if it has none.
    document: int
    origin: Origin | None


class FilesRead(NamedTuple):
    # The files that the names mean, with the format of each.
    formats: dict[str, str]
    sentences: list[SentenceRead]
    problems: Problems
    # Of documents, by file and number.
    documents: dict[tuple[str, int], str]

    @property
    def tokens(self) -> list[list[str]]:
        return [sentence.tokens for sentence in self.sentences]

    @property
    def tags(self) -> list[list[str]]:
        return [sentence.tags for sentence in self.sentences]

    @property
    def spans(self) -> list[tuple[str, str]]:
        """(characters, type) of the entities of the source."""
        found = []
        for sentence in self.sentences:
            assert sentence.origin is not None
            assert sentence.origin.text is not None
            for start, end, entity_type in sentence.origin.spans:
                place = start - sentence.origin.text_start
                found.append((sentence.origin.text[place : place + end - start], entity_type))
        return found


def read_files(*names: str | os.PathLike[str], **options: Any) -> FilesRead:
    chosen, problems = ReadOptions(**options), Problems()
    strings = CorpusStrings(StringIds(), StringIds(), FeatureStrings())
    cutter = Cutter(chosen.tokenizer, chosen.language)
    read = FilesRead({}, [], problems, {})
    for file in expand(names, chosen, problems):
        read.formats[file.name] = recognise(file, chosen).format.name
        for block in read_corpus(file, chosen, problems, strings, cutter):
            values = {
                name: ids.strings(ids_M) for (name, ids), ids_M in zip(strings.features.items(), block.feature_FM)
            }
            tokens, tags = strings.token.strings(block.token_M), strings.tag.strings(block.tag_M)
            read.documents.update({(file.name, number): name for number, name in block.document_names.items()})
            end = 0
            for i, length in enumerate(block.length_N.tolist()):
                start, end = end, end + length
                read.sentences.append(
                    SentenceRead(
                        file.name,
                        int(block.line_M[start]),
                        tokens[start:end],
                        tags[start:end],
                        {name: some[start:end] for name, some in values.items()},
                        int(block.document_N[i]) if len(block.document_N) else 0,
                        None if block.origins is None else Origin.from_bytes(block.origins[i]),
                    )
                )
    return read
