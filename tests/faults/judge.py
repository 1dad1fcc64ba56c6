"""Whether a troubled training came out as one that was left alone, and what an attempt that ended said of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from faults.schedules import Schedule

from ner_dist.run import checkpoint

# What depends on the clock.
_TIMES = ("tokens_per_second", "scoring_seconds", "trained_seconds", "sha256")
# After these, training saves before it ends: nothing is lost.
SAVING = ("SIGTERM", "SIGTERM to all", "Ctrl-C")
_CODES = {"SIGTERM": 143, "SIGTERM to all": 143, "Ctrl-C": 130}
_A_RANK_DIED = r"rank \d+.*(died|killed|leave|left|SIGKILL|137|gone|lost)|another rank has died"
_LOST = r"rank \d+.*(died|leave|left|gone|lost|answer)|host|node2|[Cc]onnection"
# What the terminal must show after a fault, whichever process says it.
_REASONS = {
    "kill rank": _A_RANK_DIED,
    "killed in a step": _A_RANK_DIED,
    "exception": "made up by the fault suite",
    "hang": "no progress for",
    "stop rank": rf"no progress for|silent|stopped|{_A_RANK_DIED}",
    "SIGTERM": "SIGTERM",
    "SIGTERM to all": "SIGTERM",
    # horovodrun passes it on as SIGTERM.
    "Ctrl-C": "SIGINT|SIGTERM",
    "full disk": "No space left",
    "read-only directory": "Permission denied|Read-only",
    "network cut": _LOST,
    "network cut for a moment": _LOST,
    "host lost": _LOST,
}


# What the terminal shows if metrics.jsonl may lack lines.
_LINES_LACK = "metrics.jsonl: a line could not be written|metrics.jsonl lacks"


def tells_of_lacking_lines(text: str) -> bool:
    return re.search(_LINES_LACK, text) is not None


def speaks(kind: str, schedule: Schedule) -> bool:
    """Whether somebody is left after a fault to say what happened."""
    alone = schedule.num_ranks == 1
    return kind in _REASONS and not (alone and kind in ("kill rank", "killed in a step", "stop rank"))


def wrong_code(kind: str, code: int, schedule: Schedule) -> bool:
    """horovodrun by itself says nothing by its code; a launcher or a plain process does."""
    starts_ranks_bare = schedule.mode == "plain" and schedule.num_ranks > 1
    return kind in _CODES and code != _CODES[kind] and not starts_ranks_bare


def lost_steps(run: Path) -> int:
    """Steps that metrics.jsonl has, but the last checkpoint has not."""
    done = [line["steps"] for line in metrics(run)] if (run / "metrics.jsonl").exists() else []
    return max([0, *done]) - saved_steps(run)


def differences(expected: Path, found: Path, bitwise: bool, lines_may_lack: bool = False) -> list[str]:
    """In which respects two finished runs differ; not bitwise: beyond rounding, or in scores.

    lines_may_lack: in the metrics, if the terminal has told of lines that could not be written.
    """
    one, other = _contents(expected), _contents(found)
    result, unchanged = one["result"], {"num_ranks": one["result"]["num_ranks"]} if not bitwise else {}
    unlike = [f"result.json: {name}" for name in result if {**other["result"], **unchanged}.get(name) != result[name]]
    for name in ("last", "best"):
        arrays, others = one[name].arrays, other[name].arrays
        if arrays.keys() != others.keys():
            return [*unlike, f"{name}: other arrays"]
        unlike += [f"{name}: {key}" for key in arrays if not _same(arrays[key], others[key], bitwise)]
        if bitwise and _without_times(vars(one[name].progress)) != _without_times(vars(other[name].progress)):
            unlike.append(f"{name}: progress")
    lines = [{(line["kind"], line["steps"]): line for line in run["metrics"]} for run in (one, other)]
    if len(lines[1]) < len(other["metrics"]):
        unlike.append("metrics.jsonl: a step twice")
    lacking = set(lines[0]) - set(lines[1])
    if set(lines[1]) - set(lines[0]) or (lacking and not lines_may_lack):
        unlike.append(f"metrics.jsonl: other steps, {len(lacking)} of them are lacking")
    elif bitwise and any(lines[0][key] != line for key, line in lines[1].items()):
        unlike.append("metrics.jsonl: other values")
    return unlike


def _same(one: np.ndarray, other: np.ndarray, bitwise: bool) -> bool:
    if bitwise:
        return one.tobytes() == other.tobytes()
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-2, atol=2e-4)


def _contents(run: Path) -> dict[str, Any]:
    return {
        "result": _without_times(json.loads((run / "result.json").read_text())),
        "metrics": [_without_times(line) for line in metrics(run)],
        **{name: checkpoint.load(run / "checkpoints" / name) for name in ("last", "best")},
    }


def _without_times(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in _TIMES}


def metrics(run: Path) -> list[dict[str, Any]]:
    """Without a last line that a kill has left unfinished."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines() if line.endswith("}")]


def saved_steps(run: Path) -> int:
    """Steps of the last checkpoint; 0 if there is none yet."""
    place = run / "checkpoints" / "last"
    return checkpoint.load(place).progress.total_steps if checkpoint.exists(place) else 0


def reason(kind: str, text: str) -> str:
    """The line that says why, for the report; empty if there is none."""
    wanted = _REASONS.get(kind)
    lines = [line for line in text.splitlines() if wanted and re.search(wanted, line)]
    return re.sub(r"^\[\d+\]<std\w+>:", "", lines[0])[:200] if lines else ""
