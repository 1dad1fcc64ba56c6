# PYTHON_ARGCOMPLETE_OK
"""Tell of runs in one HTML file: python -m ner_dist.report RUN [RUN ...] [--split test|dev] [--out FILE]."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ner_dist.atomic_file import whole_file
from ner_dist.cli.shell_completion import complete
from ner_dist.errors import UserError
from ner_dist.ranks.rank_process import run_rank


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m ner_dist.report",
        description="Write what a run scores, how sure that is, and where it errs, into one HTML file that needs no "
        "other. Several runs of the same shards are compared.",
        epilog="Example: python -m ner_dist.report runs/conll2003-1 runs/conll2003-2 --out seeds.html",
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="directory of a run")
    parser.add_argument("--split", choices=("dev", "test"), default="test", help="what to score (test)")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best", help="which parameters (best)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write (report.html in the first RUN)")
    parser.add_argument("--shards", type=Path, help="where the runs' shards lie now, if they have moved")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto", help="where to compute (auto)")
    parser.add_argument("--samples", type=int, default=1000, metavar="N", help="draws of the bootstrap (1000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the bootstrap's draws (1)")
    complete(parser)
    arguments = parser.parse_args(argv)
    if arguments.samples < 1 or arguments.seed < 0:
        parser.error("--samples takes a number of 1 or more, and --seed one of 0 or more")

    run_rank(lambda comm: _report(arguments, comm))


def require_extra() -> None:
    """Raises UserError if what draws and writes the page is not installed."""
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"a report needs {error.name or 'matplotlib and jinja2'}, which is not installed; "
            "pip install -e '.[report]'"
        ) from error


def _report(arguments: argparse.Namespace, comm: Any) -> None:
    require_extra()
    if comm.num_ranks > 1:
        raise UserError("a report is made by one process; start it without horovodrun")
    from ner_dist.reporting.gather import Wanted, gather
    from ner_dist.reporting.page import render

    wanted = Wanted(
        arguments.runs,
        arguments.split,
        arguments.checkpoint,
        arguments.shards,
        arguments.device,
        arguments.samples,
        arguments.seed,
    )
    out = arguments.out or arguments.runs[0] / "report.html"
    if arguments.out and not out.parent.is_dir():
        # Better now than after the work.
        raise UserError(f"{out} could not be written ({out.parent} is no directory)")
    gathered = gather(wanted)
    with whole_file(out) as file:
        file.write(render(gathered))
    for run in gathered.runs:
        f1 = run.rows["entity"][0].f1
        print(
            f"{run.facts.path} {arguments.split} entity F1 {100 * f1.value:.2f} "
            f"(95 % of the draws: {100 * f1.low:.2f} to {100 * f1.high:.2f})"
        )
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
