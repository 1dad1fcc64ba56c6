"""Train the rows of an ablation, each at several seeds, and record one table of their scores.

FILE is YAML: base (a job file), knobs (for all rows; may be absent) and rows, each with a name, its knobs on top of
those, and against: the name of the row it is compared with, if not the one before. What is through is not trained
again: repeat the command. The runs are in runs/ablations/FILE/ROW-seedK.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any, NamedTuple

from bench import command_line, record, sets
from ner_dist.errors import UserError

_EXAMPLE = "Example: python -m bench.ablation job/ablations/synthetic.yaml --seeds 3 --parallel 2"
_SHAPE = "expected base: a job file, and rows: a list of {name: ..., knobs: {section.knob: value}}"


class Row(NamedTuple):
    name: str
    # The row that it is compared with; None for the first.
    against: str | None
    seeds: sets.SeedSet


def read(path: Path, more: list[str], seeds: range) -> list[Row]:
    """The rows of an ablation file, with knobs from the command line in all of them.

    Raises UserError for a file that is not one, and for a row's knobs that are wrong.
    """
    content = command_line.read_yaml(path, {"base", "knobs", "rows"})
    rows = content.get("rows")
    if not isinstance(content.get("base"), str) or not isinstance(rows, list) or not rows:
        raise UserError(f"{path}: no ablation, {_SHAPE}")
    found: list[Row] = []
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("name"), str) or set(row) - {"name", "knobs", "against"}:
            raise UserError(f"{path}: {row} is no row, {_SHAPE}")
        try:
            knobs = {**command_line.mapping(content, "knobs"), **command_line.mapping(row, "knobs")}
            found.append(_row(row, found, path, Path(content["base"]), [*sets.words(knobs), *more], seeds))
        except UserError as error:
            raise UserError(f"{path}: row {row['name']!r}: {error}") from error
    return found


def _row(row: dict[str, Any], above: list[Row], path: Path, job: Path, knobs: list[str], seeds: range) -> Row:
    against = row.get("against", above[-1].name if above else None)
    if against is not None and against not in [other.name for other in above]:
        raise UserError(f"against is {against!r}, expected the name of a row above it")
    # Names of files: "+ CNN" becomes cnn.
    name = re.sub(r"[^a-z0-9.]+", "-", row["name"].lower()).strip("-.")
    if not name or name in [other.seeds.name for other in above]:
        raise UserError("its name needs letters or digits that differ from the other rows'")
    return Row(row["name"], against, sets.seed_set(job, knobs, seeds, Path("runs") / "ablations" / path.stem, name))


def record_of(path: Path, rows: list[Row], command: str) -> dict[str, Any]:
    """The record of an ablation whose runs are all through: the summary of a set for each row."""
    found = [{"name": row.name, "against": row.against, **record.summary(row.seeds)} for row in rows]
    return {
        "kind": "ablation",
        "job": path.stem,
        **record.origin([row.seeds for row in rows], command),
        "shards": found[0]["shards"],
        "num_ranks": sorted({ranks for row in found for ranks in row["num_ranks"]}),
        "rows": found,
    }


def section(found: dict[str, Any]) -> str:
    """The Markdown of an ablation: a row each, and what it gains on the one it is compared with, in points of F1."""
    rows = found["rows"]
    splits = [split for split in ("dev", "test") if all(f"{split}.entity.f1" in row["mean"] for row in rows)]
    titles = " | ".join(f"{split} entity F1 | gain" for split in splits)
    lines = [
        *record.heading(found, rows),
        "",
        f"| {found['job']} | {titles} |",
        "|" + "---|" * (1 + 2 * len(splits)),
    ]
    by_name = {row["name"]: row for row in rows}
    before = None
    for row in rows:
        cells = [row["name"] + (f" (against {row['against']})" if row["against"] != before else "")]
        for name in (f"{split}.entity.f1" for split in splits):
            cells.append(record.spread(row, name))
            other = by_name.get(row["against"])
            cells.append(f"{100 * (row['mean'][name] - other['mean'][name]):+.2f}" if other else "")
        lines.append(f"| {' | '.join(cells)} |")
        before = row["name"]
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    own, knobs = command_line.split(argv)
    parser = command_line.parser("bench.ablation", __doc__, _EXAMPLE)
    command_line.add_seeds(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="the ablation; knobs after -- are added to all rows")
    given = parser.parse_args(own)
    with command_line.one_sentence():
        rows = read(given.file, knobs, command_line.seeds(given))
        sets.train([row.seeds for row in rows], command_line.layout(given))
        command = given.command or shlex.join(["python", "-m", "bench.ablation", *argv])
        found = record_of(given.file, rows, command)
        text = section(found)
        print(f"\n{text}", flush=True)
        if not given.no_record:
            record.keep(given.results, found, text)


if __name__ == "__main__":
    main()
