"""The table of a fault suite's outcomes: by fault and by way of starting, with every deviation."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import statistics
from pathlib import Path
from typing import Any

from tabulate import tabulate


def keep(outcome: Any) -> None:
    """For the table; outcome: driver.Outcome."""
    schedule = outcome.schedule
    record = {
        "seed": schedule.seed,
        "name": str(schedule),
        "mode": schedule.mode,
        "kinds": [fault.kind for fault in schedule.faults],
        **dataclasses.asdict(outcome),
    }
    path = Path(os.environ["FAULTS_OUT"]) / f"schedule-{schedule.mode}-{schedule.seed}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")


def write(outcomes: list[dict[str, Any]], path: Path) -> None:
    path.write_text(json.dumps(sorted(outcomes, key=lambda outcome: outcome["seed"]), indent=1) + "\n")


def lines(outcomes: list[dict[str, Any]]) -> list[str]:
    """outcomes: as `keep` records them."""
    rows = []
    for name, key in (("started", "mode"), ("fault", "kinds")):
        groups = collections.defaultdict(list)
        for outcome in outcomes:
            values = outcome[key] if isinstance(outcome[key], list) else [outcome[key]]
            for value in sorted(set(values)):
                groups[value].append(outcome)
        rows += [_row(f"{name}: {value}", groups[value]) for value in sorted(groups)]
    table = [_row("all", outcomes), *rows]
    headers = [
        "schedules",
        "number",
        "bitwise equal",
        "but for rounding",
        "deviations",
        "recovery, median s",
        "worst s",
    ]
    deviations = [f"{outcome['name']}: {text}" for outcome in outcomes for text in outcome["deviations"]]
    return [*tabulate(table, headers, tablefmt="simple").splitlines(), "", *(deviations or ["no deviation"])]


def _row(name: str, outcomes: list[dict[str, Any]]) -> list[Any]:
    times_s = [time_s for outcome in outcomes for time_s in outcome["recoveries_s"]]
    return [
        name,
        len(outcomes),
        sum(outcome["equal"] == "bitwise" for outcome in outcomes),
        sum(outcome["equal"] == "but for rounding" for outcome in outcomes),
        sum(bool(outcome["deviations"]) for outcome in outcomes),
        f"{statistics.median(times_s):.1f}" if times_s else "",
        f"{max(times_s):.1f}" if times_s else "",
    ]
