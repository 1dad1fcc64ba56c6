"""The record of complete seed sets: job/results.json for machines, and a section of job/RESULTS.md for people.

A set that is recorded again replaces its former record. Text outside the sections' markers stays as it is.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.child_trainings import beginnings
from bench.measured_on import commit, hardware
from bench.seed_sets import SeedSet, SeedsOptions, minutes, read_result, without_defaults
from ner_dist.atomic_file import whole_file
from ner_dist.errors import UserError

RESULTS, SECTIONS = "results.json", "RESULTS.md"
_DIGITS = 6
_SCORES = ("entity.precision", "entity.recall", "entity.f1", "token.f1", "token.bio.f1")


def origin(sets: Sequence[SeedSet], command: str) -> dict[str, Any]:
    """Where figures come from: command, date, and the commits and hardware on which runs were started and continued.

    For runs that were started by hand, commit and hardware are those of now.
    """
    began = [beginning for seeds in sets for seed in seeds.seeds for beginning in beginnings(seeds.run(seed))]
    return {
        "command": command,
        "date": str(datetime.date.today()),
        "commit": ", ".join(dict.fromkeys(beginning["commit"] for beginning in began)) or commit(),
        "hardware": " and ".join(dict.fromkeys(beginning["hardware"] for beginning in began)) or hardware(),
    }


def summary(seeds: SeedSet) -> dict[str, Any]:
    """Knobs, data and scores of a seed set; scores are fractions, by their dotted place in a run's result.json."""
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
        "mean": {name: round(statistics.mean(found), _DIGITS) for name, found in values.items()},
        "sd": {name: round(statistics.stdev(found), _DIGITS) for name, found in values.items()} if runs[1:] else {},
        "gold": {name: part["gold"] for name, part in first[split]["entity"]["per_type"].items()},
        "runs": runs,
    }


def _run(seeds: SeedSet, seed: int) -> dict[str, Any]:
    run = seeds.run(seed)
    result = read_result(run)
    scores = {}
    for split in ("dev", "test"):
        # If the set does not score test, test scores that a run has anyway are ignored.
        if split in result and (split == "dev" or seeds.scores_test):
            entity, token = result[split]["entity"], result[split]["token"]
            found = {f"entity.{name}": entity[name] for name in ("precision", "recall", "f1")}
            found.update({"token.f1": token["f1"], "token.bio.f1": token["bio"]["f1"]})
            found.update({f"entity.per_type.{name}.f1": part["f1"] for name, part in entity["per_type"].items()})
            scores.update({f"{split}.{name}": round(float(score), _DIGITS) for name, score in found.items()})
    facts = {name: result[name] for name in ("seed", "epochs", "best_epoch", "steps", "num_ranks")}
    speed = {"tokens_per_second": round(result["tokens_per_second"]), "minutes": round(minutes(seeds, seed), 2)}
    return {"run": run.name, **facts, **speed, "scores": scores}


def spread(record: dict[str, Any], name: str) -> str:
    """Mean and sample standard deviation of a score, in percent."""
    text = f"{100 * record['mean'][name]:.2f}"
    return text + (f" ± {100 * record['sd'][name]:.2f}" if record["sd"] else "")


def heading(record: dict[str, Any], summaries: Sequence[dict[str, Any]]) -> list[str]:
    """The first lines of a section: the command, and what its runs ran on."""
    runs = [run for summary in summaries for run in summary["runs"]]
    ranks = ", ".join(map(str, record["num_ranks"])) + (" rank" if record["num_ranks"] == [1] else " ranks")
    speed = statistics.mean(run["tokens_per_second"] for run in runs)
    took = statistics.mean(run["minutes"] for run in runs)
    num_seeds = len({run["seed"] for run in runs})
    seeds = f"{num_seeds} seeds, mean ± sd" if num_seeds > 1 else "1 seed"
    # A score of dev then means nothing.
    dev = {summary["knobs"].get("data.train_on", "train") for summary in summaries} - {"train"}
    return [
        f"### `{record['command']}`, {record['date']}",
        "",
        f"Commit {record['commit']}; {record['hardware']}; {ranks}; {speed:,.0f} tokens/s; "
        f"{took:.1f} minutes a seed; {seeds}{'; dev was trained on' if dev else ''}.",
        "",
    ]


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    head = [f"| {' | '.join(titles).lstrip()} |", "|" + "---|" * len(titles)]
    return [*head, *(f"| {' | '.join(row)} |" for row in rows)]


def seed_set_section(record: dict[str, Any]) -> str:
    """The Markdown of a seed set: the mean, each run, each entity type."""
    split = "test" if "test.entity.f1" in record["mean"] else "dev"
    names = [*(["dev.entity.f1"] if split == "test" else []), *(f"{split}.{name}" for name in _SCORES)]
    titles = ["dev entity F1"] if split == "test" else []
    titles += [f"{split} entity precision", "recall", "F1", f"{split} token F1, BILOU", "BIO", "minutes"]
    rows = []
    if len(record["runs"]) > 1:
        mean_minutes = statistics.mean(run["minutes"] for run in record["runs"])
        rows.append(["**all seeds**", *(spread(record, name) for name in names), f"{mean_minutes:.1f}"])
    for run in record["runs"]:
        scores = [f"{100 * run['scores'][name]:.2f}" for name in names]
        best = f"best of {run['epochs']} epochs: {run['best_epoch']}"
        rows.append([f"{run['run']}, seed {run['seed']}, {best}", *scores, f"{run['minutes']:.1f}"])
    by_type = [
        [entity_type, spread(record, f"{split}.entity.per_type.{entity_type}.f1"), f"{gold:,}"]
        for entity_type, gold in record["gold"].items()
    ]
    type_titles = [f"{split} entity F1 by type", "mean ± sd" if record["sd"] else "F1", "gold"]
    tables = [*markdown_table(["", *titles], rows), "", *markdown_table(type_titles, by_type)]
    return "\n".join([*heading(record, [record]), *tables]) + "\n"


def finish(record: dict[str, Any], section: str, options: SeedsOptions) -> None:
    """Show the section of a record, and keep both unless the options say otherwise."""
    print(f"\n{section}", flush=True)
    if not options.no_record:
        keep(options.results, record, section)


def keep(folder: Path, record: dict[str, Any], section: str) -> None:
    """Put a record into results.json and its section into RESULTS.md, in place of a former record of the same set.

    Raises UserError, with neither file changed, if one of them is not as this function leaves it.
    """
    path = folder / RESULTS
    try:
        records = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        if not isinstance(records, list):
            raise TypeError("it is no list")
        at = next((at for at, other in enumerate(records) if _identity(other) == _identity(record)), len(records))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not a list of records ({error}); restore it from git") from error
    digest = hashlib.sha256(json.dumps(_identity(record), sort_keys=True).encode()).hexdigest()
    name = records[at]["id"] if at < len(records) else f"{record['job']}-{digest[:8]}"
    records[at : at + 1] = [{"id": name, **record}]
    sections = _with_section(folder / SECTIONS, name, section)
    folder.mkdir(parents=True, exist_ok=True)
    whole = json.dumps(records, indent=1, ensure_ascii=False) + "\n"
    for place, text in ((path, whole), (folder / SECTIONS, sections)):
        with whole_file(place) as file:
            file.write(text)
    print(f"recorded in {folder / SECTIONS} and {path}", flush=True)


def _identity(record: dict[str, Any]) -> list[Any]:
    """What makes a set the same."""
    return [record["kind"], record["job"], record["shards"], without_defaults(record.get("knobs", {}))]


def _with_section(path: Path, name: str, section: str) -> str:
    """RESULTS.md with a section between its markers, at the end if it has none yet."""
    whole = path.read_text(encoding="utf-8") if path.is_file() else "# Results\n"
    begin, end = f"<!-- begin {name}: written by python -m bench, together with {RESULTS} -->", f"<!-- end {name} -->"
    marked = f"{begin}\n{section}{end}\n"
    if begin not in whole and end not in whole:
        return f"{whole.rstrip()}\n\n{marked}"
    if whole.count(begin) != 1 or whole.count(end) != 1 or whole.index(end) < whole.index(begin):
        raise UserError(f"{path}: the section {name} needs one line `{begin}` and, after it, one `{end}`")
    before, rest = whole.split(begin)
    return before + marked + rest.split(end)[1].removeprefix("\n")
