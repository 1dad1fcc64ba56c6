"""Token features, each declared once: FEATURES. Shards, index, reader and model follow this table.

To add one, write a function that fits it to the corpus, and a row: its name, which becomes a column of the shards, and
that function. docs/how-to/own-features.md shows an example. Each list of --lexicon is a feature, too; they follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from data_prep.encoders.lexicon_files import FEATURE_PREFIX, EntityList, entity_lists, read_entries
from data_prep.encoders.vocab import PAD, UNK, Vocab, count_ids, fit_values
from data_prep.settings import Settings
from ner_dist.contract.lexicon_matching import FIRST_ID, LABELS, build_matcher, match, token_codes
from ner_dist.contract.shard_format import id_dtype
from ner_dist.contract.spelling import CAPS, capitalisation


class FitInput(NamedTuple):
    """What a feature is fitted to: V distinct tokens, the values of the corpus's own token features, and how often each
    occurs in train."""

    token_V: list[str]
    count_V: np.ndarray
    # By name: distinct values and their counts.
    given: dict[str, tuple[list[str], np.ndarray]]


class EncodeInput(NamedTuple):
    """What a feature encodes: the M tokens of N whole sentences, as indices into token_V and the values of FitInput."""

    token_M: np.ndarray
    # In the order of FitInput.given.
    feature_FM: list[np.ndarray]
    length_N: np.ndarray


class FittedFeature(NamedTuple):
    vocab: Vocab
    # Returns the ids (M,): 0 is padding, 1 unknown, the others are the vocabulary's.
    encode: Callable[[EncodeInput], np.ndarray]


def _fit_caps(corpus: FitInput) -> FittedFeature:
    """How the token is capitalised."""
    # The classes are fixed, so each has an id even if train lacks it.
    ids = {name: value_id for value_id, name in enumerate((PAD, UNK, *CAPS))}
    id_V = np.array([ids[capitalisation(token)] for token in corpus.token_V], id_dtype(len(ids)))
    counts = count_ids(id_V, corpus.count_V, len(ids))
    return FittedFeature(Vocab(list(ids), counts.tolist()), lambda tokens: id_V[tokens.token_M])


# Those that can be computed from any corpus.
FEATURES: dict[str, Callable[[FitInput], FittedFeature]] = {
    "caps": _fit_caps,
}


def _fit_given(corpus: FitInput, place: int, name: str) -> FittedFeature:
    """What the corpus itself says of each token, such as its part of speech."""
    values, counts = corpus.given[name]
    vocab, id_P = fit_values(values, counts, min_count=1)
    id_P = id_P.astype(id_dtype(len(vocab.values)))
    return FittedFeature(vocab, lambda tokens: id_P[tokens.feature_FM[place]])


def _fit_lexicon(names: EntityList, corpus: FitInput) -> FittedFeature:
    """The token's place in an entry of the list that the sentence contains."""
    entries = read_entries(names.path)
    matcher = build_matcher(entries, names.partial, {token.casefold() for token in corpus.token_V})
    code_V = token_codes(matcher, corpus.token_V)
    values = [PAD, UNK, *LABELS]
    distinct = list(dict.fromkeys(map(" ".join, entries)))
    # The counts stay 0: distinct tokens do not tell how often a label occurs in sentences.
    vocab = Vocab(values, [0] * len(values), entries=distinct, parts=list(names.partial))
    return FittedFeature(vocab, lambda tokens: FIRST_ID + match(matcher, code_V[tokens.token_M], tokens.length_N))


def fit_features(corpus: FitInput, settings: Settings) -> dict[str, FittedFeature]:
    """The features by name: FEATURES in order, those that the corpus gives, then those of the lexicon by type.

    Raises SettingsError or CorpusError for a lexicon that cannot be used.
    """
    fitted = {name: fit(corpus) for name, fit in FEATURES.items()}
    fitted.update({name: _fit_given(corpus, place, name) for place, name in enumerate(corpus.given)})
    fitted.update({FEATURE_PREFIX + names.type: _fit_lexicon(names, corpus) for names in entity_lists(settings)})
    return fitted
