"""Which word id a token gets: one rule for preparation and for prediction; no MXNet here."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Sequence

from ner_dist.contract.shard_format import UNK_ID

DIGITS = re.compile(r"\d+")
# How a token may find its vector, in this order: as it is; in lower case; and with each run of digits as one 0.
STEPS = ("exact", "lower", "digits")


def normalise(token: str, keep_case: bool, keep_digits: bool) -> str:
    """The form under which a token without a vector is looked up: lower case, each run of digits one 0."""
    token = token if keep_case else token.lower()
    return token if keep_digits else DIGITS.sub("0", token)


def word_form(token: str, keep_case: bool, keep_digits: bool, with_vector: Container[str]) -> tuple[str, str | None]:
    """The form under which a token is looked up, and which of STEPS found a vector for it, if any did.

    with_vector: the words that have a pretrained vector; empty if there are no vectors.
    """
    lower, normalised = token.lower(), normalise(token, keep_case, keep_digits)
    # The last differs from the others only where case is kept and digits are not.
    forms = (token, lower, DIGITS.sub("0", lower), normalised)
    for step, form in zip((*STEPS, STEPS[-1]), forms):
        if form in with_vector:
            return form, step
    return normalised, None


def word_ids(
    values: Sequence[str], keep_case: bool, keep_digits: bool, without_vector: Collection[int] | None = None
) -> Callable[[str], int]:
    """The id of any token, as the shards hold it: that of its form, UNK if the vocabulary lacks the form.

    values and without_vector are those of vocab/word.json; without_vector, the ids that have no pretrained vector, is
    absent there (None) if the words were not looked up in vectors.
    """
    # The first two stand for padding and the unknown word, not for tokens that are spelt like them.
    ids = {value: word_id for word_id, value in enumerate(values) if word_id > UNK_ID}
    bare = range(len(values)) if without_vector is None else frozenset(without_vector)
    with_vector = frozenset(value for value, word_id in ids.items() if word_id not in bare)
    return lambda token: ids.get(word_form(token, keep_case, keep_digits, with_vector)[0], UNK_ID)
