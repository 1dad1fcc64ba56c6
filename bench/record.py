"""Add finished runs of one job, a run a seed, to job/RESULTS.md: mean and standard deviation, and each run."""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from bench.machine import commit, hardware

RESULTS = Path("job/RESULTS.md")


def _spread(values: list[float]) -> str:
    """Mean and sample standard deviation, in per cent."""
    text = f"{100 * statistics.mean(values):.2f}"
    return text + (f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else "")


def section(command: str, results: list[dict[str, Any]], names: list[str]) -> str:
    """The Markdown of one set of runs."""
    split = "test" if all("test" in result for result in results) else "dev"
    ranks = sorted({result["num_ranks"] for result in results})
    speed = statistics.mean(result["tokens_per_second"] for result in results)
    lines = [
        f"### `{command}`, {datetime.date.today()}",
        "",
        f"Commit {commit()}; {hardware()}; {', '.join(map(str, ranks))} ranks; {speed:,.0f} tokens/s; "
        f"{len(results)} seeds, mean ± sd.",
        "",
        f"| | dev entity F1 | {split} entity precision | recall | F1 | {split} token F1, BILOU | BIO |",
        "|---|---|---|---|---|---|---|",
    ]

    def row(name: str, chosen: list[dict[str, Any]]) -> str:
        dev = _spread([result["dev"]["entity"]["f1"] for result in chosen])
        entity = [_spread([result[split]["entity"][key] for result in chosen]) for key in ("precision", "recall", "f1")]
        token = [result[split]["token"] for result in chosen]
        tokens = [_spread([part["f1"] for part in token]), _spread([part["bio"]["f1"] for part in token])]
        return f"| {name} | {dev} | {' | '.join([*entity, *tokens])} |"

    lines.append(row("**all seeds**", results))
    lines += [
        row(f"{name}, seed {result['seed']}, best of {result['epochs']} epochs: {result['best_epoch']}", [result])
        for name, result in zip(names, results)
    ]
    lines += ["", f"| {split} entity F1 by type | mean ± sd | gold |", "|---|---|---|"]
    for entity_type, part in results[0][split]["entity"]["per_type"].items():
        f1 = _spread([result[split]["entity"]["per_type"][entity_type]["f1"] for result in results])
        lines.append(f"| {entity_type} | {f1} | {part['gold']:,} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.record", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="directories of finished runs")
    parser.add_argument("--command", required=True, help="the command that made them, for the record")
    arguments = parser.parse_args()
    unfinished = [str(run) for run in arguments.runs if not (run / "result.json").is_file()]
    if unfinished:
        sys.exit(f"error: no result.json in {', '.join(unfinished)}; let the runs finish first")
    results = [json.loads((run / "result.json").read_text()) for run in arguments.runs]
    text = section(arguments.command, results, [run.name for run in arguments.runs])
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write("\n" + text)
    print(text)


if __name__ == "__main__":
    main()
