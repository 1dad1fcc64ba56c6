"""Sentences as numbers of distinct tokens -> the columns of a shard."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_prep.encoders.features import EncodeInput, FittedFeature
from data_prep.passes.fit_vocabularies import FittedCorpus
from data_prep.passes.id_corpus import IdCorpus
from data_prep.passes.origin_file import Origins
from data_prep.passes.shard_cells import ShardSentences
from data_prep.passes.tagged_corpus import TaggedCorpus
from data_prep.passes.token_encodings import PartEncodings
from ner_dist.contract.shard_format import TEXT_COLUMNS, Feature, VocabFile, file_sha256, shard_schema

NO_CODES = np.zeros(0, np.int64)


class ShardEncoder(NamedTuple):
    """Everything that turns sentences into the columns of a shard."""

    tokens: PartEncodings
    # Of each feature, its ids; see FittedFeature.
    features: Mapping[str, Callable[[EncodeInput], np.ndarray]]
    schema: pa.Schema
    entity_types: list[str]
    origins: Origins
    # Whether the corpus has texts.
    has_text: bool

    def encode(self, sentences: ShardSentences) -> pa.Table:
        """A table with one row per sentence, in the given order."""
        length_N = sentences.length_N.astype(np.int64)
        tokens = self.tokens.gather(sentences.token_M, sentences.part_N, length_N)
        # Characters of each sentence: sums over its tokens. Sentences are never empty.
        chars_N = np.add.reduceat(tokens.num_chars_M, np.cumsum(length_N) - length_N)
        by_token = {
            "word": tokens.word_M,
            "token_chars": tokens.num_chars_M,
            "tag": sentences.tag_M,
            **{
                name: encode(EncodeInput(tokens.codes.get(name, NO_CODES), sentences.feature_FM, length_N))
                for name, encode in self.features.items()
            },
            "text": tokens.text_M,
        }
        columns = {name: _lists(values, length_N, self.schema.field(name).type) for name, values in by_token.items()}
        columns["char"] = _lists(tokens.char_C, chars_N, self.schema.field("char").type)
        for name in ("length", "sentence_id", "source", "line", "recut"):
            columns[name] = pa.array(sentences.sentence_N[name], self.schema.field(name).type)
        columns.update(self._origin_columns(sentences))
        return pa.Table.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)

    def _origin_columns(self, sentences: ShardSentences) -> dict[str, pa.Array]:
        """Where the sentences come from: record and document, and, if the corpus has texts, the columns of the text."""
        rows = sentences.sentence_N
        number_N, nothing = rows["document"], pa.array([""] * len(rows), pa.string())
        documents = pa.array([str(number or "") for number in number_N.tolist()]) if number_N.any() else nothing
        if not self.has_text and not rows["origin_size"].any():
            return {"record": nothing, "document": documents}
        origins = self.origins.read(rows["origin_place"], rows["origin_size"])
        columns = {
            "record": pa.array([origin.record for origin in origins], pa.string()),
            "document": pa.array(
                [origin.document or number for origin, number in zip(origins, documents.to_pylist())], pa.string()
            ),
        }
        if not self.has_text:
            return columns
        type_ids = {name: type_id for type_id, name in enumerate(self.entity_types)}
        spans = [
            [value for start, end, name in origin.spans for value in (start, end, type_ids[name])] for origin in origins
        ]
        values = {
            "source_text": [origin.text or "" for origin in origins],
            "text_start": [origin.text_start for origin in origins],
            "start": [origin.starts for origin in origins],
            "spans": spans,
        }
        return {**columns, **{name: pa.array(values[name], self.schema.field(name).type) for name in TEXT_COLUMNS}}


def shard_features(features: dict[str, FittedFeature]) -> list[Feature]:
    return [Feature(name, len(feature.vocab.values)) for name, feature in features.items()]


def shard_encoder(corpus: IdCorpus, tagged: TaggedCorpus, fitted: FittedCorpus) -> ShardEncoder:
    has_text = corpus.cutter.was_used
    return ShardEncoder(
        PartEncodings(fitted.encoded),
        {name: feature.encode for name, feature in fitted.features.items()},
        shard_schema(tagged.tag_SK.shape[1], shard_features(fitted.features), has_text),
        tagged.entity_types,
        corpus.origins,
        has_text,
    )


def _lists(values: np.ndarray | pa.Array, length_N: np.ndarray, dtype: pa.DataType) -> pa.ListArray:
    """Flat values -> a list column with length_N[n] values in row n."""
    offsets = np.concatenate([[0], np.cumsum(length_N)]).astype(np.int32)
    if isinstance(values, np.ndarray):
        values = pa.array(values, dtype.value_type)
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=dtype)


def write_vocabs(directory: Path, fitted: FittedCorpus) -> dict[str, VocabFile]:
    """Write vocab/<name>.json for each vocabulary; returns their entries for the index."""
    (directory / "vocab").mkdir()
    entries = {}
    vocabs = {"word": fitted.words.vocab, "char": fitted.chars}
    vocabs.update((name, feature.vocab) for name, feature in fitted.features.items())
    for name, vocab in vocabs.items():
        path = directory / "vocab" / f"{name}.json"
        path.write_text(json.dumps(vocab.record(), ensure_ascii=False) + "\n", encoding="utf-8")
        entries[name] = VocabFile(f"vocab/{name}.json", path.stat().st_size, file_sha256(path), len(vocab.values))
    return entries
