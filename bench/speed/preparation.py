"""`data_prep build` as a whole command, from the source file to finished shards."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.speed.rows import Options, Row, row, seconds


def preparation(options: Options) -> list[Row]:
    """Tokens/s of the corpus."""
    if not options.corpus:
        print("preparation: skipped, no --corpus")
        return []
    with tempfile.TemporaryDirectory() as folder:
        outs = [Path(folder) / str(repeat) for repeat in range(options.repeats)]
        speed = statistics.median(_tokens_per_second(options.corpus, out) for out in outs)
    return [row("preparation, whole command / 300,000 tokens/s", speed / 300_000, speed, 300_000, "tokens/s")]


def _tokens_per_second(corpus: str, out: Path) -> float:
    command = [sys.executable, "-m", "data_prep", "build", "--train", corpus, "--out", str(out)]
    took_s = seconds(lambda: subprocess.run(command, capture_output=True, check=True))
    splits = json.loads((out / "index.json").read_text())["splits"]
    return sum(sum(shard["tokens"]) for shards in splits.values() for shard in shards) / took_s
