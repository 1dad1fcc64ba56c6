"""CoNLL files as tokens, and tokens as a batch of an encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ner_dist.data.batch import Batch
from ner_dist.prediction.documents import document_of_tokens
from ner_dist.prediction.encoder import Encoder


def read_conll(path: Path) -> tuple[list[list[str]], list[list[str]]]:
    """Tokens and parts of speech of each sentence of a CoNLL file."""
    blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
    rows = [[line.split() for line in block.split("\n")] for block in blocks]
    return [[row[0] for row in block] for block in rows], [[row[1] for row in block] for block in rows]


def encoded_batch(encoder: Encoder, tokens: list[list[str]], pos: list[list[str]] | None = None) -> Batch:
    features = {} if pos is None else {"pos": pos}
    return encoder.batches(document_of_tokens(tokens, features).sentences).batch(np.arange(len(tokens)))
