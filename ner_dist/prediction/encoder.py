"""Sentences of tokens -> flat arrays of ids, as data_prep and the reader make them of a corpus; no MXNet here.

Axes: R sentences, M their tokens, V distinct tokens, C characters of the distinct tokens end to end.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from ner_dist.contract import lexicon_matching
from ner_dist.contract.shard_format import CHAR_TYPES, CHAR_UNK_IDS, NUM_CHAR_SPECIALS, PAD_ID, UNK_ID
from ner_dist.contract.spelling import capitalisation, char_type, shorten
from ner_dist.contract.word_lookup import word_ids
from ner_dist.data.batch import Batcher, Deduplicator
from ner_dist.data.sentence_arrays import SentenceArrays
from ner_dist.errors import UserError
from ner_dist.prediction.documents import Sentence
from ner_dist.prediction.vocabularies import FeatureValues, Vocabularies

# More than there are code points; and no id: characters of the vocabulary have fewer than 2^16.
_CODE_POINTS, _UNMET = 0x110000, 1 << 16
# Tokens whose words and capitalisation are remembered; then all are forgotten, so that memory stays flat.
_REMEMBERED = 1 << 18


class Encoder:
    """Turns sentences into what a model reads."""

    def __init__(self, vocabularies: Vocabularies) -> None:
        """Raises UserError if the model has a feature that this code cannot make for new text."""
        self._vocabularies = vocabularies
        words = vocabularies.words
        self._word_id = word_ids(words, vocabularies.keep_case, vocabularies.keep_digits, vocabularies.without_vector)
        self._known: dict[str, tuple[int, str]] = {}
        self._words = Deduplicator(len(words))
        self._char_types = np.asarray(vocabularies.character_types, np.int32)
        self._id_of_code = np.full(_CODE_POINTS, _UNMET, np.int32)
        for char_id, char in enumerate(vocabularies.characters[NUM_CHAR_SPECIALS:], NUM_CHAR_SPECIALS):
            self._id_of_code[ord(char)] = char_id
        self._features = [self._feature(feature) for feature in vocabularies.features]
        self.needs_pos = any(feature.name == "pos" for feature in vocabularies.features)

    def batches(self, sentences: Sequence[Sentence]) -> Batcher:
        """Of sentences with tokens. Raises UserError if the model needs parts of speech and a sentence has none."""
        numbers: dict[str, int] = {}
        spelling_M = np.array([numbers.setdefault(t, len(numbers)) for s in sentences for t in s.tokens], np.int64)
        distinct = list(numbers)
        known = [self._look_up(token) for token in distinct]
        length_R = np.array([len(sentence.tokens) for sentence in sentences], np.int64)
        word_V = np.array([word_id for word_id, _ in known], np.int64)
        features = [encode(distinct, known, spelling_M, length_R, sentences) for encode in self._features]
        char_C, char_length_V = self._characters(distinct)
        flat = SentenceArrays(
            length_R=length_R,
            sentence_id_R=np.arange(len(sentences)),
            first_R=np.cumsum(length_R) - length_R,
            word_M=np.append(word_V[spelling_M], len(self._vocabularies.words)),
            spelling_M=np.append(spelling_M, len(distinct)),
            tag_M=np.zeros(len(spelling_M) + 1, np.uint8),
            feature_FM=[np.append(value_M, PAD_ID) for value_M in features],
            char=np.append(char_C, np.uint16(PAD_ID)),
            char_first_N=np.cumsum(char_length_V) - char_length_V,
            char_length_N=char_length_V,
        )
        return Batcher(flat, self._words, self._char_types, self._vocabularies.character_padding)

    def _look_up(self, token: str) -> tuple[int, str]:
        """Its word id and its capitalisation."""
        found = self._known.get(token)
        if found is None:
            if len(self._known) == _REMEMBERED:
                self._known.clear()
            found = self._known[token] = self._word_id(token), capitalisation(token)
        return found

    def _characters(self, distinct: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Character ids of the tokens, end to end, and how many each has."""
        shown = [shorten(token, self._vocabularies.max_characters) for token in distinct]
        # Half a surrogate pair is no text, but must not stop a document of others.
        code_C = np.frombuffer("".join(shown).encode("utf-32-le", "surrogatepass"), "<u4")
        id_C = self._id_of_code[code_C]
        if (id_C == _UNMET).any():
            # Characters that train lacks are known by their type; each is looked at once.
            for code in np.unique(code_C[id_C == _UNMET]).tolist():
                self._id_of_code[code] = CHAR_UNK_IDS[char_type(chr(code))]
            id_C = self._id_of_code[code_C]
        return id_C.astype(np.uint16), np.array([len(token) for token in shown], np.int64)

    def _feature(self, feature: FeatureValues) -> Callable[..., np.ndarray]:
        """What encodes a feature: ids (M,) from distinct tokens, their look-ups, spelling_M, length_R, sentences."""
        ids = {value: value_id for value_id, value in enumerate(feature.values) if value_id > UNK_ID}
        if feature.name == "caps":
            return lambda distinct, known, spelling_M, length_R, sentences: np.array(
                [ids.get(caps, UNK_ID) for _, caps in known], np.int32
            )[spelling_M]
        if feature.name == "pos":
            return lambda distinct, known, spelling_M, length_R, sentences: _pos_ids(sentences, ids)
        if feature.entries is not None and feature.parts is not None:
            entries = (entry.split(" ") for entry in feature.entries)
            matcher = lexicon_matching.fit(entries, lexicon_matching.Parts(*feature.parts))
            return lambda distinct, known, spelling_M, length_R, sentences: (
                lexicon_matching.FIRST_ID
                + lexicon_matching.match(matcher, lexicon_matching.codes(matcher, distinct)[spelling_M], length_R)
            )
        raise UserError(
            f"the model looks at the token feature {feature.name}, which only a corpus has; train one without it for "
            "new text (--model.features)"
        )


def _pos_ids(sentences: Sequence[Sentence], ids: dict[str, int]) -> np.ndarray:
    for sentence in sentences:
        if sentence.pos is None:
            raise UserError(
                "the model was trained with parts of speech (feature pos), and the input has none; give it CoNLL with "
                '--pos-column or JSON lines with "pos", or train a model without them (--model.features [caps])'
            )
    pos = itertools.chain.from_iterable(sentence.pos or [] for sentence in sentences)
    return np.array([ids.get(name, UNK_ID) for name in pos], np.int32)


assert CHAR_TYPES[0] == "pad", "an unknown character is never padding"
