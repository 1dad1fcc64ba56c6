"""numpy arrays -> MXNet arrays on a device."""

from __future__ import annotations

from typing import Any

import mxnet as mx
import numpy as np


def on_device(array: np.ndarray, context: mx.Context, dtype: Any = None) -> mx.nd.NDArray:
    """The array on the device, of its own type or another. The caller must not write to the array from then on.

    On CPU the memory is shared where it can be: mx.nd.array takes several times as long, and a step needs many.
    """
    array = np.ascontiguousarray(array, dtype)
    if not array.size:
        # Arrays without elements cannot be shared.
        return mx.nd.array(array, ctx=context, dtype=array.dtype)
    return mx.nd.from_numpy(array).as_in_context(context)
