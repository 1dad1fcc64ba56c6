"""Share of the arithmetic limit: FLOP/s of training steps over those of a large matrix product, on as many threads.

Axes: T tokens, B sentences, X inputs of the LSTM.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import numpy as np

from bench.speed.measurement import BenchOptions, Measurement, alternate, child_json, seconds
from bench.speed.step_speed import TIMED_STEPS, WARM_UP_STEPS
from bench.speed.training import first_batches, knobs, ours
from ner_dist import config
from ner_dist.config import Model
from ner_dist.contract.shard_format import PAD_ID, Index, read_index
from ner_dist.data.batch import Batch
from ner_dist.data.used_inputs import used_features, word_units

_BATCH = 128
_SIDE, _PRODUCTS = 2048, 5
# The forward pass, and the gradients of each product with respect to its inputs and to its weights.
_PASSES = 3


def arithmetic(options: BenchOptions) -> Iterator[Measurement]:
    """At a batch of 128, with one thread and with two."""
    settings, _ = config.parse(knobs(options.shards, _BATCH))
    index = read_index(options.shards)
    batches = first_batches(settings, index, WARM_UP_STEPS + TIMED_STEPS)[WARM_UP_STEPS:]
    needed = _PASSES * sum(forward_flops(batch, settings.model, index) for batch in batches)
    per_token = needed / sum(batch.num_tokens for batch in batches)
    for threads in (1, 2):
        speed, limit = alternate(
            options.repeats,
            partial(ours, options.shards, _BATCH, threads),
            partial(child_json, "bench.speed.arithmetic", threads=threads),
        )
        name = f"arithmetic, training at {_BATCH} / sgemm, {threads} thread{'s' * (threads > 1)}"
        yield Measurement(name, per_token * speed / 1e9, limit["flops_per_second"] / 1e9, "GFLOP/s")


def forward_flops(batch: Batch, sizes: Model, index: Index) -> int:
    """Floating-point operations that a batch needs; a multiplication and an addition count as two.

        2 x (characters of distinct word types) x width x character units x filters
      + 2 x tokens x (sum over LSTM layers of 2 directions x 4 gates x units x (inputs + units))
      + 2 x tokens x (2 x LSTM units) x tags

    Only what is necessary: without padding, repeated word types, element-wise functions, dropout, and the CRF, whose
    products are small. Looking up embeddings is no arithmetic.
    """
    characters = int((batch.char_NC != PAD_ID).sum())
    convolution = characters * sizes.char_width * (sizes.char_units + sizes.char_type_units) * sizes.char_filters
    inputs = word_units(sizes, index) + sizes.char_filters
    inputs += sum(min(sizes.feature_units, feature.num_values) for _, feature in used_features(sizes, index))
    lstm, units = 0, sizes.lstm_units
    for _ in range(sizes.lstm_layers):
        lstm += 2 * 4 * units * (inputs + units)
        inputs = 2 * units
    return 2 * (convolution + batch.num_tokens * (lstm + 2 * units * index.num_tags))


def main() -> None:
    """Print the FLOP/s of a product of float32 matrices of side 2048: the best of a few by oneDNN and by NumPy."""
    import mxnet as mx

    left, right = np.random.default_rng(0).random((2, _SIDE, _SIDE), np.float32)
    left_nd, right_nd = mx.nd.array(left), mx.nd.array(right)

    def by_onednn() -> None:
        # Not mx.nd.dot, whose OpenBLAS does not use AVX-512 and takes four times as long.
        mx.nd.FullyConnected(left_nd, right_nd, no_bias=True, num_hidden=_SIDE).wait_to_read()

    by_onednn()
    products = by_onednn, lambda: left @ right
    best_s = min(seconds(product) for _ in range(_PRODUCTS) for product in products)
    print(json.dumps({"flops_per_second": 2 * _SIDE**3 / best_s}))


if __name__ == "__main__":
    main()
