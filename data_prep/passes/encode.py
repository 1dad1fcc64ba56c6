"""Sentences as numbers of distinct strings -> the columns of a shard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_prep.encoders.features import Corpus, Fitted, Tokens, fit_features
from data_prep.encoders.vocab import Chars, Vocab, Words, fit_chars, fit_words, gather_chars
from data_prep.passes.read_pass import Intake
from data_prep.passes.shard_pass import ShardReader
from data_prep.passes.tag_pass import Resolved
from data_prep.settings import Settings
from ner_dist.contract.shard_format import Feature, VocabFile, file_sha256, shard_schema


class Encoding(NamedTuple):
    """All that turns sentences into ids."""

    words: Words
    chars: Chars
    features: dict[str, Fitted]
    text_V: pa.StringArray
    schema: pa.Schema

    def vocabs(self) -> dict[str, Vocab]:
        return {
            "word": self.words.vocab,
            "char": self.chars.vocab,
            **{name: feature.vocab for name, feature in self.features.items()},
        }

    def shard_features(self) -> list[Feature]:
        return [Feature(name, len(feature.vocab.values)) for name, feature in self.features.items()]


def fit_encoding(
    intake: Intake, resolved: Resolved, settings: Settings, vector_rows: Mapping[str, int] | None = None
) -> Encoding:
    """Vocabularies and features of the training split (split 0), and the words that have a pretrained vector."""
    count_V = resolved.token_SV[0]
    features = fit_features(Corpus(intake.token_V, count_V, intake.pos, resolved.pos_SP[0]), settings)
    num_tags = 1 + 4 * len(resolved.entity_types)
    schema = shard_schema(num_tags, [Feature(name, len(fitted.vocab.values)) for name, fitted in features.items()])
    return Encoding(
        fit_words(intake.token_V, count_V, settings, vector_rows),
        fit_chars(intake.token_V, count_V, settings),
        features,
        pa.array(intake.token_V, pa.string()),
        schema,
    )


def _lists(values: np.ndarray | pa.Array, length_N: np.ndarray, dtype: pa.DataType) -> pa.ListArray:
    """Flat values -> a list column with `length_N` values a row."""
    offsets = np.concatenate([[0], np.cumsum(length_N)]).astype(np.int32)
    if isinstance(values, np.ndarray):
        values = pa.array(values, dtype.value_type)
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=dtype)


def encode(sentences: ShardReader, encoding: Encoding) -> pa.Table:
    """A table of one row a sentence, in the given order."""
    length_N = sentences.length_N.astype(np.int64)
    char_C, token_chars_M = gather_chars(encoding.chars, sentences.token_M)
    # Characters of each sentence: sums of its tokens' characters. Sentences are never empty.
    chars_N = np.add.reduceat(token_chars_M, np.cumsum(length_N) - length_N)
    tokens = Tokens(sentences.token_M, sentences.pos_M, length_N)
    schema = encoding.schema
    by_token = {
        "word": encoding.words.id_V[sentences.token_M],
        "token_chars": token_chars_M,
        "tag": sentences.tag_M,
        **{name: feature.encode(tokens) for name, feature in encoding.features.items()},
        "text": encoding.text_V.take(pa.array(sentences.token_M)),
    }
    columns = {name: _lists(values, length_N, schema.field(name).type) for name, values in by_token.items()}
    columns["char"] = _lists(char_C, chars_N, schema.field("char").type)
    columns["length"] = pa.array(sentences.length_N, pa.int32())
    columns["sentence_id"] = pa.array(sentences.sentence_id_N.astype(np.int64))
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def write_vocabs(directory: Path, vocabs: dict[str, Vocab]) -> dict[str, VocabFile]:
    """Write vocab/<name>.json for each vocabulary; returns what the index says of them."""
    (directory / "vocab").mkdir()
    entries = {}
    for name, vocab in vocabs.items():
        path = directory / "vocab" / f"{name}.json"
        path.write_text(json.dumps(vocab.record(), ensure_ascii=False) + "\n", encoding="utf-8")
        entries[name] = VocabFile(f"vocab/{name}.json", path.stat().st_size, file_sha256(path), len(vocab.values))
    return entries
