# PYTHON_ARGCOMPLETE_OK
"""Score a finished or running training: python -m ner_dist.evaluate RUN --split test [--conll FILE] [--json FILE]."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from ner_dist.cli.shell_completion import complete
from ner_dist.model.entities import DecodedBatch
from ner_dist.ranks.rank_process import run_rank


def table(scores: dict[str, Any]) -> str:
    """The scores as text: a row a type, totals, other readings, and confusion between types."""
    entity = scores["entity"]
    width = max(12, *(len(name) for name in entity["per_type"]))
    lines = [f"{'':{width}}precision   recall       F1    gold  predicted  right"]

    def row(name: str, part: dict[str, Any]) -> None:
        numbers = "".join(f"  {100 * part[key]:7.2f}" for key in ("precision", "recall", "f1"))
        counts = f"  {part['gold']:6d}  {part['predicted']:9d} {part['right']:6d}" if "gold" in part else ""
        lines.append(f"{name:{width}}{numbers}{counts}")

    for name, part in entity["per_type"].items():
        row(name, part)
    lines.append("")
    row("micro", entity)
    row("macro", entity["macro"])
    row("boundaries", entity["boundaries"])
    row("overlap", entity["overlap"])
    row("token", scores["token"])
    row("token, BIO", scores["token"]["bio"])
    names = list(entity["confusion"])
    cell = max(7, *(len(name) for name in names)) + 1
    lines += ["", "gold (down) predicted (across) at the same span; - is no entity there"]
    lines.append(" " * width + "".join(f"{name:>{cell}}" for name in names))
    for name in names:
        counts = entity["confusion"][name]
        lines.append(f"{name:{width}}" + "".join(f"{counts.get(other, 0):{cell}d}" for other in names))
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m ner_dist.evaluate",
        description="Score a run's best checkpoint on a split, in one process or on every rank of horovodrun.",
        epilog="Example: horovodrun -np 2 python -m ner_dist.evaluate runs/default --split test --conll test.conll",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="directory of the run")
    parser.add_argument("--split", choices=("train", "dev", "test"), default="test", help="what to score (test)")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best", help="which parameters (best)")
    parser.add_argument("--shards", type=Path, help="where the run's shards lie now, if they have moved")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto", help="where to compute (auto)")
    parser.add_argument(
        "--conll", type=Path, metavar="FILE", help="write `token gold predicted` columns in BIO for another scorer"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write a JSON line a sentence: tokens, entities, their confidence"
    )
    parser.add_argument(
        "--n-best", type=int, default=0, metavar="N", help="with --json, also the N best readings of each sentence"
    )
    complete(parser)
    arguments = parser.parse_args(argv)
    if arguments.n_best < 0 or (arguments.n_best and not arguments.json):
        parser.error("--n-best takes a number of 0 or more, and needs --json FILE")

    run_rank(lambda comm: _evaluate(arguments, comm))


def _evaluate(arguments: argparse.Namespace, comm: Any) -> None:
    """Every rank: load the checkpoint, score its shards, and let rank 0 print and write."""
    from ner_dist.evaluation import score_split
    from ner_dist.evaluation.f1 import scores
    from ner_dist.evaluation.open_run import open_run
    from ner_dist.evaluation.prediction_files import ConllColumns, JsonLines, write
    from ner_dist.ranks import comm as exchange

    opened = open_run(arguments.run, arguments.checkpoint, arguments.split, arguments.shards, arguments.device, comm)
    saved, index = opened.saved, opened.index
    files: dict[Path, ConllColumns | JsonLines] = {}
    if arguments.conll:
        files[arguments.conll] = ConllColumns(index)
    if arguments.json:
        files[arguments.json] = JsonLines(index, arguments.n_best)

    def observe(predicted: DecodedBatch) -> None:
        for file in files.values():
            file.observe(predicted)

    counts = score_split.score_split(
        opened.tagger, opened.weight_VD, opened.sentences, saved.config, len(index.entity_types), comm, observe
    )
    for path, file in files.items():
        parts = comm.gather_objects(file.lines)
        exchange.on_rank_0(comm, partial(write, path, file, parts, opened.shards, arguments.split))
    if comm.rank == 0:
        print(f"{arguments.run} {arguments.split} ({arguments.checkpoint} checkpoint, epoch {saved.progress.epoch})")
        print(table(scores(counts, index.entity_types)))


if __name__ == "__main__":
    main()
