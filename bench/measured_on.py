"""What a figure was measured on: hardware and commit."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path


def hardware() -> str:
    """Cores and processor, for example "2 cores, Intel(R) Xeon(R) Processor, no GPU"."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    gpu = "GPU driver present" if Path("/proc/driver/nvidia").exists() else "no GPU"
    return f"{len(os.sched_getaffinity(0))} cores, {names[0] if names else platform.machine()}, {gpu}"


def commit() -> str:
    """The commit of the code, with "+changes" if the working tree differs from it; "unknown" outside a clone."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()

    records = (":!job/RESULTS.md", ":!job/results.json", ":!bench/results.json")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", *records)
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+changes" if changed else "")
