"""Sentences of random ids, batches made of them in plain loops, and a small index that fits them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.contract.shard_format import CHAR_TYPES, Feature, Index, VocabFile
from ner_dist.data.batch import Batch

NUM_WORDS, NUM_CHARS = 30, 12
FEATURES = [Feature("caps", 4), Feature("pos", 6)]
ENTITY_TYPES = ["X", "Y"]


class IdSentence(NamedTuple):
    sentence_id: int
    words: list[int]
    # Characters of each token.
    chars: list[list[int]]
    # Values of each feature.
    features: list[list[int]]
    tags: list[int]


def small_index(features: list[Feature] | None = None) -> Index:
    """An index without files, of the sizes above."""
    features = FEATURES if features is None else features
    sizes = {"word": NUM_WORDS, "char": NUM_CHARS, **{feature.name: feature.num_values for feature in features}}
    return Index(
        entity_types=ENTITY_TYPES,
        bucket_edges=[100],
        features=features,
        vocab={name: VocabFile(name, 0, "", size) for name, size in sizes.items()},
        vectors=None,
        splits={},
        raw={},
        has_text=False,
        tokenizer={"name": "rules", "language": "en", "version": "", "applied": False},
        stats={"train": {"tags": {"O": 90, "B-X": 4, "L-X": 4, "U-Y": 2}}},
        sources=[],
        settings={},
        warnings={},
    )


def random_sentence(rng: np.random.Generator, sentence_id: int, length: int, longest_word: int = 6) -> IdSentence:
    return IdSentence(
        sentence_id,
        rng.integers(1, NUM_WORDS, length).tolist(),
        [rng.integers(1, NUM_CHARS, rng.integers(1, longest_word + 1)).tolist() for _ in range(length)],
        [rng.integers(1, feature.num_values, length).tolist() for feature in FEATURES],
        rng.integers(0, 1 + 4 * len(ENTITY_TYPES), length).tolist(),
    )


def char_type(char: int) -> int:
    return 1 + char % (len(CHAR_TYPES) - 1) if char else 0


def batch_of(sentences: list[IdSentence], char_padding: int = 1, num_features: int = len(FEATURES)) -> Batch:
    """What the reader would make of the sentences."""
    shape = max(len(s.words) for s in sentences), len(sentences)
    words = sorted({word for s in sentences for word in s.words})
    spellings = sorted({tuple(chars) for s in sentences for chars in s.chars})
    width = max(map(len, spellings)) + 2 * char_padding
    char_NC = np.zeros((len(spellings), width), np.int32)
    for row, spelling in enumerate(spellings):
        char_NC[row, char_padding : char_padding + len(spelling)] = spelling
    word_TB, spelling_TB, tag_TB = (np.zeros(shape, np.int32) for _ in range(3))
    feature_FTB = np.zeros((num_features, *shape), np.int32)
    mask_TB = np.zeros(shape, np.float32)
    for column, s in enumerate(sentences):
        for t in range(len(s.words)):
            word_TB[t, column] = words.index(s.words[t])
            spelling_TB[t, column] = spellings.index(tuple(s.chars[t]))
            tag_TB[t, column] = s.tags[t]
            mask_TB[t, column] = 1
            for f in range(num_features):
                feature_FTB[f, t, column] = s.features[f][t]
    return Batch(
        word_ids_W=np.array(words, np.int64),
        word_TB=word_TB,
        char_NC=char_NC,
        char_type_NC=np.vectorize(char_type, otypes=[np.int32])(char_NC),
        spelling_TB=spelling_TB,
        feature_FTB=feature_FTB,
        tag_TB=tag_TB,
        mask_TB=mask_TB,
        length_B=np.array([len(s.words) for s in sentences]),
        sentence_id_B=np.array([s.sentence_id for s in sentences]),
    )
