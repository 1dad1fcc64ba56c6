"""The character CNN in closed form: spellings -> convolution -> maximum over each, and the gradient back.

What a character adds to a window depends on the character and its place in the window alone. So each filter is applied
once to each distinct character of a batch, and a window is a sum of rows of that small table; a maximum's gradient goes
to one window only. In numpy that takes about a sixth of the time of the framework's convolution, pooling and their
gradients. Numbers that run away do so without numpy's warnings: the step finds them.

Axes: N distinct forms (spellings), C characters of the longest with padding on both sides, M windows (one around each
character of each form), K places in a window, V distinct characters of the batch, E units of a character, F filters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Weights(NamedTuple):
    """char and char_type by id; what a filter sees of a character is both, one behind the other."""

    char: np.ndarray
    # Of no units if types are left out.
    char_type: np.ndarray
    filter_FEK: np.ndarray
    bias_F: np.ndarray


class Windows(NamedTuple):
    """The windows of a batch's forms, one form after another, and the characters they are made of."""

    char_V: np.ndarray
    char_type_V: np.ndarray
    # Positions in char_V.
    window_MK: np.ndarray
    # Where each form's windows begin, and the form of each window.
    first_N: np.ndarray
    spelling_M: np.ndarray


class CharFeatures(NamedTuple):
    windows: Windows
    units_VE: np.ndarray
    # What the filters see most in each form, with the bias; and in which window, the first of equal ones.
    maximum_NF: np.ndarray
    winner_NF: np.ndarray


def windows(char_NC: np.ndarray, char_type_NC: np.ndarray, width: int) -> Windows:
    """Windows of width characters (odd) around each character; char_NC is 0 in the width // 2 columns at both sides."""
    side = width // 2
    spelling_M, place_M = np.nonzero(char_NC[:, side : char_NC.shape[1] - side])
    in_window_MK = place_M[:, None] + np.arange(width)
    char_MK = char_NC[spelling_M[:, None], in_window_MK]
    number = np.zeros(int(char_MK.max()) + 1, np.int64)
    number[char_MK] = 1
    char_V = np.flatnonzero(number)
    number[char_V] = np.arange(len(char_V))
    char_type_of = np.zeros(len(number), np.int64)
    char_type_of[char_NC] = char_type_NC
    first_N = np.searchsorted(spelling_M, np.arange(len(char_NC)))
    return Windows(char_V, char_type_of[char_V], number[char_MK], first_N, spelling_M)


@np.errstate(over="ignore", invalid="ignore")
def forward(windows: Windows, weights: Weights) -> CharFeatures:
    """What each filter sees most in each form: maximum_NF, of the weights' type."""
    units_VE = np.concatenate((weights.char[windows.char_V], weights.char_type[windows.char_type_V]), 1)
    # What a character adds at each place of a window.
    added_KVF = units_VE @ np.ascontiguousarray(weights.filter_FEK.transpose(2, 1, 0))
    seen_MF = added_KVF[0].take(windows.window_MK[:, 0], 0)
    for k in range(1, len(added_KVF)):
        seen_MF += added_KVF[k].take(windows.window_MK[:, k], 0)
    maximum_NF = np.maximum.reduceat(seen_MF, windows.first_N, 0)
    # Of equal windows the first is written last. NaN equals nothing, and leaves the form's first window.
    num_filters = len(weights.bias_F)
    winner_NF = np.repeat(windows.first_N[:, None], num_filters, 1)
    window, filters = divmod(np.flatnonzero(seen_MF == maximum_NF.take(windows.spelling_M, 0))[::-1], num_filters)
    winner_NF.ravel()[windows.spelling_M[window] * num_filters + filters] = window
    return CharFeatures(windows, units_VE, maximum_NF + weights.bias_F, winner_NF)


@np.errstate(over="ignore", invalid="ignore")
def backward(char_features: CharFeatures, weights: Weights, gradient_NF: np.ndarray) -> Weights:
    """The gradient by each of the weights, from that by maximum_NF."""
    windows, units_VE, _, winner_NF = char_features
    num_filters, num_units, width = weights.filter_FEK.shape
    char_NFK = windows.window_MK[winner_NF]
    gradient_VE = np.zeros(units_VE.shape)
    gradient_FEK = np.empty((num_filters, num_units, width))
    for k in range(width):
        cell_NF = char_NFK[:, :, k] * num_filters + np.arange(num_filters)
        seen_VF = np.bincount(cell_NF.ravel(), gradient_NF.ravel(), len(units_VE) * num_filters)
        seen_VF = seen_VF.reshape(len(units_VE), num_filters)
        gradient_VE += seen_VF @ weights.filter_FEK[:, :, k]
        gradient_FEK[:, :, k] = seen_VF.T @ units_VE
    char, char_type = np.zeros(weights.char.shape), np.zeros(weights.char_type.shape)
    char_units = char.shape[1]
    char[windows.char_V] = gradient_VE[:, :char_units]
    np.add.at(char_type, windows.char_type_V, gradient_VE[:, char_units:])
    return Weights(char, char_type, gradient_FEK, gradient_NF.sum(0, dtype=np.float64))
