"""numpy arrays on a device: the same values, shape and type, however the array lies in memory."""

from __future__ import annotations

import gc

import mxnet as mx
import numpy as np
import pytest

from ner_dist.model.layers import on_device


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8])
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (1, 1), (0,), (0, 3), (3, 0, 2)])
def test_values_shape_and_type_are_kept(dtype: type, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    found = on_device(array.copy(), mx.cpu())
    assert (found.shape, found.dtype, found.context) == (shape, dtype, mx.cpu())
    if array.size:
        np.testing.assert_array_equal(found.asnumpy(), array)


def test_another_type_may_be_asked_for() -> None:
    found = on_device(np.array([1, 2, 300]), mx.cpu(), np.float32)
    assert found.dtype == np.float32
    assert found.asnumpy().tolist() == [1, 2, 300]


def test_large_ids_keep_every_digit() -> None:
    assert int(on_device(np.array([2**53 + 1]), mx.cpu()).asnumpy()[0]) == 2**53 + 1


def test_arrays_that_are_not_contiguous_are_copied_in_order() -> None:
    array = np.arange(24, dtype=np.float32).reshape(4, 6)
    for view in (array.T, array[:, ::2], array[::-1], np.broadcast_to(array[0], (3, 6))):
        np.testing.assert_array_equal(on_device(view, mx.cpu()).asnumpy(), view)


def test_the_array_outlives_the_callers_name_for_it() -> None:
    found = [on_device(np.full(1000, number, np.float32), mx.cpu()) for number in range(200)]
    gc.collect()
    # Would be overwritten, had the memory been given back.
    others = [np.full(1000, -1, np.float32) for _ in range(200)]
    assert [int(array.sum().asscalar()) for array in found] == [1000 * number for number in range(200)]
    assert len(others) == 200


def test_it_may_be_changed_in_place_and_differentiated() -> None:
    array = on_device(np.array([1.0, 2.0], np.float32), mx.cpu())
    array *= 3
    assert array.asnumpy().tolist() == [3, 6]
    array.attach_grad()
    with mx.autograd.record():
        (array * array).sum().backward()
    assert array.grad.asnumpy().tolist() == [6, 12]
