"""What ranks exchange in a step, ours (the rows of a step's words) against the whole word table's gradient.

On one machine, over its loopback: bytes hold anywhere, times do not.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from typing import Any

import numpy as np

from bench.speed.forecast import corpus, distinct_words
from bench.speed.rows import Options, Row, row
from bench.speed.traffic import VOCABULARIES
from ner_dist.contract.shard_format import read_index

_SENTENCES, _WORD_UNITS = 32, 100
_SMALL, _LARGE = VOCABULARIES


def exchange(options: Options) -> list[Row]:
    """Bytes and time with 2 and 4 ranks, 32 sentences each; words of 100 units upon made tables."""
    what = corpus(options.shards, read_index(options.shards))
    rows = []
    for ranks in (2, 4):
        found = medians([traffic(ranks, options.shards) for _ in range(options.repeats)])
        where = f"{ranks} ranks on {len(os.sched_getaffinity(0))} cores"
        rows += rows_of(found, where)
        # A bucket's last step may be short.
        num_steps = np.ceil(what.rows_B / (ranks * _SENTENCES)).sum()
        words = bytes_of_words(found) / (4 * _WORD_UNITS)
        expected = distinct_words(what.share_V, what.num_tokens / num_steps)
        rows.append(row(f"words a step, counted / as forecast, {where}", words / expected, words, expected, "words"))
    return rows


def bytes_of_words(found: dict[str, Any]) -> float:
    """Of a rank's step, for the rows; all else is in the dense exchange, too."""
    return found["summed_bytes"] - (found["dense_bytes"][str(_LARGE)] - 4 * _LARGE * _WORD_UNITS)


def rows_of(found: dict[str, Any], where: str) -> list[Row]:
    """The ratios of what `traffic` has found."""
    ours, dense = found["summed_bytes"] + found["announced_bytes"], found["dense_bytes"][str(_LARGE)]
    words, table = bytes_of_words(found) + found["announced_bytes"], 4 * _LARGE * _WORD_UNITS
    step_s, exchange_s = found["step_s"], found["exchange_s"]

    def times(name: str, value_s: float, against_s: float) -> Row:
        return row(f"{name}, {where}", value_s / against_s, 1e3 * value_s, 1e3 * against_s, "ms")

    rows = [
        row(f"exchange, sparse / dense, {_LARGE:,} words, {where}", ours / dense, ours, dense, "bytes a step"),
        row(f"of it for the words, sparse / dense, {where}", words / table, words, table, "bytes a step"),
        times(f"step with {_LARGE:,} / {_SMALL:,} words", step_s[str(_LARGE)], step_s[str(_SMALL)]),
    ]
    for v in VOCABULARIES:
        sparse_s = exchange_s[f"sparse {v}"] + found["announce_s"]
        rows.append(times(f"exchange, sparse / dense, {v:,} words", sparse_s, exchange_s[f"dense {v}"]))
    sparse_s, error = exchange_s[f"sparse {_LARGE}"], found["half_error"]
    rows.append(times("exchange / step", sparse_s + found["announce_s"], step_s[str(_LARGE)]))
    rows.append(times("exchange, float16 / float32", exchange_s[f"half {_LARGE}"], sparse_s))
    rows.append(row(f"float16, error of the summed gradient, {where}", error, error, 1, "of its norm"))
    return rows


def traffic(ranks: int, shards: str) -> dict[str, Any]:
    """What bench.speed.traffic measures on so many ranks of this machine, a thread each."""
    values = {
        "data.shards": shards,
        "model.vectors": "ignore",
        "model.word_units": _WORD_UNITS,
        "train.batch_sentences": ranks * _SENTENCES,
    }
    command = ["horovodrun", "-np", str(ranks), sys.executable, "-m", "bench.speed.traffic"]
    command += [f"--{name}={value}" for name, value in values.items()]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    line = next(line for line in output.splitlines() if '"exchange_s"' in line)
    found: dict[str, Any] = json.loads(line[line.index("{") :])
    return found


def medians(found: list[Any]) -> Any:
    """Of numbers, or of each number in nested dictionaries of the same names."""
    if isinstance(found[0], dict):
        return {name: medians([one[name] for one in found]) for name in found[0]}
    return statistics.median(found)
