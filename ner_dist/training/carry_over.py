"""The parameters of a trained model in those of another: whatever has a counterpart of the same name there.

Axes: V words, K BILOU tags, H units of an LSTM direction, X its inputs, P the values of one direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ner_dist.contract.shard_format import NUM_CHAR_SPECIALS, UNK_ID

WORDS, CHARACTERS, TAGS = "word", "char", "tag"
# Ids that mean the same in every vocabulary of the kind; those of token features are as those of words.
_SPECIALS = {CHARACTERS: NUM_CHAR_SPECIALS, TAGS: 0}


class NamedModel(NamedTuple):
    """Parameters, and what their rows stand for."""

    # By structural name; all but the word embeddings.
    parameters: dict[str, np.ndarray]
    words_VD: np.ndarray
    # By id: of words, characters, BILOU tags, and the values of each token feature.
    names: dict[str, list[str]]
    # The parts of the first LSTM's input in their order, and their units.
    inputs: dict[str, int]


class Counterparts(NamedTuple):
    """Ids of the new model, and those of the old one that mean the same."""

    new: np.ndarray
    old: np.ndarray


def num_specials(kind: str) -> int:
    """How many ids at the beginning of a vocabulary mean the same in every model."""
    return _SPECIALS.get(kind, UNK_ID + 1)


def counterparts(kind: str, old: Sequence[str], new: Sequence[str]) -> Counterparts:
    """Which ids of the new vocabulary have the name of one of the old."""
    specials = num_specials(kind)
    # A word spelled like <unk> is not the unknown word.
    places = {name: place for place, name in enumerate(old) if place >= specials}
    known = [place for place, name in enumerate(new) if place >= specials and name in places]
    found = [*range(specials), *(places[new[place]] for place in known)]
    return Counterparts(np.array([*range(specials), *known], np.int64), np.array(found, np.int64))


def carry_over(old: NamedModel, new: NamedModel) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The new model's parameters and word embeddings, those of the old one in place of all that have counterparts.

    Numbers of layers and their units must be equal, but for those of token features. The arrays given stay as they are.
    """
    pairs = {kind: counterparts(kind, old.names[kind], new.names[kind]) for kind in new.names if kind in old.names}
    parameters = {name: value.copy() for name, value in new.parameters.items()}
    for name, value in parameters.items():
        if name not in old.parameters:
            continue
        source = old.parameters[name]
        if name.startswith(("emission.", "transitions.")):
            _copy_rows(value, source, pairs[TAGS], both=name == "transitions.between")
        elif name == "char_cnn.char.weight":
            _copy_rows(value, source, pairs[CHARACTERS])
        elif name.startswith("feature_"):
            _copy_rows(value, source, pairs[name[len("feature_") : -len(".weight")]])
        elif name.startswith("lstm.0."):
            _copy_lstm(value, source, old.inputs, new.inputs)
        else:
            value[:] = source
    words_VD = new.words_VD.copy()
    _copy_rows(words_VD, old.words_VD, pairs[WORDS])
    return parameters, words_VD


def _copy_rows(value: np.ndarray, source: np.ndarray, pairs: Counterparts, both: bool = False) -> None:
    """Copy the rows, and of their columns as many as both have, or those of the same pairs."""
    if both:
        value[np.ix_(pairs.new, pairs.new)] = source[np.ix_(pairs.old, pairs.old)]
    elif value.ndim == 1:
        value[pairs.new] = source[pairs.old]
    else:
        # The embedding of a token feature has no more units than the feature has values.
        shared = min(value.shape[1], source.shape[1])
        value[pairs.new, :shared] = source[pairs.old, :shared]


def _copy_lstm(value_P: np.ndarray, source_P: np.ndarray, old: dict[str, int], new: dict[str, int]) -> None:
    """Copy one direction: of the input matrix the columns of the parts that both have, and all the rest."""
    old_X, new_X = sum(old.values()), sum(new.values())
    units = _units(len(value_P), new_X)
    # (4 * H, X); the recurrent matrix and the biases follow.
    matrix = value_P[: 4 * units * new_X].reshape(4 * units, new_X)
    from_matrix = source_P[: 4 * units * old_X].reshape(4 * units, old_X)
    begin = _begins(old)
    for part, first in _begins(new).items():
        if part in old:
            shared = min(old[part], new[part])
            matrix[:, first : first + shared] = from_matrix[:, begin[part] : begin[part] + shared]
    value_P[4 * units * new_X :] = source_P[4 * units * old_X :]


def _units(size: int, inputs: int) -> int:
    """H of a direction with so many values: 4 * H * (X + H + 2) of them."""
    return round((-(inputs + 2) + np.sqrt((inputs + 2) ** 2 + size)) / 2)


def _begins(parts: dict[str, int]) -> dict[str, int]:
    ends = np.cumsum(list(parts.values())).tolist()
    return dict(zip(parts, [0, *ends]))
