"""The ids that a trained model has for the tokens of a corpus: nothing is fitted, but how often each occurs is counted.

They are the ids that prediction with the model gives to the same tokens (ner_dist/prediction/encoder.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from data_prep.encoders.features import EncodeInput, FitInput, FittedFeature
from data_prep.encoders.vocab import (
    CharEncoding,
    VectorLookup,
    Vocab,
    WordEncoding,
    char_counts,
    count_ids,
    encode_chars,
)
from data_prep.problems import CorpusError
from ner_dist.contract.lexicon_matching import FIRST_ID, PartialMatch, build_matcher, match, token_codes
from ner_dist.contract.like_model import Like
from ner_dist.contract.shard_format import (
    CHAR_UNK_IDS,
    NUM_CHAR_SPECIALS,
    UNK_ID,
    VECTORS_NAME,
    VectorsFile,
    id_dtype,
    verify_file,
)
from ner_dist.contract.spelling import TOKEN_FEATURES, char_type
from ner_dist.contract.vocabularies import FeatureValues, Vocabularies
from ner_dist.contract.word_lookup import lookup_key, words_with_vector


def known_words(token_V: list[str], count_V: np.ndarray, like: Like, with_vectors: bool) -> WordEncoding:
    """with_vectors: whether the set gets the model's pretrained vectors, if it has any."""
    known = like.vocabularies
    with_vector = words_with_vector(known.words, known.without_vector)
    found = [lookup_key(token, known.keep_case, known.keep_digits, with_vector) for token in token_V]
    ids = _ids(known.words)
    id_V = np.array([ids.get(key, UNK_ID) for key, _ in found], np.int32)
    counts = count_ids(id_V, count_V, len(known.words)).tolist()
    lookup = None
    if with_vectors and like.vectors is not None:
        row_I = np.arange(len(known.words))
        row_I[known.without_vector or []] = -1
        lookup = VectorLookup(row_I, like.vectors.first_unseen, [step for _, step in found])
    vocab = Vocab(known.words, counts, without_vector=known.without_vector)
    return WordEncoding(vocab, [key for key, _ in found], id_V, lookup)


def known_chars(token_V: list[str], count_V: np.ndarray, known: Vocabularies) -> CharEncoding:
    """A character that the model does not know gets the <unk-...> of its type."""
    codes, counts = char_counts(token_V, count_V, known.max_characters)
    texts = [chr(code) for code in codes]
    ids = {char: char_id for char_id, char in enumerate(known.characters) if char_id >= NUM_CHAR_SPECIALS}
    id_of_text = np.array([ids.get(text, CHAR_UNK_IDS[char_type(text)]) for text in texts], np.uint16)
    counts_of_ids = count_ids(id_of_text, counts, len(known.characters)).tolist()
    vocab = Vocab(known.characters, counts_of_ids, known.character_types)
    return encode_chars(token_V, known.max_characters, codes, id_of_text, vocab)


def known_features(corpus: FitInput, known: Vocabularies) -> dict[str, FittedFeature]:
    """The model's features, in its order; others that the corpus has are left out.

    Raises CorpusError if the corpus lacks one that only it can say.
    """
    missing = [name for name in known.given_features if name not in corpus.given]
    if missing:
        raise CorpusError(_without(missing, list(corpus.given)))
    return {feature.name: _feature(feature, corpus) for feature in known.features}


def copy_vectors(like: Like, directory: Path) -> VectorsFile | None:
    """Copy the model's pretrained vectors into a shard set; None if it uses none. Raises ShardError if damaged."""
    if like.vectors is None:
        return None
    shutil.copyfile(verify_file(like.directory, like.vectors), directory / VECTORS_NAME)
    return like.vectors


def _feature(feature: FeatureValues, corpus: FitInput) -> FittedFeature:
    if feature.entries is not None and feature.parts is not None:
        return _lexicon(feature, feature.entries, PartialMatch(*feature.parts), corpus)
    if feature.is_given:
        place = list(corpus.given).index(feature.name)
        values, counts = corpus.given[feature.name]
        return _by_value(feature, values, counts, lambda tokens: tokens.feature_FM[place])
    label = TOKEN_FEATURES[feature.name]
    return _by_value(feature, list(map(label, corpus.token_V)), corpus.count_V, lambda tokens: tokens.token_M)


def _by_value(
    feature: FeatureValues, values: Sequence[str], counts: np.ndarray, places: Callable[[EncodeInput], np.ndarray]
) -> FittedFeature:
    """A value that the model does not know is the unknown one. places: of the tokens' values."""
    ids, size = _ids(feature.values), len(feature.values)
    id_P = np.array([ids.get(value, UNK_ID) for value in values], id_dtype(size))
    vocab = Vocab(feature.values, count_ids(id_P, counts, size).tolist())
    return FittedFeature(vocab, lambda tokens: id_P[places(tokens)])


def _lexicon(feature: FeatureValues, entries: list[str], partial: PartialMatch, corpus: FitInput) -> FittedFeature:
    tokens_of_entries = (entry.split(" ") for entry in entries)
    matcher = build_matcher(tokens_of_entries, partial, {token.casefold() for token in corpus.token_V})
    code_V = token_codes(matcher, corpus.token_V)
    # As of a lexicon that is new.
    vocab = Vocab(feature.values, [0] * len(feature.values), entries=entries, parts=list(partial))
    return FittedFeature(vocab, lambda tokens: FIRST_ID + match(matcher, code_V[tokens.token_M], tokens.length_N))


def _ids(values: Sequence[str]) -> dict[str, int]:
    # The first two stand for padding and whatever is unknown, not for what is spelled like them.
    return {value: value_id for value_id, value in enumerate(values) if value_id > UNK_ID}


def _without(missing: Sequence[str], found: Sequence[str]) -> str:
    named = " ".join(f"{name}=COLUMN" for name in missing)
    return (
        f"the model uses the token feature{'s' * (len(missing) > 1)} {', '.join(missing)}, which the corpus does not "
        f"have (it has {', '.join(found) or 'none'}); name what holds them: --feature {named} (a column's number, its "
        "name in the header, or the name of a list in JSON)"
    )
