"""Which word id a token gets; preparation and prediction share this rule.

A token is looked up under a key. Without pretrained vectors the key of "F-16s" is "f-0s"; with vectors for "f-16s" it
is "f-16s".
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Container, Sequence

import numpy as np

from ner_dist.contract.shard_format import UNK_ID

DIGITS = re.compile(r"\d+")
# How a token may find its vector, tried in this order: unchanged; in lower case; each run of digits also one 0.
STEPS = ("exact", "lower", "digits")


def normalise(token: str, keep_case: bool, keep_digits: bool) -> str:
    """The key of a token without a vector: lower case, each run of digits one 0, unless these are kept."""
    token = token if keep_case else token.lower()
    return token if keep_digits else DIGITS.sub("0", token)


def lookup_key(token: str, keep_case: bool, keep_digits: bool, with_vector: Container[str]) -> tuple[str, str | None]:
    """The key under which a token is looked up, and which of STEPS found a vector for it, if any did.

    with_vector: the words that have a pretrained vector; empty if there are no vectors.
    """
    lower, normalised = token.lower(), normalise(token, keep_case, keep_digits)
    # The last differs from the others only where case is kept and digits are not.
    keys = (token, lower, DIGITS.sub("0", lower), normalised)
    for step, key in zip((*STEPS, STEPS[-1]), keys):
        if key in with_vector:
            return key, step
    return normalised, None


def words_with_vector(values: Sequence[str], without_vector: Collection[int] | None) -> frozenset[str]:
    """The words of a vocabulary that have a pretrained vector; none if they were not looked up in vectors (None)."""
    if without_vector is None:
        return frozenset()
    # The first two stand for padding and the unknown word, not for tokens spelled like them.
    has_vector = np.ones(len(values), bool)
    has_vector[[0, UNK_ID, *without_vector]] = False
    return frozenset(itertools.compress(values, has_vector.tolist()))


def word_id_lookup(
    values: Sequence[str], keep_case: bool, keep_digits: bool, without_vector: Collection[int] | None = None
) -> Callable[[str], int]:
    """A function from any token to its word id, UNK_ID if the vocabulary lacks the token's key.

    values, without_vector: as in vocab/word.json; the latter, ids without a pretrained vector, is missing there (None)
    if the words were not looked up in vectors.
    """
    # Half a million words are not looped over.
    ids = dict(zip(values[UNK_ID + 1 :], range(UNK_ID + 1, len(values))))
    with_vector = words_with_vector(values, without_vector)
    return lambda token: ids.get(lookup_key(token, keep_case, keep_digits, with_vector)[0], UNK_ID)
