"""Token features, each declared once: FEATURES. Shards, index, reader and model follow this list.

To add one, append a declaration: a name (the shard's column), what it says, and a function that fits it to the
corpus and returns its values and an encoder, or None if the corpus cannot have it. Features whose number depends
on the settings come after these; lexicon_specs declares such.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from data_prep.encoders.lexicon_files import FEATURE, Lexicon, lexicons, read_entries
from data_prep.encoders.vocab import PAD, UNK, Vocab, fit_values, sums
from data_prep.settings import Settings
from ner_dist.contract.lexicon_matching import FIRST_ID, LABELS, codes, fit, match
from ner_dist.contract.shard_format import id_dtype
from ner_dist.contract.spelling import CAPS, capitalisation


class Tokens(NamedTuple):
    """What a feature may look at when it encodes: M tokens of N whole sentences, as numbers of distinct strings."""

    token_M: np.ndarray
    pos_M: np.ndarray
    length_N: np.ndarray


class Corpus(NamedTuple):
    """What a feature may look at when it is fitted: distinct strings, and how often each occurs in train."""

    token_V: list[str]
    count_V: np.ndarray
    pos_P: list[str]
    pos_count_P: np.ndarray


class Fitted(NamedTuple):
    vocab: Vocab
    # Tokens -> ids (M,); 0 is padding, 1 unknown.
    encode: Callable[[Tokens], np.ndarray]


class FeatureSpec(NamedTuple):
    name: str
    meaning: str
    fit: Callable[[Corpus], Fitted | None]


def _fit_caps(corpus: Corpus) -> Fitted:
    # The classes are fixed, so every one has an id, seen in train or not.
    ids = {name: value_id for value_id, name in enumerate((PAD, UNK, *CAPS))}
    id_V = np.array([ids[capitalisation(token)] for token in corpus.token_V], id_dtype(len(ids)))
    counts = sums(id_V, corpus.count_V, len(ids))
    return Fitted(Vocab(list(ids), counts.tolist()), lambda tokens: id_V[tokens.token_M])


def _fit_pos(corpus: Corpus) -> Fitted | None:
    if not corpus.pos_P:
        return None
    vocab, id_P = fit_values(corpus.pos_P, corpus.pos_count_P, min_count=1)
    id_P = id_P.astype(id_dtype(len(vocab.values)))
    return Fitted(vocab, lambda tokens: id_P[tokens.pos_M])


FEATURES = (
    FeatureSpec("caps", "how the token is capitalised", _fit_caps),
    FeatureSpec("pos", "its part of speech, as the corpus gives it", _fit_pos),
)


def _fit_lexicon(lexicon: Lexicon, corpus: Corpus) -> Fitted:
    entries = list(read_entries(lexicon.path))
    matcher = fit(entries, lexicon.parts, {token.casefold() for token in corpus.token_V})
    code_V = codes(matcher, corpus.token_V)
    values = [PAD, UNK, *LABELS]
    # The counts stay 0: strings by themselves do not say how often a label occurs in sentences.
    vocab = Vocab(
        values, [0] * len(values), entries=list(dict.fromkeys(map(" ".join, entries))), parts=[*lexicon.parts]
    )
    return Fitted(vocab, lambda tokens: FIRST_ID + match(matcher, code_V[tokens.token_M], tokens.length_N))


def lexicon_specs(settings: Settings) -> list[FeatureSpec]:
    """A feature for each list of --lexicon. Raises SettingsError."""
    return [
        FeatureSpec(
            FEATURE + lexicon.name,
            f"its place in an entry of {lexicon.path.name} that the sentence holds",
            functools.partial(_fit_lexicon, lexicon),
        )
        for lexicon in lexicons(settings)
    ]


def fit_features(corpus: Corpus, settings: Settings) -> dict[str, Fitted]:
    """The features that this corpus can have, by name: FEATURES in order, then those of the lexicon by type.

    Raises SettingsError or CorpusError for a lexicon that cannot be used.
    """
    fitted = {spec.name: spec.fit(corpus) for spec in (*FEATURES, *lexicon_specs(settings))}
    return {name: feature for name, feature in fitted.items() if feature is not None}
