"""Reading alone, as training reads: how many times faster than training consumes, and in how much memory.

python -m bench.speed.reader SHARDS BATCH MEMORY_MB prints one JSON line of an epoch of reading on one rank.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from bench.speed.rows import Options, Row, alternate, row, seconds
from bench.speed.scaling import steps
from ner_dist.config import Model
from ner_dist.contract.shard_format import read_index, read_vocab
from ner_dist.data.chapters import num_chapters
from ner_dist.data.shard_reader import ShardReader
from ner_dist.data.step_plan import epoch_steps
from ner_dist.training.word_dropout import WordDropout

# Sentences of the synthetic sets whose memory is compared, and what a shard may take of it.
_SMALL, _LARGE, _MEMORY_MB = 100_000, 400_000, 0.25


def reader(options: Options) -> list[Row]:
    """Against training, against reading the same files with Arrow alone, and memory as a set grows."""

    def read(what: str) -> Callable[[], float]:
        return lambda: _epoch_in_a_process(options.shards, 32, 0)[what]

    rows = []
    trained, batches, first = alternate(
        options.repeats,
        lambda: steps(1, options.shards, 32)["tokens_per_second"],
        read("tokens_per_second"),
        read("tokens_per_second_from_disk"),
    )
    rows.append(row("batches of 32 / training, one core", batches / trained, batches, trained, "tokens/s"))
    raw = alternate(options.repeats, lambda: _raw_tokens_per_second(options.shards))[0]
    rows.append(
        row("from files to all batches of an epoch / pyarrow's read_table", first / raw, first, raw, "tokens/s")
    )
    return rows + _memory(options)


def _memory(options: Options) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        small, large = (_synthetic(Path(folder), sentences) for sentences in (_SMALL, _LARGE))
        found = {(s, mb): _epoch_in_a_process(s, 32, mb) for s in (small, large) for mb in (0.0, _MEMORY_MB)}
    rows = []
    for memory_mb, name in ((0.0, "all in memory"), (_MEMORY_MB, f"data.memory_mb {_MEMORY_MB:g}")):
        one, four = (found[s, memory_mb]["peak_mb"] for s in (small, large))
        rows.append(row(f"memory for {_LARGE:,} / {_SMALL:,} sentences, {name}", four / one, four, one, "MB"))
    whole, parts = (found[large, memory_mb]["tokens_per_second_from_disk"] for memory_mb in (0.0, _MEMORY_MB))
    chapters = found[large, _MEMORY_MB]["chapters"]
    rows.append(row(f"reading in {chapters:.0f} chapters / in one", parts / whole, parts, whole, "tokens/s"))
    return rows


def _synthetic(folder: Path, num_sentences: int) -> str:
    corpus, shards = folder / f"corpus-{num_sentences}", folder / f"shards-{num_sentences}"
    make = [sys.executable, "-m", "data_prep"]
    for command in (
        [*make, "synth", "--sentences", str(num_sentences), "--out", str(corpus)],
        [
            *make,
            "build",
            "--train",
            str(corpus / "train.conll"),
            "--dev",
            str(corpus / "dev.conll"),
            "--out",
            str(shards),
        ],
    ):
        subprocess.run(command, capture_output=True, check=True)
    return str(shards)


def _raw_tokens_per_second(shards: str) -> float:
    index = read_index(shards)
    paths = [Path(shards) / file.path for file in index.splits["train"]]
    columns = [name for name in pq.read_schema(paths[0]).names if name != "text"]
    took_s = seconds(lambda: [pq.read_table(path, columns=columns, use_threads=False) for path in paths])
    return index.num_tokens("train") / took_s


def _epoch_in_a_process(shards: str, batch_sentences: int, memory_mb: float) -> dict[str, float]:
    command = ["taskset", "-c", "0", sys.executable, "-m", "bench.speed.reader"]
    command += [shards, str(batch_sentences), str(memory_mb)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = json.loads(output)
    return found


def _epoch(shards: str, batch_sentences: int, memory_mb: float) -> dict[str, float]:
    """Everything that comes before a step: plan, chapters, batches, and words taken for unknown."""
    index = read_index(shards)
    chapters = num_chapters(index, "train", memory_mb)
    rows_SB = np.array([file.rows for file in index.splits["train"]])
    word_dropout = WordDropout(
        Model(dropout_singletons=0.5), 1, np.array(read_vocab(shards, index, "word")["counts"], np.int64)
    )
    # What the vocabulary takes grows with the words, not with the sentences.
    before_mb = _peak_mb()
    began_s, reading_s = time.perf_counter(), 0.0
    sentences = ShardReader(shards, index, "train", list(range(len(rows_SB))), 1, None, chapters, 1)
    reading_s += time.perf_counter() - began_s
    for step in epoch_steps(rows_SB, batch_sentences, 1, 0, 1, 0, 0, chapters):
        held_s = time.perf_counter()
        sentences.hold(0, step.chapter)
        reading_s += time.perf_counter() - held_s
        batch = sentences.step_batch(step)
        assert batch is not None
        word_dropout.apply(batch, 0, step.step_id)
    took_s, num_tokens = time.perf_counter() - began_s, index.num_tokens("train")
    return {
        "tokens_per_second": num_tokens / (took_s - reading_s),
        "tokens_per_second_from_disk": num_tokens / took_s,
        "peak_mb": _peak_mb() - before_mb,
        "chapters": chapters,
    }


def _peak_mb() -> float:
    # Not ru_maxrss: a child's begins at the memory of the process that started it.
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("VmHWM:"))) / 1024


if __name__ == "__main__":
    print(json.dumps(_epoch(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
