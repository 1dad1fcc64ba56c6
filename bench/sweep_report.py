"""What a sweep has found: summary.md for people, trials.json for machines, and the checkpoint that is kept."""

from __future__ import annotations

import datetime
import json
import shlex
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

from bench import seed_sets
from bench.measured_on import commit, hardware
from bench.record import markdown_table
from bench.sweep_space import Sweep, decoded
from ner_dist.atomic_file import whole_file

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_BEST = 10


def write(sweep: Sweep, trials: list[FrozenTrial]) -> None:
    """Write summary.md and trials.json, and delete the checkpoints of all trials but the best."""
    rows = ranked(trials)
    folder = sweep.base.folder
    texts = {"trials.json": json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "summary.md": summary(sweep, trials)}
    for name, text in texts.items():
        with whole_file(folder / name) as file:
            file.write(text)
    # A sweep looks for knobs; the parameters of all its models would fill the disk.
    for row in rows[1:] if rows and rows[0]["state"] == "complete" else rows:
        if row["state"] != "running":
            shutil.rmtree(sweep.run(row["trial"]) / "checkpoints", ignore_errors=True)


def ranked(trials: list[FrozenTrial]) -> list[dict[str, Any]]:
    """A row for each trial: the complete ones, best first, then the pruned ones, then the others."""
    order = ["complete", "pruned", "running", "fail"]
    rows = [
        {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "dev_f1": max(values.values(), default=None) if trial.value is None else trial.value,
            "epochs": len(values),
            "best_epoch": max(values, key=values.__getitem__, default=None),
            "knobs": decoded(trial.params),
            "problem": trial.user_attrs.get("problem"),
            "dev_f1_by_epoch": {str(epoch): f1 for epoch, f1 in sorted(values.items())},
        }
        for trial, values in ((trial, trial.intermediate_values) for trial in trials)
    ]
    return sorted(rows, key=lambda row: (order.index(row["state"]), -(row["dev_f1"] or 0.0), row["trial"]))


def summary(sweep: Sweep, trials: list[FrozenTrial]) -> str:
    """The Markdown of a sweep."""
    rows = ranked(trials)
    numbers = Counter(row["state"] for row in rows)
    names = list(sweep.ranges)
    lines = [
        f"# Sweep {sweep.name}, {datetime.date.today()}",
        "",
        f"{len(rows)} trials of {sweep.job}: {numbers['complete']} complete, {numbers['pruned']} stopped early, "
        f"{numbers['fail']} failed, {numbers['running']} running; {sum(row['epochs'] for row in rows)} epochs. "
        f"Sampler {sweep.sampler}, pruner {sweep.pruner}, seed {sweep.seed}. Commit {commit()}; {hardware()}. "
        "Chosen by dev; test was not scored.",
        "",
    ]
    complete = [row for row in rows if row["state"] == "complete"]
    cells = [
        [str(row["trial"]), f"{100 * row['dev_f1']:.2f}", f"{row['best_epoch']} of {row['epochs']}"]
        + [short(row["knobs"][name]) for name in names]
        for row in complete[:_BEST]
    ]
    lines += markdown_table(["trial", "dev F1", "best of epochs", *names], cells)
    if complete:
        best_knobs = seed_sets.as_arguments({**sweep.knobs, "train.epochs": sweep.epochs, **complete[0]["knobs"]})
        words = ["python", "-m", "bench.seeds", str(sweep.job), "--name", f"{sweep.name}-best", "--", *best_knobs]
        lines += ["", "The best at several seeds, with its test score:", "", "```sh", shlex.join(words), "```"]
    problems = [f"- trial {row['trial']}: {row['problem']}" for row in rows if row["problem"]]
    if problems:
        lines += ["", "Failed:", "", *problems]
    return "\n".join(lines) + "\n"


def short(value: Any) -> str:
    """A knob's value, abbreviated."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)
