"""Time from the end of a rank, by kill -9, to training again under the supervisor, and in an elastic job.

python -m bench.speed.recovery --data.shards data/shards [--kills 5] [--elastic]; it writes
a run to a temporary directory. Figures are of a quiet machine: the ranks' start is work for all cores.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tabulate import tabulate

_PARTS = ("the launcher names the cause", "ranks run", "ranks are connected", "training again")
_PATIENCE_S = 120.0
_LOOK_S = 0.01


class _SupervisedRun:
    """A job of two ranks whose epochs do not end, with a checkpoint every 20 steps."""

    def __init__(self, shards: str, how: list[str], folder: Path) -> None:
        self.run = folder / "run"
        knobs = {"config": "job/smoke.yaml", "data.shards": shards, "run": str(self.run), "train.epochs": "100000"}
        knobs.update({"train.log_steps": "1", "train.checkpoint_steps": "20"})
        words = [word for name, value in knobs.items() for word in (f"--{name}", value)]
        command = [sys.executable, "-m", "launch", "local", *how, "--", *words]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=pipe, text=True)
        self.said: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        self.said.extend(self.process.stderr)

    def ranks(self) -> dict[str, int]:
        """The processes of the ranks, by rank."""
        found = {}
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (place / "environ").read_bytes().split(b"\0")
                of_rank = dict(word.decode(errors="replace").partition("=")[::2] for word in words)
                if "HOROVOD_RANK" in of_rank and str(self.run).encode() in (place / "cmdline").read_bytes():
                    found[of_rank["HOROVOD_RANK"]] = int(place.name)
        return found

    def log(self) -> str:
        return self._text("rank-0.log")

    def steps(self) -> int:
        return self._text("metrics.jsonl").count('"kind": "steps"')

    def _text(self, name: str) -> str:
        path = self.run / name
        return path.read_text() if path.exists() else ""

    def checkpoint(self) -> str:
        """What tells the last checkpoint from the one before."""
        return self._text("checkpoints/last/state.json")


def recover(job: _SupervisedRun) -> list[float]:
    """Kill rank 1; seconds from there to each of the parts."""
    before, said, logged = job.ranks(), len(job.said), len(job.log())
    os.kill(before["1"], 9)
    began_s = time.perf_counter()
    reached = []
    for is_reached in (
        lambda: len(job.said) > said,
        lambda: bool(job.ranks()) and not {*job.ranks().values()} & {*before.values()},
        lambda: "rank 0 of 2" in job.log()[logged:],
    ):
        _until(job, is_reached)
        reached.append(time.perf_counter() - began_s)
    # Steps after the last checkpoint are removed from the file, and then made again.
    _until(job, lambda: "continuing after" in job.log()[logged:])
    steps = job.steps()
    _until(job, lambda: job.steps() > steps)
    return [*reached, time.perf_counter() - began_s]


def recover_elastic(job: _SupervisedRun) -> list[float]:
    """Kill the rank that came last, once there are two; seconds until the other one has made a step alone."""
    ranks, logged = job.ranks(), len(job.log())
    os.kill(ranks[max(ranks, key=int)], 9)
    began_s = time.perf_counter()
    _until(job, lambda: "the ranks go on" in job.log()[logged:])
    steps = job.steps()
    _until(job, lambda: job.steps() > steps)
    elapsed_s = time.perf_counter() - began_s
    _until(job, lambda: "rank 0 of 2" in job.log()[logged:])
    return [elapsed_s]


def _until(job: _SupervisedRun, is_reached: Callable[[], bool]) -> None:
    until_s = time.perf_counter() + _PATIENCE_S
    while not is_reached():
        if job.process.poll() is not None or time.perf_counter() > until_s:
            sys.exit("recovery: the job did not come back\n" + "".join(job.said))
        time.sleep(_LOOK_S)


def _await_checkpoint(job: _SupervisedRun) -> None:
    """Until there is a new one, without which the supervisor would pause before it starts the job again."""
    saved = job.checkpoint()
    _until(job, lambda: job.checkpoint() not in ("", saved))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data.shards", dest="shards", default="data/shards", help="shards of the job")
    parser.add_argument("--kills", type=int, default=5, help="how often a rank is killed")
    parser.add_argument("--elastic", action="store_true", help="in an elastic job, whose other rank goes on")
    options = parser.parse_args()
    how = ["--elastic", "--min-np", "1", "--max-np", "2"] if options.elastic else ["--np", "2"]
    parts = _PARTS[-1:] if options.elastic else _PARTS
    with tempfile.TemporaryDirectory() as folder:
        job = _SupervisedRun(options.shards, [*how, "--restarts", str(options.kills)], Path(folder))
        try:
            measured = []
            for _ in range(options.kills):
                _await_checkpoint(job)
                measured.append(recover_elastic(job) if options.elastic else recover(job))
        finally:
            job.process.terminate()
            job.process.wait()
    rows = [[part, statistics.median(times), max(times)] for part, times in zip(parts, zip(*measured))]
    print(tabulate(rows, headers=["seconds from kill -9 to", "median", "longest"], floatfmt=".1f"))


if __name__ == "__main__":
    main()
