"""spaCy's DocBin (.spacy), written by spaCy: a document for each record, with its text, sentences and entities.

spaCy holds the whole file in memory, compactly.
"""

from __future__ import annotations

from typing import IO

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.writers.jsonl import named
from data_prep.writers.output_format import OutputFormat, WriteOptions, report_types
from data_prep.writers.whole_records import RecordAssembler, WholeRecord
from ner_dist.tool_formats.docbin import docbin_document, new_docbin


class _DocBinWriter:
    def __init__(self, file: IO[bytes], options: WriteOptions, problems: Problems) -> None:
        # Late, because it takes half a second.
        from spacy.vocab import Vocab

        self._file, self._options, self._problems = file, options, problems
        self._records = RecordAssembler(options, problems)
        self._documents, self._vocab = new_docbin(), Vocab()

    def write(self, block: TaggedSentences) -> None:
        report_types("", block, self._options.entity_types, self._problems)
        for record in self._records.add(block):
            self._add(record)

    def close(self) -> None:
        for record in self._records.close():
            self._add(record)
        self._file.write(self._documents.to_bytes())

    def _add(self, record: WholeRecord) -> None:
        user_data = named(record.id, record.document)
        self._documents.add(docbin_document(self._vocab, record, user_data, record.features.get("pos")))


DOCBIN = OutputFormat(
    name="docbin",
    description="spaCy's DocBin: a document for each text, with sentences and entities; parts of speech as tags",
    open=_DocBinWriter,
    endings=(".spacy",),
    holds_features=("pos",),
)
