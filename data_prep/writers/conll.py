"""CoNLL columns: one token per line, a blank line after each sentence, -DOCSTART- before each document."""

from __future__ import annotations

from typing import IO

import numpy as np

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.tags.tag_strings import report_inexpressible, spell_tags
from data_prep.writers.output_format import DocumentStarts, OutputFormat, WriteOptions, one_line, report_separators
from ner_dist.contract.column_marks import DOCUMENT_MARK
from ner_dist.contract.visible_text import shown

BYTE_ORDER_MARK = "\ufeff"


class _ConllWriter:
    """Writes the columns token, each token feature, tag."""

    def __init__(self, file: IO[bytes], options: WriteOptions, problems: Problems) -> None:
        self._file, self._options, self._problems = file, options, problems
        self._separator = "\t" if options.has_spaces else " "
        self._documents = DocumentStarts()

    def write(self, block: TaggedSentences) -> None:
        options = self._options
        report_separators("\t\n\r", block, options.entity_types, self._problems)
        report_inexpressible(block, options.entity_types, options.scheme, self._problems)
        joined = "".join(block.text_M)
        if DOCUMENT_MARK in joined or BYTE_ORDER_MARK in joined:
            _check_line_beginnings(block, self._problems)
        tag_M = spell_tags(block, options.entity_types, options.scheme)
        lines = list(map(self._separator.join, zip(block.text_M, *block.features.values(), tag_M)))
        sentences = ["\n".join(lines[place]) + "\n\n" for place in block.sentence_slices()]
        for i, name in self._documents.find(block).items():
            sentences[i] = self._mark(name, len(block.features)) + sentences[i]
        text = "".join(sentences)
        self._file.write(text.encode())

    def _mark(self, name: str, num_features: int) -> str:
        columns = [f"({one_line(name)})"] if name.strip() else ["-X-"] * num_features + ["O"]
        return self._separator.join([DOCUMENT_MARK, *columns]) + "\n\n"

    def close(self) -> None:
        pass


def _check_line_beginnings(block: TaggedSentences, problems: Problems) -> None:
    for i, length in enumerate(np.repeat(block.length_N, block.length_N)):
        if not block.text_M[i].startswith((DOCUMENT_MARK, BYTE_ORDER_MARK)):
            continue
        what = f"token {shown(block.text_M[i][:30])} begins with"
        if block.text_M[i][0] == BYTE_ORDER_MARK:
            what += " a byte-order mark, which readers would drop; write jsonl instead"
            problems.error(block.where(i), what, "inexpressible")
            continue
        what += f" {DOCUMENT_MARK}"
        if length == 1 and not block.tag_M[i]:
            problems.warn("document_marks", block.where(i), f"{what}: readers take its line for a document's beginning")
        else:
            problems.error(
                block.where(i), f"{what}, so readers would skip its line; write jsonl instead", "inexpressible"
            )


CONLL = OutputFormat(
    name="conll",
    description="columns of CoNLL: token, token features, tag; -DOCSTART- before each document",
    open=_ConllWriter,
    holds_ids=False,
    holds_features=None,
    has_tags=True,
)
