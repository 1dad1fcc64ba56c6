"""Token features, each declared once: FEATURES. Shards, index, reader and model follow this table.

To add one, write a function that fits it to the corpus, and a row: its name, which becomes a column of the shards, and
that function. docs/how-to/own-features.md shows an example. Each list of --lexicon is a feature, too; they follow.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from data_prep.encoders.lexicon_files import FEATURE_PREFIX, EntityList, Lexicon
from data_prep.encoders.vocab import PAD, UNK, Vocab, count_ids, fit_values, ids_of
from ner_dist.contract.lexicon_matching import FIRST_ID, LABELS, Matcher, build_matcher, match, token_codes
from ner_dist.contract.shard_format import UNK_ID, id_dtype
from ner_dist.contract.spelling import CAPS, capitalisation


class LabelCounts(NamedTuple):
    """The different labels of a feature in all splits, and how often each occurs in train."""

    labels: list[str]
    count_L: np.ndarray


NO_LABELS = LabelCounts([], np.zeros(0, np.int64))


class FitInput(NamedTuple):
    """What a feature is fitted to."""

    # By the names of features that follow from the token, which are in spelling.TOKEN_FEATURES.
    of_tokens: Mapping[str, LabelCounts]
    # By the names of those that the corpus itself has, by the numbers of their values there.
    given: Mapping[str, LabelCounts]
    # The case-folded tokens of the corpus, as far as a lexicon has them.
    in_lexicon: Container[str]


class EncodeInput(NamedTuple):
    """What a feature encodes: M tokens of N whole sentences."""

    # What `codes` of the feature says of each token; no values if it is None.
    code_M: np.ndarray
    # In the order of FitInput.given: the number of each token's value.
    feature_FM: list[np.ndarray]
    length_N: np.ndarray


class FittedFeature(NamedTuple):
    vocab: Vocab
    # Returns the ids (M,): 0 is padding, 1 unknown, the others are the vocabulary's.
    encode: Callable[[EncodeInput], np.ndarray]
    # What the spelling of each distinct token (V,) means, an array (V,); None: the feature does not depend on it.
    codes: Callable[[Sequence[str]], np.ndarray] | None = None


def count_labels(label: Callable[[str], str], token_V: Iterable[str], count_V: np.ndarray) -> LabelCounts:
    """The labels of V distinct tokens that occur count_V times in train."""
    numbers: dict[str, int] = {}
    number_V = np.array([numbers.setdefault(label(token), len(numbers)) for token in token_V], np.int64)
    return LabelCounts(list(numbers), count_ids(number_V, count_V, len(numbers)))


def sum_labels(one: LabelCounts, other: LabelCounts) -> LabelCounts:
    counts = dict(zip(one.labels, one.count_L.tolist()))
    for label, count in zip(other.labels, other.count_L.tolist()):
        counts[label] = counts.get(label, 0) + count
    return LabelCounts(list(counts), np.array(list(counts.values()), np.int64))


def of_label(vocab: Vocab, label: Callable[[str], str]) -> FittedFeature:
    """The feature whose ids follow from a label of the token alone; one that the vocabulary lacks is unknown."""
    ids, dtype = ids_of(vocab.values), id_dtype(len(vocab.values))

    def codes(token_V: Sequence[str]) -> np.ndarray:
        return np.array([ids.get(label(token), UNK_ID) for token in token_V], dtype)

    return FittedFeature(vocab, lambda tokens: tokens.code_M, codes)


def of_given(vocab: Vocab, values: Sequence[str], place: int) -> FittedFeature:
    """The feature that the corpus itself has; values: by their numbers there. place: in FitInput.given."""
    ids = ids_of(vocab.values)
    id_P = np.array([ids.get(value, UNK_ID) for value in values], id_dtype(len(vocab.values)))
    return FittedFeature(vocab, lambda tokens: id_P[tokens.feature_FM[place]])


def of_lexicon(vocab: Vocab, matcher: Matcher) -> FittedFeature:
    """The token's place in an entry of the list that the sentence contains."""

    def encode(tokens: EncodeInput) -> np.ndarray:
        return FIRST_ID + match(matcher, tokens.code_M, tokens.length_N)

    return FittedFeature(vocab, encode, lambda token_V: token_codes(matcher, token_V))


def values_of(vocab_values: list[str], found: LabelCounts) -> Vocab:
    """A vocabulary whose values are known, with how often each occurs."""
    ids = ids_of(vocab_values)
    id_L = np.array([ids.get(label, UNK_ID) for label in found.labels], np.int64)
    return Vocab(vocab_values, count_ids(id_L, found.count_L, len(vocab_values)).tolist())


def _fit_caps(found: LabelCounts) -> FittedFeature:
    """How the token is capitalised."""
    # The classes are fixed, so each has an id even if train lacks it.
    return of_label(values_of([PAD, UNK, *CAPS], found), capitalisation)


# Those that can be computed from any corpus. A function gets the labels that the feature's row in TOKEN_FEATURES
# (ner_dist/contract/spelling.py) gives the tokens; none if it has no row there.
FEATURES: dict[str, Callable[[LabelCounts], FittedFeature]] = {
    "caps": _fit_caps,
}


def fit_features(corpus: FitInput, lexicon: Lexicon) -> dict[str, FittedFeature]:
    """The features by name: FEATURES in order, those that the corpus gives, then those of the lexicon by type."""
    fitted = {name: fit(corpus.of_tokens.get(name, NO_LABELS)) for name, fit in FEATURES.items()}
    for place, (name, found) in enumerate(corpus.given.items()):
        fitted[name] = of_given(fit_values(*found, min_count=1), found.labels, place)
    for names, entries in lexicon:
        fitted[FEATURE_PREFIX + names.type] = _fit_lexicon(names, entries, corpus.in_lexicon)
    return fitted


def _fit_lexicon(names: EntityList, entries: list[list[str]], known: Container[str]) -> FittedFeature:
    values = [PAD, UNK, *LABELS]
    distinct = list(dict.fromkeys(map(" ".join, entries)))
    # The counts stay 0: distinct tokens do not tell how often a label occurs in sentences.
    vocab = Vocab(values, [0] * len(values), entries=distinct, parts=list(names.partial))
    return of_lexicon(vocab, build_matcher(entries, names.partial, known))
