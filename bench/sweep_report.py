"""What a sweep has found: summary.md for people, trials.json for machines, and the checkpoints that are kept."""

from __future__ import annotations

import datetime
import json
import shlex
import shutil
from typing import TYPE_CHECKING, Any

from bench import sets
from bench.files import replace
from bench.machine import commit, hardware
from bench.search_space import Choice, Sweep

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_BEST = 10


def write(sweep: Sweep, trials: list[FrozenTrial]) -> None:
    """Write summary.md and trials.json, and take away the checkpoints of all trials but the best."""
    rows = ranked(sweep, trials)
    folder = sweep.base.folder
    replace(folder / "trials.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    replace(folder / "summary.md", summary(sweep, trials))
    # A sweep is after knobs; the parameters of so many models would fill the disk.
    for row in rows[1:] if rows and rows[0]["state"] == "complete" else rows:
        if row["state"] != "running":
            shutil.rmtree(sweep.run(row["trial"]) / "checkpoints", ignore_errors=True)


def ranked(sweep: Sweep, trials: list[FrozenTrial]) -> list[dict[str, Any]]:
    """A row for each trial: those that are through from the best, then those that were pruned, then the others."""
    order = ["complete", "pruned", "running", "fail"]
    rows = []
    for trial in trials:
        values = trial.intermediate_values
        f1 = trial.value if trial.value is not None else max(values.values(), default=None)
        rows.append(
            {
                "trial": trial.number,
                "state": trial.state.name.lower(),
                "dev_f1": f1,
                "epochs": len(values),
                "best_epoch": max(values, key=lambda epoch: values[epoch]) if values else None,
                "knobs": {name: _decoded(sweep, name, value) for name, value in trial.params.items()},
                "problem": trial.user_attrs.get("problem"),
                "dev_f1_by_epoch": {str(epoch): f1 for epoch, f1 in sorted(values.items())},
            }
        )
    return sorted(rows, key=lambda row: (order.index(row["state"]), -(row["dev_f1"] or 0.0), row["trial"]))


def _decoded(sweep: Sweep, name: str, value: Any) -> Any:
    return json.loads(value) if isinstance(sweep.ranges[name], Choice) else value


def summary(sweep: Sweep, trials: list[FrozenTrial]) -> str:
    """The Markdown of a sweep."""
    rows = ranked(sweep, trials)
    numbers = {state: sum(row["state"] == state for row in rows) for state in ("complete", "pruned", "fail", "running")}
    names = list(sweep.ranges)
    lines = [
        f"# Sweep {sweep.name}, {datetime.date.today()}",
        "",
        f"{len(rows)} trials of {sweep.job}: {numbers['complete']} through, {numbers['pruned']} stopped early, "
        f"{numbers['fail']} failed, {numbers['running']} under way; {sum(row['epochs'] for row in rows)} epochs. "
        f"Sampler {sweep.sampler}, pruner {sweep.pruner}, seed {sweep.seed}. Commit {commit()}; {hardware()}. "
        "Chosen by dev; test was not scored.",
        "",
        f"| trial | dev F1 | best of epochs | {' | '.join(names)} |",
        "|" + "---|" * (3 + len(names)),
    ]
    through = [row for row in rows if row["state"] == "complete"]
    for row in through[:_BEST]:
        knobs = " | ".join(short(row["knobs"][name]) for name in names)
        best = f"{row['best_epoch']} of {row['epochs']}"
        lines.append(f"| {row['trial']} | {100 * row['dev_f1']:.2f} | {best} | {knobs} |")
    if through:
        best_knobs = sets.words({**sweep.knobs, "train.epochs": sweep.epochs, **through[0]["knobs"]})
        words = ["python", "-m", "bench.seeds", str(sweep.job), "--name", f"{sweep.name}-best", "--", *best_knobs]
        lines += ["", "The best at several seeds, with its test score:", "", "```sh", shlex.join(words), "```"]
    problems = [f"- trial {row['trial']}: {row['problem']}" for row in rows if row["problem"]]
    if problems:
        lines += ["", "Failed:", "", *problems]
    return "\n".join(lines) + "\n"


def short(value: Any) -> str:
    """A knob's value in few characters."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)
