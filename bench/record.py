"""The record of finished sets of runs: job/results.json for machines, and a section of job/RESULTS.md for people.

A set that is recorded again takes the place of its former record. Text outside the sections' markers stays as it is.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.files import replace
from bench.machine import commit, hardware
from bench.sets import SeedSet, minutes, read_result
from bench.training import beginnings
from ner_dist import config as knobs
from ner_dist.errors import UserError

RESULTS, SECTIONS = "results.json", "RESULTS.md"
_SCORES = ("entity.precision", "entity.recall", "entity.f1", "token.f1", "token.bio.f1")


def record_of(seeds: SeedSet, command: str) -> dict[str, Any]:
    """The record of a set whose runs are all through."""
    return {"kind": "seeds", "job": seeds.job, **origin([seeds], command), **summary(seeds)}


def origin(sets: Sequence[SeedSet], command: str) -> dict[str, Any]:
    """Where figures come from: command, date, and the commits and hardware that runs were begun and continued on.

    Of runs that were begun by hand only today's are known.
    """
    began = [beginning for seeds in sets for seed in seeds.seeds for beginning in beginnings(seeds.run(seed))]
    return {
        "command": command,
        "date": str(datetime.date.today()),
        "commit": ", ".join(dict.fromkeys(beginning["commit"] for beginning in began)) or commit(),
        "hardware": " and ".join(dict.fromkeys(beginning["hardware"] for beginning in began)) or hardware(),
    }


def summary(seeds: SeedSet) -> dict[str, Any]:
    """Knobs, data and scores of a set; scores are fractions, by their place in a run's result.json."""
    runs = [_run(seeds, seed) for seed in seeds.seeds]
    shared = [name for name in runs[0]["scores"] if all(name in run["scores"] for run in runs)]
    values = {name: [run["scores"][name] for run in runs] for name in shared}
    first = read_result(seeds.run(seeds.seeds[0]))
    split = "test" if "test.entity.f1" in values else "dev"
    return {
        "versions": first["versions"],
        "knobs": seeds.identity,
        "shards": seeds.shards.fingerprint(),
        "num_ranks": sorted({run["num_ranks"] for run in runs}),
        "mean": {name: _rounded(statistics.mean(found)) for name, found in values.items()},
        "sd": {name: _rounded(statistics.stdev(found)) for name, found in values.items()} if len(runs) > 1 else {},
        "gold": {name: part["gold"] for name, part in first[split]["entity"]["per_type"].items()},
        "runs": runs,
    }


def _run(seeds: SeedSet, seed: int) -> dict[str, Any]:
    run = seeds.run(seed)
    result = read_result(run)
    scores = {}
    for split in ("dev", "test"):
        # The test scores of a run that was asked for dev alone are not looked at.
        if split in result and (split == "dev" or seeds.scores_test):
            types = [f"entity.per_type.{name}.f1" for name in result[split]["entity"]["per_type"]]
            scores.update({f"{split}.{name}": _at(result[split], name) for name in (*_SCORES, *types)})
    facts = {name: result[name] for name in ("seed", "epochs", "best_epoch", "steps", "num_ranks")}
    speed = {
        "tokens_per_second": round(result["tokens_per_second"]),
        "minutes": round(minutes(seeds, seed), 2),
    }
    return {"run": run.name, **facts, **speed, "scores": {name: _rounded(value) for name, value in scores.items()}}


def _at(part: dict[str, Any], name: str) -> float:
    """The value at a dotted name; names of entity types may have dots, so they are taken whole."""
    if name.startswith("entity.per_type."):
        return float(part["entity"]["per_type"][name[len("entity.per_type.") : -len(".f1")]]["f1"])
    for key in name.split("."):
        part = part[key]
    return float(part)  # type: ignore[arg-type]


def _rounded(fraction: float) -> float:
    return round(fraction, 6)


def spread(record: dict[str, Any], name: str) -> str:
    """Mean and sample standard deviation of a score, in per cent."""
    text = f"{100 * record['mean'][name]:.2f}"
    return text + (f" ± {100 * record['sd'][name]:.2f}" if record["sd"] else "")


def heading(record: dict[str, Any], summaries: Sequence[dict[str, Any]]) -> list[str]:
    """The command and what its runs ran on, as the first lines of a section on these sets."""
    runs = [run for summary in summaries for run in summary["runs"]]
    ranks = ", ".join(map(str, record["num_ranks"])) + (" rank" if record["num_ranks"] == [1] else " ranks")
    speed = statistics.mean(run["tokens_per_second"] for run in runs)
    took = statistics.mean(run["minutes"] for run in runs)
    num_seeds = len({run["seed"] for run in runs})
    seeds = f"{num_seeds} seeds, mean ± sd" if num_seeds > 1 else "1 seed"
    # No score of dev then tells anything.
    dev = {summary["knobs"].get("data.train_on", "train") for summary in summaries} - {"train"}
    return [
        f"### `{record['command']}`, {record['date']}",
        "",
        f"Commit {record['commit']}; {record['hardware']}; {ranks}; {speed:,.0f} tokens/s; "
        f"{took:.1f} minutes a seed; {seeds}{'; dev was trained on' if dev else ''}.",
    ]


def section(record: dict[str, Any]) -> str:
    """The Markdown of a set of runs: the mean, each run, each entity type."""
    split = "test" if "test.entity.f1" in record["mean"] else "dev"
    names = [*(["dev.entity.f1"] if split == "test" else []), *(f"{split}.{name}" for name in _SCORES)]
    titles = f"{split} entity precision | recall | F1 | {split} token F1, BILOU | BIO"
    titles = f"dev entity F1 | {titles}" if split == "test" else titles
    lines = [*heading(record, [record]), "", f"| | {titles} | minutes |", "|" + "---|" * (len(names) + 2)]
    mean_minutes = statistics.mean(run["minutes"] for run in record["runs"])
    if len(record["runs"]) > 1:
        means = " | ".join(spread(record, name) for name in names)
        lines.append(f"| **all seeds** | {means} | {mean_minutes:.1f} |")
    for run in record["runs"]:
        scores = " | ".join(f"{100 * run['scores'][name]:.2f}" for name in names)
        best = f"best of {run['epochs']} epochs: {run['best_epoch']}"
        lines.append(f"| {run['run']}, seed {run['seed']}, {best} | {scores} | {run['minutes']:.1f} |")
    several = "mean ± sd" if record["sd"] else "F1"
    lines += ["", f"| {split} entity F1 by type | {several} | gold |", "|---|---|---|"]
    for entity_type, gold in record["gold"].items():
        lines.append(f"| {entity_type} | {spread(record, f'{split}.entity.per_type.{entity_type}.f1')} | {gold:,} |")
    return "\n".join(lines) + "\n"


def keep(folder: Path, record: dict[str, Any], text: str) -> None:
    """Put a record into results.json and its text into RESULTS.md, in place of a former record of the same; says so.

    Raises UserError if one of the files is not as this function leaves it; neither is changed then.
    """
    path = folder / RESULTS
    try:
        records = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        if not isinstance(records, list):
            raise TypeError("no list")
        former = next((place for place, other in enumerate(records) if _same(record, other)), None)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not a list of records ({error}); restore it from git") from error
    digest = hashlib.sha256(json.dumps(_identity(record), sort_keys=True).encode()).hexdigest()
    name = records[former]["id"] if former is not None else f"{record['job']}-{digest[:8]}"
    if former is None:
        records.append({"id": name, **record})
    else:
        records[former] = {"id": name, **record}
    sections = _with_section(folder / SECTIONS, name, text)
    folder.mkdir(parents=True, exist_ok=True)
    replace(path, json.dumps(records, indent=1, ensure_ascii=False) + "\n")
    replace(folder / SECTIONS, sections)
    print(f"recorded in {folder / SECTIONS} and {path}", flush=True)


def _identity(record: dict[str, Any]) -> list[Any]:
    """What a set is: a knob that a record does not know yet counts as at its default."""
    defaults = knobs.flat(knobs.Config())
    changed = {name: value for name, value in record.get("knobs", {}).items() if value != defaults.get(name)}
    return [record["kind"], record["job"], record["shards"], changed]


def _same(record: dict[str, Any], other: dict[str, Any]) -> bool:
    return _identity(record) == _identity(other)


def _with_section(path: Path, name: str, text: str) -> str:
    """RESULTS.md with a section's text between its markers, at the end if it has none yet."""
    whole = path.read_text(encoding="utf-8") if path.is_file() else "# Results\n"
    begin, end = f"<!-- begin {name}: written by python -m bench, together with {RESULTS} -->", f"<!-- end {name} -->"
    marked = f"{begin}\n{text}{end}\n"
    if begin not in whole and end not in whole:
        return f"{whole.rstrip()}\n\n{marked}"
    if whole.count(begin) != 1 or whole.count(end) != 1 or whole.index(end) < whole.index(begin):
        raise UserError(f"{path}: the section {name} needs one line `{begin}` and, after it, one `{end}`")
    before, rest = whole.split(begin)
    return before + marked + rest.split(end)[1].removeprefix("\n")
