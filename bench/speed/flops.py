"""Share of the arithmetic limit: FLOP/s of training steps over those of a large matrix product, on as many threads.

Axes: T tokens, B sentences, X inputs of the LSTM.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

import numpy as np

from bench.speed import steps
from bench.speed.rows import Options, Row, alternate, row, seconds
from bench.speed.training import first_batches, knobs, ours
from ner_dist import config
from ner_dist.config import Model
from ner_dist.contract.shard_format import PAD_ID, Index, read_index
from ner_dist.data.batch import Batch
from ner_dist.data.used_inputs import used_features, word_units

_BATCH = 128
_SIDE, _PRODUCTS = 2048, 5
# A forward pass, and one gradient by the inputs and one by the weights of each product.
_PASSES = 3


def arithmetic(options: Options) -> list[Row]:
    """At batch 128, with one thread and with two."""
    settings, _ = config.parse(knobs(options.shards, _BATCH))
    index = read_index(options.shards)
    batches = first_batches(settings, index, steps.WARM_UP_STEPS + steps.TIMED_STEPS)[steps.WARM_UP_STEPS :]
    needed = _PASSES * sum(forward_flops(batch, settings.model, index) for batch in batches)
    per_token = needed / sum(batch.num_tokens for batch in batches)
    rows = []
    for threads in (1, 2):
        speed, limit = alternate(
            options.repeats,
            lambda threads=threads: per_token * ours(options.shards, _BATCH, threads),  # type: ignore[misc]
            lambda threads=threads: product_flops_per_second(threads),  # type: ignore[misc]
        )
        name = f"arithmetic, training at {_BATCH} / sgemm, {threads} thread{'s' * (threads > 1)}"
        rows.append(row(name, speed / limit, speed / 1e9, limit / 1e9, "GFLOP/s"))
    return rows


def forward_flops(batch: Batch, sizes: Model, index: Index) -> int:
    """Floating-point operations that a batch needs, a multiplication and an addition counting as two.

        2 x (characters of distinct forms) x width x character units x filters
      + 2 x tokens x (sum over LSTM layers of 2 directions x 4 gates x units x (inputs + units))
      + 2 x tokens x (2 x LSTM units) x tags

    Only what must be done: neither padding nor forms that a batch has twice, no element-wise functions, no dropout,
    and nothing of the CRF, whose products are small. Looking up embeddings is no arithmetic.
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


def product_flops_per_second(threads: int) -> float:
    """Of float32 matrices of side 2048, in a process of its own: the best of a few products by oneDNN and by NumPy."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = ["taskset", "-c", f"0-{threads - 1}", sys.executable, "-m", "bench.speed.flops"]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return float(json.loads(output)["flops_per_second"])


def main() -> None:
    argparse.ArgumentParser(
        prog="python -m bench.speed.flops", description="Print the FLOP/s of a large float32 matrix product."
    ).parse_args()
    import mxnet as mx

    left, right = np.random.default_rng(0).random((2, _SIDE, _SIDE), np.float32)
    left_nd, right_nd = mx.nd.array(left), mx.nd.array(right)

    def by_onednn() -> None:
        # Not mx.nd.dot, whose OpenBLAS knows no AVX-512 and takes four times as long.
        mx.nd.FullyConnected(left_nd, right_nd, no_bias=True, num_hidden=_SIDE).wait_to_read()

    def by_numpy() -> None:
        left @ right

    by_onednn()
    best_s = min(seconds(product) for _ in range(_PRODUCTS) for product in (by_onednn, by_numpy))
    print(json.dumps({"flops_per_second": 2 * _SIDE**3 / best_s}))


if __name__ == "__main__":
    main()
