"""Gives every reader of files made-up inputs, guided by the code that they reach: python -m tests.faults.fuzz --help.

A finding is any exception but UserError, more than a second of processor time, or more than a gigabyte of memory. The
input and the traceback of each are kept in the folder --out. The targets are in fuzz_targets_*.py: functions fuzz_NAME
of bytes, with their first inputs in SEEDS and, if the inputs are records, their name in RECORDS.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tabulate import tabulate

ROOT = Path(__file__).parents[2]
# Targets whose inputs take longer get fewer.
_EXPENSIVE = {"shard": 0.1, "checkpoint": 0.3, "job": 0.1, "launch_settings": 0.1}
# Of one process: atheris itself keeps up to 80 KB of memory for each input, which is limited.
_MOST_INPUTS = 5000


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--target", action="append", help="only this one; may be repeated (default: all)")
    parser.add_argument("--inputs", type=int, default=100_000, help="of all targets together (default 100000)")
    parser.add_argument("--seconds", type=float, default=3600.0, help="most time for one target (default 3600)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parallel", type=int, default=2, help="targets at the same time (default 2)")
    parser.add_argument("--out", type=Path, default=None, help="folder of the findings (default: a new one in /tmp)")
    options = parser.parse_args(argv)
    out = options.out or Path(tempfile.mkdtemp(prefix="fuzz-"))
    out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="fuzz-work-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    try:
        names = _ask("names", work)
        if unknown := set(options.target or ()) - set(names):
            parser.error(f"there is no target {min(unknown)}, expected some of {', '.join(names)}")
        rows = _run_all(options, options.target or names, out, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    total, findings = sum(row["inputs"] for row in rows), sum(row["findings"] for row in rows)
    table = [[row[name] for name in ("target", "inputs", "seconds", "findings", "end")] for row in rows]
    print(tabulate([*table, ["all", total, "", findings, ""]], ["target", "inputs", "seconds", "findings", "end"]))
    (out / "fuzz.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(f"findings: {out}" if findings else "no finding")
    return int(bool(findings) or any(row["end"] != "done" for row in rows))


def _ask(what: str, work: Path) -> Any:
    command = [sys.executable, "-m", "tests.faults.fuzz_one", what, str(work)]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, env=_environment(), capture_output=True).stdout)


def _environment() -> dict[str, str]:
    path = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def _run_all(options: Any, names: list[str], out: Path, work: Path) -> list[dict[str, Any]]:
    """The children of all targets, a few at a time; those of one target come one after another."""
    weights = {name: _EXPENSIVE.get(name, 1.0) for name in names}
    asked = {name: max(1, round(options.inputs * weight / sum(weights.values()))) for name, weight in weights.items()}
    done, began_s = dict.fromkeys(names, 0), {}
    waiting, running, rows = list(names), {}, []
    while waiting or running:
        while waiting and len(running) < options.parallel:
            name = waiting.pop(0)
            began_s.setdefault(name, time.monotonic())
            left_s = options.seconds - (time.monotonic() - began_s[name])
            # Each child of a target makes other inputs from what the ones before have kept.
            seed, number = options.seed + done[name], min(_MOST_INPUTS, asked[name] - done[name])
            words = [name, work, out, number, seed, left_s]
            command = [sys.executable, "-m", "tests.faults.fuzz_one", "run", *map(str, words)]
            with (out / f"{name}.log").open("ab") as log:
                running[name] = subprocess.Popen(command, cwd=ROOT, env=_environment(), stdout=log, stderr=log)
        for name, child in list(running.items()):
            if child.poll() is None:
                continue
            del running[name]
            done[name] += (inputs := _inputs_of(name, out))
            seconds = time.monotonic() - began_s[name]
            if child.returncode == 0 and inputs and done[name] < asked[name] and seconds < options.seconds:
                waiting.insert(0, name)
            else:
                rows.append(_row(name, child.returncode, done[name], seconds, out))
                print(json.dumps(rows[-1]), flush=True)
        time.sleep(0.1)
    return rows


def _inputs_of(name: str, out: Path) -> int:
    """How many inputs the child that has ended had; none if it did not end by itself."""
    summary = out / f"{name}.json"
    if not summary.exists():
        return 0
    inputs: int = json.loads(summary.read_text())["inputs"]
    summary.unlink()
    return inputs


def _row(name: str, code: int, inputs: int, seconds: float, out: Path) -> dict[str, Any]:
    findings = len(list(out.glob(f"{name}-*.txt")))
    end = "done" if code == 0 else f"code {code}, see {name}.log"
    return {"target": name, "inputs": inputs, "seconds": round(seconds, 1), "findings": findings, "end": end}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
