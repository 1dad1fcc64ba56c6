"""Two ranks train beside a service under load, for an hour: memory, handles, threads and throughput must stay flat.

python -m tests.faults.soak --minutes 60 prints a table; the exit code is 1 if anything has grown.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
from tabulate import tabulate

from bench.speed.prediction import trained_model
from bench.speed.service import ServiceLoadOptions, counts, press, served

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests"))

from processes import Job  # noqa: E402

_SAMPLE_S = 5.0
# What is left out at the start, at most this share: caches fill, and the allocator finds its size.
_WARM_UP_S, _WARM_UP_SHARE = 300.0, 0.3
_MOST_MB_A_MINUTE = 1.0
# Between the halves of the time after the warm-up; the machine may have other work.
_MOST_SLOWER = 0.15
_CLIENTS, _HOSTILE = 4, 1


class Sample(NamedTuple):
    time_s: float
    # Of each process: megabytes, open files, threads.
    processes: dict[str, tuple[float, int, int]]
    steps: int
    texts: float


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--out", type=Path, help="JSON file for all samples")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        samples, errors = run(Path(name), 60 * options.minutes)
    if options.out:
        options.out.write_text(json.dumps([sample._asdict() for sample in samples]) + "\n")
    rows, faults = judge(samples)
    print(tabulate(rows, ["", "at first", "at last", "largest", "slope a minute"], floatfmt=".3f"))
    faults += [f"the service: {number} times {kind}" for kind, number in errors.items()]
    print("\n".join(faults) or "nothing has grown")
    return int(bool(faults))


def run(folder: Path, seconds: float) -> tuple[list[Sample], dict[str, int]]:
    """Samples of everything, and the errors that the service's clients have seen."""
    shards = folder / "shards"
    prepare = [sys.executable, "-m", "data_prep"]
    with Job([*prepare, "synth", "--sentences", "2000", "--out", str(folder / "corpus")], ROOT) as job:
        assert job.wait().code == 0
    splits = [word for name in ("train", "dev", "test") for word in (f"--{name}", f"{folder}/corpus/{name}.conll")]
    with Job([*prepare, "build", *splits, "--out", str(shards), "--num-shards", "4"], ROOT) as job:
        finished = job.wait()
        assert finished.code == 0, finished.err
    knobs = ["--config", str(ROOT / "job/smoke.yaml"), "--data.shards", str(shards), "--run", str(folder / "run")]
    knobs += ["--train.epochs", "1000000", "--train.log_steps", "10", "--train.checkpoint_steps", "200"]
    train = [sys.executable, "-m", "launch", "local", "--np", "2", "--", *knobs]
    with trained_model(str(shards)) as (_, exported), served(exported) as (address, _):
        load = ServiceLoadOptions(exported, str(shards), seconds, _CLIENTS, _HOSTILE)
        found: list[Any] = []
        client = threading.Thread(target=lambda: found.append(asyncio.run(press(address, load))[0]))
        with Job(train, folder, int(seconds) + 600) as job:
            job.wait_until((folder / "run" / "checkpoints" / "last").is_dir)
            client.start()
            samples = []
            while client.is_alive():
                samples.append(sample(job, folder / "run", address))
                client.join(_SAMPLE_S)
            assert job.running(), "the training has ended"
        return samples, dict(found[0].errors) if found else {"no answer at all": 1}


def sample(job: Job, run: Path, address: tuple[str, int]) -> Sample:
    processes = {}
    for process in [*job.processes(), *psutil.Process().children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            if name := _name(process):
                facts = process.memory_info().rss / 1e6, process.num_fds(), process.num_threads()
                processes[name] = facts
    lines = (run / "metrics.jsonl").read_text().splitlines()
    steps = [line["steps"] for line in map(json.loads, lines[-50:-1]) if line["kind"] == "steps"]
    return Sample(time.monotonic(), processes, steps[-1] if steps else 0, counts(address)[0])


def _name(process: psutil.Process) -> str:
    """Of a process whose growth counts; empty for others."""

    def module(of: psutil.Process | None) -> str:
        words = of.cmdline()[:3] if of is not None else []
        return words[2] if words[1:2] == ["-m"] else ""

    known = {"launch": "launcher", "launch.job.horovodrun": "horovodrun", "ner_dist.serve": "service"}
    if module(process) == "ner_dist.train":
        return f"rank {process.environ().get('HOROVOD_RANK', '?')}"
    if module(process) in known:
        return known[module(process)]
    # Python's own helper comes and goes with the second process.
    is_helper = "resource_tracker" in " ".join(process.cmdline())
    return "service, second process" if module(process.parent()) == "ner_dist.serve" and not is_helper else ""


def judge(samples: list[Sample]) -> tuple[list[list[Any]], list[str]]:
    """The rows of the table, and a sentence for everything that has grown or slowed down."""
    length_s = samples[-1].time_s - samples[0].time_s
    from_s = samples[0].time_s + min(_WARM_UP_S, _WARM_UP_SHARE * length_s)
    kept = [sample for sample in samples if sample.time_s >= from_s]
    minutes = np.array([(sample.time_s - from_s) / 60 for sample in kept])
    rows, faults = [], []
    for name in sorted({name for sample in kept for name in sample.processes}):
        for place, what in enumerate(("MB", "open files", "threads")):
            known = [(m, s.processes[name][place]) for m, s in zip(minutes, kept) if name in s.processes]
            at, values = np.array([m for m, _ in known]), np.array([v for _, v in known], float)
            slope = float(np.polyfit(at, values, 1)[0]) if len(at) > 2 else 0.0
            rows.append([f"{name}, {what}", values[0], values[-1], values.max(), slope])
            # Files and threads that come and go may differ at the two ends.
            grown = slope >= _MOST_MB_A_MINUTE if what == "MB" else slope * minutes[-1] > 3
            faults += [f"{name}: {what} grow by {slope:.2f} a minute"] if grown else []
    for name, totals in (
        ("training, steps a second", [sample.steps for sample in kept]),
        ("service, texts a second", [sample.texts for sample in kept]),
    ):
        rates = np.diff(totals) / np.maximum(np.diff([sample.time_s for sample in kept]), 1e-9)
        first, last = (float(half.mean()) for half in np.array_split(rates, 2))
        rows.append([name, first, last, rates.max(), float(np.polyfit(minutes[1:], rates, 1)[0])])
        faults += [f"{name}: {first:.1f} in the first half, {last:.1f} in the second"] * (
            last < (1 - _MOST_SLOWER) * first
        )
    return rows, faults


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
