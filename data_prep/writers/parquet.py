"""Parquet as Hugging Face's `datasets` writes it: tokens, and tags as integers whose names are in the metadata.

A row is a sentence. The metadata are those of `datasets` itself: {"info": {"features": ...}} under "huggingface".
"""

from __future__ import annotations

import json
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.tags.tag_strings import SPELLINGS, SPELLINGS_AFTER_SAME_TYPE, report_inexpressible, spell_tags
from data_prep.writers.output_format import OutputFormat, WriteOptions, document_names, record_ids, report_types

METADATA_KEY = "huggingface"
ID, DOCUMENT, TOKENS, TAGS = "id", "document", "tokens", "ner_tags"


def tag_names(entity_types: list[str], scheme: str) -> list[str]:
    """The tags of a scheme by number: O, then those of each type."""
    if scheme == "io":
        return ["O", *entity_types]
    spelled = set(SPELLINGS[scheme] + SPELLINGS_AFTER_SAME_TYPE[scheme])
    letters = [letter for letter in "BIMLEUSW" if letter in spelled]
    return ["O", *(f"{letter}-{entity_type}" for entity_type in entity_types for letter in letters)]


def _schema(options: WriteOptions, names: list[str]) -> pa.Schema:
    text = {"dtype": "string", "_type": "Value"}
    # All versions of `datasets` read this name of a list; newer ones write another.
    texts = {"feature": text, "_type": "Sequence"}
    names_of_rows = [name for name, there in ((ID, options.has_ids), (DOCUMENT, options.has_documents)) if there]
    features: dict[str, object] = dict.fromkeys(names_of_rows, text)
    features[TOKENS] = texts
    features[TAGS] = {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"}
    features.update(dict.fromkeys(options.features, texts))
    types = {
        **dict.fromkeys(features, pa.list_(pa.string())),
        **dict.fromkeys(names_of_rows, pa.string()),
        TAGS: pa.list_(pa.int64()),
    }
    info = json.dumps({"info": {"features": features}})
    return pa.schema([(name, types[name]) for name in features], metadata={METADATA_KEY: info})


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
