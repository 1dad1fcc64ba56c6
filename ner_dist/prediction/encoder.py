"""Sentences of tokens -> ragged arrays of ids, the same as data_prep and the reader make of a corpus; no MXNet here.

Axes: R sentences, M their tokens, V distinct tokens, C characters of the distinct tokens, concatenated.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ner_dist.contract import lexicon_matching
from ner_dist.contract.shard_format import CHAR_TYPES, CHAR_UNK_IDS, NUM_CHAR_SPECIALS, PAD_ID, UNK_ID
from ner_dist.contract.spelling import TOKEN_FEATURES, capitalisation, char_type, shorten
from ner_dist.contract.vocabularies import FeatureValues, Vocabularies
from ner_dist.contract.word_lookup import word_id_lookup
from ner_dist.data.batch import BatchBuilder, Deduplicator
from ner_dist.data.sentence_arrays import SentenceArrays
from ner_dist.errors import UserError
from ner_dist.prediction.documents import Sentence
from ner_dist.prediction.familiarity import Familiarity

# No id, because there are fewer than 2^16 characters.
_NOT_SEEN = 1 << 16
# Tokens whose word id and capitalisation are cached; a bound, so that memory stays flat.
_CACHED_TOKENS = 1 << 18

assert CHAR_TYPES[0] == "pad", "an unknown character is never padding"


class _SentenceTokens(NamedTuple):
    """What features are computed from."""

    # V: each spelling once, its capitalisation, and its number at each token.
    distinct: list[str]
    caps: list[str]
    spelling_M: np.ndarray
    length_R: np.ndarray
    sentences: Sequence[Sentence]


class Encoder:
    """Turns sentences into what a model reads."""

    def __init__(self, vocabularies: Vocabularies) -> None:
        """Raises UserError if the model uses a feature that cannot be computed for new text."""
        self._vocabularies = vocabularies
        words = vocabularies.words
        word_id = word_id_lookup(words, vocabularies.keep_case, vocabularies.keep_digits, vocabularies.without_vector)
        self._look_up = functools.lru_cache(_CACHED_TOKENS)(lambda token: (word_id(token), capitalisation(token)))
        self._words = Deduplicator(len(words))
        self._char_types = np.asarray(vocabularies.character_types, np.int32)
        self._id_of_code = np.full(sys.maxunicode + 1, _NOT_SEEN, np.int32)
        for char_id, char in enumerate(vocabularies.characters[NUM_CHAR_SPECIALS:], NUM_CHAR_SPECIALS):
            self._id_of_code[ord(char)] = char_id
        self._features = [_feature_encoder(feature) for feature in vocabularies.features]
        # Of all sentences so far.
        self.familiarity = Familiarity()

    def batches(self, sentences: Sequence[Sentence]) -> BatchBuilder:
        """Batches of these sentences, all of which have tokens.

        Raises UserError if the model needs a feature that a sentence does not have.
        """
        _require_features(self._vocabularies.given_features, sentences)
        numbers: dict[str, int] = {}
        spelling_M = np.array([numbers.setdefault(t, len(numbers)) for s in sentences for t in s.tokens], np.int64)
        distinct = list(numbers)
        known = [self._look_up(token) for token in distinct]
        length_R = np.array([len(sentence.tokens) for sentence in sentences], np.int64)
        word_V = np.array([word_id for word_id, _ in known], np.int64)
        num_known = int((word_V[spelling_M] != UNK_ID).sum())
        tokens_before, known_before = self.familiarity
        self.familiarity = Familiarity(tokens_before + len(spelling_M), known_before + num_known)
        tokens = _SentenceTokens(distinct, [caps for _, caps in known], spelling_M, length_R, sentences)
        char_C, char_length_V = self._characters(distinct)
        arrays = SentenceArrays(
            length_R=length_R,
            sentence_id_R=np.arange(len(sentences)),
            offset_R=np.cumsum(length_R) - length_R,
            word_M=np.append(word_V[spelling_M], len(self._vocabularies.words)),
            spelling_M=np.append(spelling_M, len(distinct)),
            tag_M=np.zeros(len(spelling_M) + 1, np.uint8),
            feature_FM=[np.append(encode(tokens), PAD_ID) for encode in self._features],
            char=np.append(char_C, np.uint16(PAD_ID)),
            char_offset_N=np.cumsum(char_length_V) - char_length_V,
            char_length_N=char_length_V,
        )
        return BatchBuilder(arrays, self._words, self._char_types, self._vocabularies.character_padding)

    def _characters(self, distinct: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Character ids of the tokens, concatenated (C,), and the number of characters of each token (V,)."""
        shortened = [shorten(token, self._vocabularies.max_characters) for token in distinct]
        # A lone surrogate is not text, but must not stop the documents around it.
        code_C = np.frombuffer("".join(shortened).encode("utf-32-le", "surrogatepass"), "<u4")
        id_C = self._id_of_code[code_C]
        if (id_C == _NOT_SEEN).any():
            # Characters that train lacks are known by their type, which is looked up once for each.
            for code in np.unique(code_C[id_C == _NOT_SEEN]).tolist():
                self._id_of_code[code] = CHAR_UNK_IDS[char_type(chr(code))]
            id_C = self._id_of_code[code_C]
        return id_C.astype(np.uint16), np.array([len(token) for token in shortened], np.int64)


def _feature_encoder(feature: FeatureValues) -> Callable[[_SentenceTokens], np.ndarray]:
    """A function that gives a feature's ids (M,). Raises UserError for a feature that new text cannot have."""
    ids = {value: value_id for value_id, value in enumerate(feature.values) if value_id > UNK_ID}
    if feature.name == "caps":
        return lambda tokens: np.array([ids.get(caps, UNK_ID) for caps in tokens.caps], np.int32)[tokens.spelling_M]
    if feature.name in TOKEN_FEATURES:
        label = TOKEN_FEATURES[feature.name]

        def computed_ids(tokens: _SentenceTokens) -> np.ndarray:
            return np.array([ids.get(label(token), UNK_ID) for token in tokens.distinct], np.int32)[tokens.spelling_M]

        return computed_ids
    if feature.entries is not None and feature.parts is not None:
        entries = (entry.split(" ") for entry in feature.entries)
        matcher = lexicon_matching.build_matcher(entries, lexicon_matching.PartialMatch(*feature.parts))

        def label_ids(tokens: _SentenceTokens) -> np.ndarray:
            code_M = lexicon_matching.token_codes(matcher, tokens.distinct)[tokens.spelling_M]
            return lexicon_matching.FIRST_ID + lexicon_matching.match(matcher, code_M, tokens.length_R)

        return label_ids
    if feature.name.startswith("lexicon_"):
        raise UserError(
            f"the model uses the token feature {feature.name} without its entries; build the shards again and train a "
            "new model, or train one without it (--model.features)"
        )

    def given_ids(tokens: _SentenceTokens) -> np.ndarray:
        values = itertools.chain.from_iterable(sentence.features[feature.name] for sentence in tokens.sentences)
        return np.array([ids.get(value, UNK_ID) for value in values], np.int32)

    return given_ids


def _require_features(names: list[str], sentences: Sequence[Sentence]) -> None:
    """Raises UserError if a sentence lacks a token feature that must come with the tokens."""
    missing = [name for name in names if any(name not in sentence.features for sentence in sentences)]
    if missing:
        options = " ".join(f"--feature {name}=COLUMN" for name in missing)
        fields = " and ".join(f'"{name}"' for name in ("tokens", *missing))
        raise UserError(
            f"the model was trained with the token feature{'s' * (len(missing) > 1)} {', '.join(missing)}, which the "
            f"input does not have; expected CoNLL and {options}, or JSON lines with {fields}, one value per token; "
            "else train a model without (--model.features [caps])"
        )
