"""The character CNN, forward and backward, in numpy: convolution over each spelling, then the maximum over time.

A character's contribution to a response depends only on the character and its place in the window. So each filter is
applied once to each distinct character of a batch, and a response is a sum of rows of that small table. Backward, the
gradient of a maximum goes to one window alone. This takes a sixth of the time of MXNet's operators. Overflow and NaN
raise no numpy warnings here: the training step detects them.

Axes: N distinct spellings, C characters of the longest with padding on both sides, M windows (one around each character
of each spelling), K places in a window, V distinct characters of the batch, E units of a character, F filters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Weights(NamedTuple):
    """The parameters, or their gradients. A filter sees a character's units, then those of its type."""

    # By character id and by character type; the latter has 0 units if types are left out.
    char: np.ndarray
    char_type: np.ndarray
    filter_FEK: np.ndarray
    bias_F: np.ndarray


class Windows(NamedTuple):
    """The windows of a batch's spellings, one spelling after another."""

    char_V: np.ndarray
    char_type_V: np.ndarray
    # Positions in char_V.
    window_MK: np.ndarray
    # The first window of each spelling, and the spelling of each window.
    first_N: np.ndarray
    spelling_M: np.ndarray


class CharFeatures(NamedTuple):
    """The CNN's output, maximum_NF (bias included), and what the backward pass needs."""

    windows: Windows
    units_VE: np.ndarray
    maximum_NF: np.ndarray
    # The window of each maximum, the first of equal ones.
    argmax_NF: np.ndarray


def make_windows(char_NC: np.ndarray, char_type_NC: np.ndarray, width: int) -> Windows:
    """Windows of width (odd) characters around each character; char_NC is 0 in width // 2 columns on either side."""
    side = width // 2
    spelling_M, place_M = np.nonzero(char_NC[:, side : char_NC.shape[1] - side])
    char_MK = char_NC[spelling_M[:, None], place_M[:, None] + np.arange(width)]
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
    """maximum_NF has the dtype of the weights."""
    units_VE = np.concatenate((weights.char[windows.char_V], weights.char_type[windows.char_type_V]), 1)
    contribution_KVF = units_VE @ np.ascontiguousarray(weights.filter_FEK.transpose(2, 1, 0))
    response_MF = contribution_KVF[0].take(windows.window_MK[:, 0], 0)
    for k in range(1, len(contribution_KVF)):
        response_MF += contribution_KVF[k].take(windows.window_MK[:, k], 0)
    maximum_NF = np.maximum.reduceat(response_MF, windows.first_N, 0)
    # Written in reverse, so that the first of equal windows stays. NaN equals nothing and keeps the spelling's first.
    num_filters = len(weights.bias_F)
    argmax_NF = np.repeat(windows.first_N[:, None], num_filters, 1)
    is_maximum_MF = response_MF == maximum_NF.take(windows.spelling_M, 0)
    window, filters = divmod(np.flatnonzero(is_maximum_MF)[::-1], num_filters)
    argmax_NF.ravel()[windows.spelling_M[window] * num_filters + filters] = window
    return CharFeatures(windows, units_VE, maximum_NF + weights.bias_F, argmax_NF)


@np.errstate(over="ignore", invalid="ignore")
def backward(char_features: CharFeatures, weights: Weights, gradient_NF: np.ndarray) -> Weights:
    """The gradients of the weights; gradient_NF: the head gradient, that of maximum_NF."""
    windows, units_VE, _, argmax_NF = char_features
    num_filters, num_units, width = weights.filter_FEK.shape
    char_NFK = windows.window_MK[argmax_NF]
    gradient_VE = np.zeros(units_VE.shape)
    gradient_FEK = np.empty((num_filters, num_units, width))
    for k in range(width):
        # (N, F) -> (V, F): summed over the maxima whose window has the character at place k.
        cell_NF = char_NFK[:, :, k] * num_filters + np.arange(num_filters)
        gradient_VF = np.bincount(cell_NF.ravel(), gradient_NF.ravel(), len(units_VE) * num_filters)
        gradient_VF = gradient_VF.reshape(len(units_VE), num_filters)
        gradient_VE += gradient_VF @ weights.filter_FEK[:, :, k]
        gradient_FEK[:, :, k] = gradient_VF.T @ units_VE
    char, char_type = np.zeros(weights.char.shape), np.zeros(weights.char_type.shape)
    char_units = char.shape[1]
    char[windows.char_V] = gradient_VE[:, :char_units]
    np.add.at(char_type, windows.char_type_V, gradient_VE[:, char_units:])
    return Weights(char, char_type, gradient_FEK, gradient_NF.sum(0, dtype=np.float64))
