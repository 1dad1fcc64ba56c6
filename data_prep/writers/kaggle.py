"""CSV as that of the Kaggle corpus (GMB): Sentence #, Document if there are documents, Word, token features, Tag."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable
from typing import IO

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.tags.tag_strings import report_inexpressible, spell_tags
from data_prep.writers.output_format import OutputFormat, WriteOptions, document_names, report_separators

SENTENCE, DOCUMENT, WORD, POS, TAG = "Sentence #", "Document", "Word", "POS", "Tag"


class _KaggleWriter:
    def __init__(self, file: IO[bytes], options: WriteOptions, problems: Problems) -> None:
        self._file, self._options, self._problems = file, options, problems
        self._num_sentences = 0

    def write(self, block: TaggedSentences) -> None:
        options = self._options
        report_separators("\n\r", block, options.entity_types, self._problems)
        report_inexpressible(block, options.entity_types, options.scheme, self._problems)
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        if not self._num_sentences and len(block.length_N):
            # Without a byte-order mark, some readers of this corpus would expect cp1252, not UTF-8.
            text.write("\ufeff")
            names = [POS if name == "pos" else name for name in block.features]
            rows.writerow([SENTENCE, *([DOCUMENT] if options.has_documents else []), WORD, *names, TAG])
        tag_M = spell_tags(block, options.entity_types, options.scheme)
        documents = document_names(block) if options.has_documents else []
        for i, place in enumerate(block.sentence_slices()):
            labels = itertools.chain([f"Sentence: {self._num_sentences + i + 1}"], itertools.repeat(""))
            fields: list[Iterable[str]] = [itertools.repeat(documents[i])] if documents else []
            fields += [values[place] for values in (block.text_M, *block.features.values(), tag_M)]
            rows.writerows(zip(labels, *fields))
        self._num_sentences += len(block.length_N)
        self._file.write(text.getvalue().encode())

    def close(self) -> None:
        pass


KAGGLE = OutputFormat(
    name="kaggle",
    description=f"CSV with the header '{SENTENCE},{WORD},{POS},{TAG}', and {DOCUMENT} if there are documents",
    open=_KaggleWriter,
    endings=(".csv",),
    holds_ids=False,
    holds_features=None,
    has_tags=True,
)
