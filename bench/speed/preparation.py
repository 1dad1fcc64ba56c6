"""`data_prep build` as a whole command, from the source file to finished shards, against Hugging Face's `datasets`.

Sizes beyond one are copies of the corpus as it is, one after another: what grows is the number of sentences, not the
vocabulary. The peer, bench/peer_datasets.py, needs `pip install datasets`, here or for NER_PEER_PYTHON.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from bench.speed.peer import ROOT, peer_python
from bench.speed.rows import Options, Row, alternate, row, seconds

# How many times over the corpus is prepared, and how often each is run at most: the large ones take minutes.
COPIES = {1: 9, 10: 1, 30: 1}
# Not ru_maxrss: a child's begins at the memory of the process that started it.
RUN = """
import runpy, sys
try:
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
except SystemExit as stop:
    assert not stop.code
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))
"""


class Measured(NamedTuple):
    """Of a command: speed, and the largest resident memory of its process."""

    tokens_per_second: float
    peak_mb: float


def preparation(options: Options) -> list[Row]:
    """Tokens/s and memory, with the corpus once, ten and thirty times over."""
    if not options.corpus:
        print("preparation: skipped, no --corpus")
        return []
    probe = subprocess.run([peer_python(), "-c", "import datasets"], capture_output=True, check=False)
    if probe.returncode:
        print("preparation: the peer has no datasets (pip install datasets), so ours alone is measured")
    rows, once = [], None
    for copies, most in COPIES.items():
        with tempfile.TemporaryDirectory() as folder:
            source = multiplied(Path(options.corpus), copies, Path(folder))
            repeats, size = min(options.repeats, most), f"corpus x {copies}"
            ours, *peers = compare(source, Path(folder), repeats, with_peer=not probe.returncode)
        once = once or ours
        for peer in peers:
            speeds, peaks = zip(ours, peer)
            rows.append(row(f"preparation / datasets, {size}", speeds[0] / speeds[1], *speeds, "tokens/s"))
            rows.append(row(f"memory of preparation / datasets, {size}", peaks[0] / peaks[1], *peaks, "MB"))
        if not peers:
            speed = ours.tokens_per_second
            rows.append(row(f"preparation / 300,000 tokens/s, {size}", speed / 300_000, speed, 300_000, "tokens/s"))
        growth = ours.peak_mb / once.peak_mb
        rows.append(row(f"memory of preparation, {size} / x 1", growth, ours.peak_mb, once.peak_mb, "MB"))
    return rows


def multiplied(corpus: Path, copies: int, folder: Path) -> Path:
    """A CSV file with the rows of the Kaggle file, plain or zipped, so many times; that file itself for one copy."""
    if copies == 1:
        return corpus
    content = corpus.read_bytes()
    if zipfile.is_zipfile(corpus):
        with zipfile.ZipFile(corpus) as archive:
            content = archive.read(archive.namelist()[0])
    header, end, rows = content.partition(b"\n")
    rows += b"" if rows.endswith(b"\n") else b"\n"
    path = folder / "corpus.csv"
    with path.open("wb") as file:
        file.write(header + end)
        file.writelines([rows] * copies)
    return path


def compare(source: Path, folder: Path, repeats: int, with_peer: bool) -> list[Measured]:
    """Ours, and the peer's if there is one: medians of runs that take turns."""
    ours, peer = folder / "ours", folder / "peer"
    commands = [(ours, [sys.executable, "data_prep", "build", "--train", str(source), "--out", str(ours)])]
    if with_peer:
        commands.append((peer, [peer_python(), "bench.peer_datasets", str(source), str(peer)]))
    peaks: dict[Path, list[float]] = {out: [] for out, _ in commands}

    def speed(out: Path, command: list[str]) -> float:
        took_s, peak_mb = run(*command)
        peaks[out].append(peak_mb)
        tokens = num_tokens(out)
        shutil.rmtree(out)
        return tokens / took_s

    actions = [lambda found=found: speed(*found) for found in commands]
    speeds = alternate(repeats, *actions)
    return [Measured(found, max(peaks[out])) for found, (out, _) in zip(speeds, commands)]


def run(python: str, module: str, *arguments: str) -> tuple[float, float]:
    """Seconds that a command takes as a whole, and its largest resident memory in MB."""
    output: list[str] = []
    # The peer asks its hub nothing, and finds nothing of an earlier run.
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}

    def start() -> None:
        command = [python, "-c", RUN, module, *arguments]
        finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        output.extend(finished.stdout.split())

    took_s = seconds(start)
    return took_s, int(output[-1]) / 1024


def num_tokens(out: Path) -> int:
    """Tokens in the Parquet files of a folder, as their column `length` says."""
    files = sorted(out.glob("*.parquet"))
    return sum(int(pq.read_table(path, columns=["length"])["length"].to_numpy().sum()) for path in files)
