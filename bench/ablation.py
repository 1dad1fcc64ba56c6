"""Train the rows of an ablation, each at several seeds, and record one table: python -m bench.ablation FILE."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, NamedTuple

from bench import command_line, record, seed_sets
from bench.seed_sets import SeedsOptions
from ner_dist.cli.options import nested, option
from ner_dist.errors import UserError

_EXAMPLE = "job/ablations/synthetic.yaml --seeds 3 --parallel 2 -- --train.epochs 20"
_FIRST = ("file", "seeds.seeds", "seeds.np", "seeds.parallel")
_SHAPE = "expected base: a job file, and rows: a list of {name: ..., knobs: {section.knob: value}}"


@dataclasses.dataclass(frozen=True)
class AblationOptions:
    """Train the rows of an ablation, each at several seeds, and record one table of their scores.

    FILE is YAML: base (a job file), knobs (of all rows, optional) and rows, each with a name, knobs that override
    those, and optionally against: the name of the row it is compared with (default the one before). Complete runs are
    not trained again, and interrupted ones continue: repeat the command. The runs are runs/ablations/FILE/ROW-seedK.
    """

    file: Path = option(positional=True, metavar="FILE")
    """the ablation; knobs after -- are added to all rows"""
    seeds: SeedsOptions = nested(SeedsOptions)


class AblationRow(NamedTuple):
    name: str
    # The row that it is compared with; None for the first.
    against: str | None
    seeds: seed_sets.SeedSet


def read_ablation(path: Path, more: list[str], seeds: range) -> list[AblationRow]:
    """The rows of an ablation file; `more`: knobs of all rows, as words of a command line.

    Raises UserError if the file is no ablation, or if a row's knobs are wrong.
    """
    content = command_line.read_yaml(path, {"base", "knobs", "rows"})
    rows = content.get("rows")
    if not isinstance(content.get("base"), str) or not isinstance(rows, list) or not rows:
        raise UserError(f"{path}: no ablation, {_SHAPE}")
    found: list[AblationRow] = []
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("name"), str) or set(row) - {"name", "knobs", "against"}:
            raise UserError(f"{path}: {row} is no row, {_SHAPE}")
        # For file names: "+ CNN" becomes cnn.
        name = re.sub(r"[^a-z0-9.]+", "-", row["name"].lower()).strip("-.")
        against = row.get("against", found[-1].name if found else None)
        try:
            knobs = {**command_line.knobs_in(content, "knobs"), **command_line.knobs_in(row, "knobs")}
            if against is not None and against not in [above.name for above in found]:
                raise UserError(f"against is {against!r}, expected the name of a row above it")
            if not name or name in [above.seeds.name for above in found]:
                raise UserError("its name needs letters or digits that differ from the other rows'")
            arguments = [*seed_sets.as_arguments(knobs), *more]
            made = seed_sets.seed_set(Path(content["base"]), arguments, seeds, Path("runs/ablations") / path.stem, name)
        except UserError as error:
            raise UserError(f"{path}: row {row['name']!r}: {error}") from error
        found.append(AblationRow(row["name"], against, made))
    return found


def ablation_section(found: dict[str, Any]) -> str:
    """The Markdown of an ablation: a line for each row, with its gain in F1 points over the one it is compared with."""
    rows = found["rows"]
    splits = [split for split in ("dev", "test") if all(f"{split}.entity.f1" in row["mean"] for row in rows)]
    by_name = {row["name"]: row for row in rows}
    before, cells = None, []
    for row in rows:
        cells.append([row["name"] + (f" (against {row['against']})" if row["against"] != before else "")])
        for score in (f"{split}.entity.f1" for split in splits):
            other = by_name.get(row["against"])
            gain = f"{100 * (row['mean'][score] - other['mean'][score]):+.2f}" if other else ""
            cells[-1] += [record.spread(row, score), gain]
        before = row["name"]
    titles = [found["job"], *(title for split in splits for title in (f"{split} entity F1", "gain"))]
    return "\n".join([*record.heading(found, rows), *record.markdown_table(titles, cells)]) + "\n"


def main(argv: list[str] | None = None) -> None:
    options, knobs, command = command_line.parse(AblationOptions, "bench.ablation", argv, _EXAMPLE, _FIRST)
    with command_line.one_sentence():
        rows = read_ablation(options.file, knobs, options.seeds.seed_range)
        seed_sets.train([row.seeds for row in rows], options.seeds)
        summaries = [{"name": row.name, "against": row.against, **record.summary(row.seeds)} for row in rows]
        found = {
            "kind": "ablation",
            "job": options.file.stem,
            **record.origin([row.seeds for row in rows], options.seeds.command or command),
            "shards": summaries[0]["shards"],
            "num_ranks": sorted({ranks for row in summaries for ranks in row["num_ranks"]}),
            "rows": summaries,
        }
        record.finish(found, ablation_section(found), options.seeds)


if __name__ == "__main__":
    main()
