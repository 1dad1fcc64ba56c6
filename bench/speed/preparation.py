"""`data_prep build` as a whole command, from the source file to finished shards, against Hugging Face's `datasets`.

Sizes beyond one are repetitions of the corpus: the number of sentences grows, the vocabulary does not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from bench.speed.measurement import BenchOptions, Measurement, alternate
from bench.speed.peer import peer_python
from data_prep.sources.text_source import open_bytes

# How many times over the corpus is prepared, and how often at most that is repeated: the large ones take minutes.
COPIES = {1: 9, 10: 1, 30: 1}
NUM_WORKERS = 2
_LOOK_S = 0.1


def preparation(options: BenchOptions) -> Iterator[Measurement]:
    """Tokens/s and peak memory, with the corpus once, ten and thirty times over, by one process and by two workers."""
    if not options.corpus:
        print("preparation: skipped, no --corpus")
        return
    probe = subprocess.run([peer_python(), "-c", "import datasets"], capture_output=True, check=False)
    if probe.returncode:
        print("preparation: the peer has no datasets (pip install datasets), so only ours is measured")
    once_mb: list[float] = []
    for copies, most in COPIES.items():
        with tempfile.TemporaryDirectory() as folder:
            source, out = str(multiplied(Path(options.corpus), copies, Path(folder))), f"{folder}/out"
            build = [sys.executable, "-m", "data_prep", "build", "--train", source, "--out", out]
            commands = [build, [*build, "--workers", str(NUM_WORKERS)]]
            if not probe.returncode:
                peer = [peer_python(), "-m", "bench.speed.peer_datasets", source, out]
                commands += [peer, [*peer, str(NUM_WORKERS)]]
            actions = [partial(_run, Path(out), command) for command in commands]
            alone, several, *peers = alternate(min(options.repeats, most), *actions)
        size, workers = f"corpus x {copies}", f"{NUM_WORKERS} workers"
        for other in peers[:1]:
            yield Measurement(f"preparation / datasets, {size}", alone["speed"], other["speed"], "tokens/s")
            yield Measurement(f"memory of preparation / datasets, {size}", alone["peak_mb"], other["peak_mb"], "MB")
        for other in peers[1:]:
            name = f"preparation, {workers} / datasets with num_proc={NUM_WORKERS}, {size}"
            yield Measurement(name, several["speed"], other["speed"], "tokens/s")
        if not peers:
            yield Measurement(f"preparation / 300,000 tokens/s, {size}", alone["speed"], 300_000, "tokens/s")
        yield Measurement(f"preparation, {workers} / 1, {size}", several["speed"], alone["speed"], "tokens/s")
        peaks_mb = [alone["peak_mb"], several["child_peak_mb"]]
        once_mb = once_mb or peaks_mb
        for what, peak_mb, before_mb in zip(
            ("memory of preparation", f"private memory of one of {workers}"), peaks_mb, once_mb
        ):
            yield Measurement(f"{what}, {size} / x 1", peak_mb, before_mb, "MB")


def multiplied(corpus: Path, copies: int, folder: Path) -> Path:
    """A CSV file with the rows of the Kaggle file, plain or zipped, repeated; the file itself for one copy."""
    if copies == 1:
        return corpus
    with open_bytes(corpus) as blocks:
        header, end, rows = b"".join(blocks).partition(b"\n")
    rows += b"" if rows.endswith(b"\n") else b"\n"
    path = folder / "corpus.csv"
    with path.open("wb") as file:
        file.write(header + end)
        file.writelines([rows] * copies)
    return path


def _run(out: Path, command: Sequence[str]) -> dict[str, float]:
    """Tokens/s of a whole command, the peak memory of its process in MB, and the most that a child has to itself.

    Its output is removed. Raises CalledProcessError if it fails, having shown all it has printed.
    """
    # The peer asks its hub nothing.
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    began_s = time.perf_counter()
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(command, env=environment, stdout=printed, stderr=subprocess.STDOUT, text=True)
        own_mb = child_mb = 0.0
        while process.poll() is None:
            own_mb = max(own_mb, _memory_mb(process.pid, "VmHWM"))
            # What is its own: files that workers map are in memory once for all, and give way.
            child_mb = max([child_mb, *(_memory_mb(number, "RssAnon") for number in _descendants(process.pid))])
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_S)
        took_s = time.perf_counter() - began_s
        if process.returncode:
            printed.seek(0)
            print(printed.read(), file=sys.stderr)
            raise subprocess.CalledProcessError(process.returncode, command)
    found = {"speed": num_tokens(out) / took_s, "peak_mb": own_mb, "child_peak_mb": child_mb}
    shutil.rmtree(out)
    return found


def _descendants(process: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for number in map(int, (task / "children").read_text().split()):
                yield number
                yield from _descendants(number)


def _memory_mb(process: int, field: str) -> float:
    """0 for one that has ended."""
    with contextlib.suppress(OSError, StopIteration), open(f"/proc/{process}/status") as status:
        # VmHWM, not ru_maxrss: a child's starts with the memory of the process that started it.
        return int(next(line.split()[1] for line in status if line.startswith(f"{field}:"))) / 1024
    return 0.0


def num_tokens(out: Path) -> int:
    """Tokens in the Parquet files of a folder, according to their column `length`."""
    files = sorted(out.glob("*.parquet"))
    return sum(int(pq.read_table(path, columns=["length"])["length"].to_numpy().sum()) for path in files)
