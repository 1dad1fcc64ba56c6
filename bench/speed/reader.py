"""Reading alone, as training reads: how many times as fast as training, and in how much memory.

python -m bench.speed.reader SHARDS BATCH MEMORY_MB prints one JSON line for an epoch of reading on one rank.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from bench.speed.measurement import BenchOptions, Measurement, alternate, child_json, output_of, seconds
from bench.speed.scaling import timed_steps
from ner_dist.config import Model
from ner_dist.contract.shard_format import read_index, read_vocab
from ner_dist.data.chapters import num_chapters
from ner_dist.data.shard_reader import ShardReader
from ner_dist.data.step_plan import epoch_steps
from ner_dist.training.word_dropout import WordDropout

# Sentences of the synthetic sets whose memory is compared, and the memory_mb of a shard.
_SMALL, _LARGE, _MEMORY_MB = 100_000, 400_000, 0.25


def reader(options: BenchOptions) -> Iterator[Measurement]:
    """Against training, against reading the same files with Arrow alone, and memory as a set grows."""
    trained, read, raw = alternate(
        options.repeats,
        lambda: timed_steps(1, options.shards, 32)["tokens_per_second"],
        partial(_epoch_of_child, options.shards),
        partial(_raw_tokens_per_second, options.shards),
    )
    name = "from files to all batches of an epoch / pyarrow's read_table"
    yield Measurement("batches of 32 / training, one core", read["tokens_per_second"], trained, "tokens/s")
    yield Measurement(name, read["tokens_per_second_from_disk"], raw, "tokens/s")
    with tempfile.TemporaryDirectory() as folder:
        sets = {sentences: _synthetic(Path(folder), sentences) for sentences in (_SMALL, _LARGE)}
        found = {(n, mb): _epoch_of_child(shards, mb) for n, shards in sets.items() for mb in (0.0, _MEMORY_MB)}
    for memory_mb, kind in ((0.0, "all in memory"), (_MEMORY_MB, f"data.memory_mb {_MEMORY_MB:g}")):
        large, small = (found[sentences, memory_mb]["peak_mb"] for sentences in (_LARGE, _SMALL))
        yield Measurement(f"memory for {_LARGE:,} / {_SMALL:,} sentences, {kind}", large, small, "MB")
    whole, parts = (found[_LARGE, memory_mb]["tokens_per_second_from_disk"] for memory_mb in (0.0, _MEMORY_MB))
    chapters = found[_LARGE, _MEMORY_MB]["chapters"]
    yield Measurement(f"reading in {chapters:.0f} chapters / in one", parts, whole, "tokens/s")


def _synthetic(folder: Path, num_sentences: int) -> str:
    corpus, shards = folder / f"corpus-{num_sentences}", str(folder / f"shards-{num_sentences}")
    prep = [sys.executable, "-m", "data_prep"]
    splits = [f"--{split}={corpus}/{split}.conll" for split in ("train", "dev")]
    output_of([*prep, "synth", "--sentences", str(num_sentences), "--out", str(corpus)])
    output_of([*prep, "build", *splits, "--out", shards])
    return shards


def _raw_tokens_per_second(shards: str) -> float:
    index = read_index(shards)
    paths = [Path(shards) / file.path for file in index.splits["train"]]
    columns = [name for name in pq.read_schema(paths[0]).names if name != "text"]
    took_s = seconds(lambda: [pq.read_table(path, columns=columns, use_threads=False) for path in paths])
    return index.num_tokens("train") / took_s


def _epoch_of_child(shards: str, memory_mb: float = 0.0) -> dict[str, float]:
    return child_json("bench.speed.reader", shards, "32", str(memory_mb))


def _epoch(shards: str, batch_sentences: int, memory_mb: float) -> dict[str, float]:
    """Everything that comes before a step: plan, chapters, batches, and UNK replacement."""
    index = read_index(shards)
    chapters = num_chapters(index, "train", memory_mb)
    rows_SB = np.array([file.rows for file in index.splits["train"]])
    counts = np.array(read_vocab(shards, index, "word")["counts"], np.int64)
    word_dropout = WordDropout(Model(dropout_singletons=0.5), 1, counts)
    # Without the vocabulary, whose memory grows with the words, not with the sentences.
    before_mb = _peak_mb()
    began_s = time.perf_counter()
    sentences = ShardReader(shards, index, "train", list(range(len(rows_SB))), 1, None, chapters, 1)
    reading_s = time.perf_counter() - began_s
    for step in epoch_steps(rows_SB, batch_sentences, 1, 0, 1, 0, 0, chapters):
        reading_s += seconds(partial(sentences.load_chapter, 0, step.chapter))
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
    # Not ru_maxrss: a child's starts with the memory of the process that started it.
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("VmHWM:"))) / 1024


if __name__ == "__main__":
    print(json.dumps(_epoch(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
