"""`data_prep build` as a whole command, from the source file to finished shards, against Hugging Face's `datasets`.

Sizes beyond one are repetitions of the corpus: the number of sentences grows, the vocabulary does not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from bench.speed.measurement import BenchOptions, Measurement, alternate, output_of
from bench.speed.peer import peer_python
from data_prep.sources.text_source import open_bytes

# How many times over the corpus is prepared, and how often at most that is repeated: the large ones take minutes.
COPIES = {1: 9, 10: 1, 30: 1}
# Not ru_maxrss: a child's starts with the memory of the process that started it.
_RUN = """
import atexit, runpy, sys
status = open("/proc/self/status")
atexit.register(lambda: print(next(line.split()[1] for line in status if line.startswith("VmHWM:"))))
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


def preparation(options: BenchOptions) -> Iterator[Measurement]:
    """Tokens/s and peak memory, with the corpus once, ten and thirty times over."""
    if not options.corpus:
        print("preparation: skipped, no --corpus")
        return
    probe = subprocess.run([peer_python(), "-c", "import datasets"], capture_output=True, check=False)
    if probe.returncode:
        print("preparation: the peer has no datasets (pip install datasets), so only ours is measured")
    once_mb = 0.0
    for copies, most in COPIES.items():
        with tempfile.TemporaryDirectory() as folder:
            source, out = str(multiplied(Path(options.corpus), copies, Path(folder))), f"{folder}/out"
            commands = [[sys.executable, "data_prep", "build", "--train", source, "--out", out]]
            if not probe.returncode:
                commands.append([peer_python(), "bench.speed.peer_datasets", source, out])
            actions = (partial(_run, Path(out), *command) for command in commands)
            found, *peers = alternate(min(options.repeats, most), *actions)
        size = f"corpus x {copies}"
        for other in peers:
            for key, name, unit in (("speed", "preparation", "tokens/s"), ("peak_mb", "memory of preparation", "MB")):
                yield Measurement(f"{name} / datasets, {size}", found[key], other[key], unit)
        if not peers:
            yield Measurement(f"preparation / 300,000 tokens/s, {size}", found["speed"], 300_000, "tokens/s")
        once_mb = once_mb or found["peak_mb"]
        yield Measurement(f"memory of preparation, {size} / x 1", found["peak_mb"], once_mb, "MB")


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


def _run(out: Path, python: str, module: str, *arguments: str) -> dict[str, float]:
    """Tokens/s of a whole command, and the peak resident memory of its process in MB; its output is removed."""
    # The peer asks its hub nothing.
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [python, "-c", _RUN, module, *arguments]
    began_s = time.perf_counter()
    output = output_of(command, environment)
    took_s = time.perf_counter() - began_s
    found = {"speed": num_tokens(out) / took_s, "peak_mb": int(output.split()[-1]) / 1024}
    shutil.rmtree(out)
    return found


def num_tokens(out: Path) -> int:
    """Tokens in the Parquet files of a folder, according to their column `length`."""
    files = sorted(out.glob("*.parquet"))
    return sum(int(pq.read_table(path, columns=["length"])["length"].to_numpy().sum()) for path in files)
