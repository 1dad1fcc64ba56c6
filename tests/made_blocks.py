"""Annotated blocks made of lines such as "Ann/B-PER Lee/I-PER ran", one a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_prep.annotation.annotated_block import AnnotatedBlock, annotated_block
from data_prep.passes.sentence_hashes import hash_sentences
from data_prep.sentences.string_ids import StringIds
from ner_dist.contract.tag_schemes import PREFIX_CODES, entity_spans, spans_to_bilou

TYPES = ["LOC", "ORG", "PER"]


def block_of(lines: Sequence[str], tokens: StringIds, first_line: int = 1, source_id: int = 0) -> AnnotatedBlock:
    """The tokens are numbered by `tokens`; each has a line of its own."""
    pairs = [word.rpartition("/") if "/" in word else (word, "/", "O") for line in lines for word in line.split()]
    prefix_M = np.array([PREFIX_CODES[tag[0]] for _, _, tag in pairs])
    type_M = np.array([-1 if tag == "O" else TYPES.index(tag[2:]) for _, _, tag in pairs])
    length_N = np.array([len(line.split()) for line in lines])
    starts_M = np.zeros(len(pairs), bool)
    starts_M[np.cumsum(length_N) - length_N] = True
    tag_M = spans_to_bilou(entity_spans(prefix_M, type_M, starts_M), len(pairs))
    return annotated_block(
        tokens.ids([token for token, _, _ in pairs]),
        tag_M,
        first_line + np.arange(len(pairs)),
        length_N,
        np.zeros(len(lines), np.int64),
        hash_sentences,
        source_id,
    )
