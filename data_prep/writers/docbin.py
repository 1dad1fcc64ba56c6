"""spaCy's DocBin (.spacy), written by spaCy: a document for each record, with its text, sentences and entities.

spaCy holds the whole file in memory, compactly.
"""

from __future__ import annotations

from typing import IO, Any

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.writers.jsonl import named
from data_prep.writers.output_format import OutputFormat, WriteOptions, report_types
from data_prep.writers.whole_records import RecordAssembler, WholeRecord

# What is stored of each token, besides itself.
ATTRIBUTES = ("TAG", "SENT_START", "ENT_IOB", "ENT_TYPE")


class _Words:
    """A text as spaCy's words, each followed by a space or not: white space beyond single spaces is a word."""

    def __init__(self, record: WholeRecord) -> None:
        self.words: list[str] = []
        self.has_space: list[bool] = []
        # Of each token, its place among the words.
        self.places: list[int] = []
        end = 0
        for token, start in zip(record.tokens, record.starts):
            self._add_gap(record.text[end:start])
            self.places.append(len(self.words))
            self.words.append(token)
            self.has_space.append(False)
            end = start + len(token)
        self._add_gap(record.text[end:])

    def _add_gap(self, gap: str) -> None:
        if self.words and gap.startswith(" "):
            self.has_space[-1] = True
            gap = gap[1:]
        if gap:
            self.words.append(gap)
            self.has_space.append(False)


class _DocBinWriter:
    def __init__(self, file: IO[bytes], options: WriteOptions, problems: Problems) -> None:
        # Late, because it takes half a second.
        from spacy.tokens import DocBin
        from spacy.vocab import Vocab

        self._file, self._options, self._problems = file, options, problems
        self._records = RecordAssembler(options, problems)
        self._documents, self._vocab = DocBin(ATTRIBUTES, store_user_data=True), Vocab()

    def write(self, block: TaggedSentences) -> None:
        report_types("", block, self._options.entity_types, self._problems)
        for record in self._records.add(block):
            self._documents.add(self._document(record))

    def close(self) -> None:
        for record in self._records.close():
            self._documents.add(self._document(record))
        self._file.write(self._documents.to_bytes())

    def _document(self, record: WholeRecord) -> Any:
        from spacy.tokens import Doc, Span

        found = _Words(record)
        places = found.places
        firsts = {0, *(places[first] for first in record.sentence_starts[1:])}
        tags = None
        if "pos" in record.features:
            # A word of white space has no part of speech.
            of_words = dict(zip(places, record.features["pos"]))
            tags = [of_words.get(place, "") for place in range(len(found.words))]
        document = Doc(
            self._vocab,
            words=found.words,
            spaces=found.has_space,
            user_data=named(record.id, record.document),
            tags=tags,
            sent_starts=[place in firsts for place in range(len(found.words))],
        )
        # All other words are outside.
        document.set_ents(
            [Span(document, places[first], places[end - 1] + 1, kind) for first, end, kind in record.entities]
        )
        return document


DOCBIN = OutputFormat(
    name="docbin",
    description="spaCy's DocBin: a document for each text, with sentences and entities; parts of speech as tags",
    open=_DocBinWriter,
    endings=(".spacy",),
    holds_features=("pos",),
)
