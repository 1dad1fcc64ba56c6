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
    """The children of all targets, a few at a time."""
    weights = {name: _EXPENSIVE.get(name, 1.0) for name in names}
    waiting, running, rows = list(names), {}, []
    while waiting or running:
        while waiting and len(running) < options.parallel:
            name = waiting.pop(0)
            number = max(1, round(options.inputs * weights[name] / sum(weights.values())))
            words = [name, work, out, number, options.seed, options.seconds]
            command = [sys.executable, "-m", "tests.faults.fuzz_one", "run", *map(str, words)]
            log = (out / f"{name}.log").open("wb")
            child = subprocess.Popen(command, cwd=ROOT, env=_environment(), stdout=log, stderr=log)
            running[name] = child, time.monotonic()
        for name, (child, began_s) in list(running.items()):
            if child.poll() is not None:
                del running[name]
                rows.append(_row(name, child.returncode, time.monotonic() - began_s, out))
                print(json.dumps(rows[-1]), flush=True)
        time.sleep(0.1)
    return rows


def _row(name: str, code: int, seconds: float, out: Path) -> dict[str, Any]:
    summary = out / f"{name}.json"
    found = json.loads(summary.read_text()) if summary.exists() else {"inputs": 0}
    findings = len(list(out.glob(f"{name}-*.txt")))
    end = "done" if code == 0 else f"code {code}, see {name}.log"
    return {"target": name, "inputs": found["inputs"], "seconds": round(seconds, 1), "findings": findings, "end": end}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
