"""Parquet as Hugging Face's `datasets` writes it: tokens, and tags as integers whose names are in the metadata.

A row is a sentence.
"""

from __future__ import annotations

from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.tags.tag_strings import SPELLINGS, SPELLINGS_AFTER_SAME_TYPE, report_inexpressible, spell_tags
from data_prep.writers.output_format import OutputFormat, WriteOptions, document_names, record_ids, report_types
from ner_dist.tool_formats import huggingface
from ner_dist.tool_formats.huggingface import DOCUMENT, ID, TAGS, TOKENS


def tag_names(entity_types: list[str], scheme: str) -> list[str]:
    """The tags of a scheme by number: O, then those of each type."""
    spelled = set(SPELLINGS[scheme] + SPELLINGS_AFTER_SAME_TYPE[scheme]) if scheme != "io" else set()
    return huggingface.names_of_tags(entity_types, "".join(letter for letter in "BIMLEUSW" if letter in spelled))


def _schema(options: WriteOptions, names: list[str]) -> pa.Schema:
    texts = huggingface.list_feature(huggingface.TEXT)
    names_of_rows = [name for name, there in ((ID, options.has_ids), (DOCUMENT, options.has_documents)) if there]
    features: dict[str, object] = dict.fromkeys(names_of_rows, huggingface.TEXT)
    features[TOKENS] = texts
    features[TAGS] = huggingface.tag_feature(names)
    features.update(dict.fromkeys(options.features, texts))
    types = {
        **dict.fromkeys(features, pa.list_(pa.string())),
        **dict.fromkeys(names_of_rows, pa.string()),
        TAGS: pa.list_(pa.int64()),
    }
    return pa.schema([(name, types[name]) for name in features], metadata=huggingface.metadata(features))


class _ParquetWriter:
    """Writes a row group for each block."""

    def __init__(self, file: IO[bytes], options: WriteOptions, problems: Problems) -> None:
        self._options, self._problems = options, problems
        names = tag_names(options.entity_types, options.scheme)
        self._number = {name: number for number, name in enumerate(names)}
        self._schema = _schema(options, names)
        self._writer = pq.ParquetWriter(file, self._schema)

    def write(self, block: TaggedSentences) -> None:
        options = self._options
        report_types("", block, options.entity_types, self._problems)
        report_inexpressible(block, options.entity_types, options.scheme, self._problems)
        if not len(block.length_N):
            return
        tag_M = spell_tags(block, options.entity_types, options.scheme)
        offsets = pa.array(np.append(0, np.cumsum(block.length_N)), pa.int32())
        of_tokens = {
            TOKENS: pa.array(block.text_M, pa.string()),
            TAGS: pa.array([self._number[tag] for tag in tag_M], pa.int64()),
            **{name: pa.array(values, pa.string()) for name, values in block.features.items()},
        }
        columns = {name: pa.ListArray.from_arrays(offsets, values) for name, values in of_tokens.items()}
        # Where there is no name: a null.
        columns[ID] = pa.array([name or None for name in record_ids(block)], pa.string())
        columns[DOCUMENT] = pa.array([name or None for name in document_names(block)], pa.string())
        self._writer.write_table(
            pa.Table.from_arrays([columns[name] for name in self._schema.names], schema=self._schema)
        )

    def close(self) -> None:
        self._writer.close()


PARQUET = OutputFormat(
    name="parquet",
    description="Parquet as of Hugging Face: tokens, ner_tags as integers with their names, token features",
    open=_ParquetWriter,
    endings=(".parquet",),
    holds_features=None,
    has_tags=True,
)
