"""Training from a store of 50 MB/s a rank: the time to the first step, and how much of the steps' time waits."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest import mock

from bench.speed.measurement import BenchOptions, Measurement, alternate, child_json
from bench.speed.stored_steps import MEGABYTES_S
from ner_dist.stores.addresses import parse_address
from ner_dist.stores.published import publish

_ADDRESS = "s3://bench/shards"
# In parts of a tenth of a megabyte a shard, so that steps go on to other chapters while they are timed.
_KNOBS = ("--data.memory_mb", "0.1", "--train.batch_sentences", "32")
# What a first step may take beside the transfer, and how much of the steps' time may be waited for data.
_START_S, _WAITING = 10.0, 0.02


def stores(options: BenchOptions) -> Iterator[Measurement]:
    """On one and two ranks, of which each begins with an empty cache."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, NER_STORE_FOLDER=folder):
        publish(Path(options.shards), parse_address(_ADDRESS), "index.json")
        for ranks in (1, 2):
            disk, store = alternate(
                options.repeats, *(partial(_first_steps, shards, ranks) for shards in (options.shards, _ADDRESS))
            )
            name = f"{ranks} rank{'s' if ranks > 1 else ''}"
            beside_s = store["first_s"] - store["megabytes"] / MEGABYTES_S
            fetched = f"{store['megabytes']:.1f} MB"
            yield Measurement(f"to the first step, {name}, store / disk", store["first_s"], disk["first_s"], "s")
            yield Measurement(f"to the first step without the transfer of {fetched}, {name}", beside_s, _START_S, "s")
            yield Measurement(f"share of the steps' time that waits for data, {name}", store["waiting"], _WAITING, "")


def _first_steps(shards: str, ranks: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as cache:
        knobs = (*_KNOBS, "--data.shards", shards)
        return child_json("bench.speed.stored_steps", *knobs, ranks=ranks, variables={"NER_CACHE": cache})
