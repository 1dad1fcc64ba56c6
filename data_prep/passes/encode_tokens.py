"""The distinct tokens of each part of a corpus -> what they become in shards, by vocabularies of the whole corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_prep.encoders.characters import encode_chars
from data_prep.encoders.words import word_ids
from data_prep.passes.carried import Carried
from data_prep.passes.id_corpus import IdCorpus, PartTokens
from data_prep.passes.tagged_corpus import TaggedCorpus
from data_prep.passes.token_encodings import TokenEncodings, write_encodings
from ner_dist.contract.shard_format import UNK_ID
from ner_dist.engines.executor import Advance, Executor


class Encoding(NamedTuple):
    """How tokens are encoded."""

    word_ids: Mapping[str, int]
    characters: Sequence[str]
    max_chars: int
    # Of the features that depend on the token's spelling, by name.
    codes: Mapping[str, Callable[[Sequence[str]], np.ndarray]]


class EncodeTask(NamedTuple):
    encoding: Carried[Encoding]
    tokens: Carried[PartTokens]
    # Under which spelling each is looked up.
    keys: Carried[list[str]]
    # How often each occurs: int64 (S, V).
    token_SV: Carried[np.ndarray]
    # Of what is written.
    path: Path


class EncodedPart(NamedTuple):
    # Of its TokenEncodings.
    path: Path
    # Tokens of each split whose word is unknown.
    unknown_S: np.ndarray


def encode_part(task: EncodeTask, advance: Advance) -> EncodedPart:
    encoding, token_V = task.encoding.get(), task.tokens.get().token_V
    id_V = word_ids(task.keys.get(), encoding.word_ids)
    chars = encode_chars(token_V, encoding.max_chars, encoding.characters)
    codes = {name: codes_of(token_V) for name, codes_of in encoding.codes.items()}
    write_encodings(task.path, TokenEncodings(id_V, chars, pa.array(token_V, pa.large_string()), codes))
    return EncodedPart(task.path, task.token_SV.get()[:, id_V == UNK_ID].sum(1))


def encode_tokens(
    corpus: IdCorpus,
    tagged: TaggedCorpus,
    keys: Sequence[Carried[list[str]]],
    encoding: Encoding,
    spill: Path,
    executor: Executor,
) -> list[EncodedPart]:
    """Those of each part. keys: of the parts' tokens. spill: folder for intermediate files."""
    carried = Carried(encoding, spill / "encoding", is_shared=True)
    tasks = [
        EncodeTask(carried, part.tokens, of_part, tagged_part.token_SV, spill / f"encoded-{number}")
        for number, (part, of_part, tagged_part) in enumerate(zip(corpus.parts, keys, tagged.parts))
    ]
    return executor.run("encode", encode_part, tasks)
