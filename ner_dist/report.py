# PYTHON_ARGCOMPLETE_OK
"""Report on models in one HTML file: python -m ner_dist.report MODEL [MODEL ...] [--gold FILE ...] [--out FILE]."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ner_dist.cli.options import make_parser, read_options
from ner_dist.cli.shell_completion import complete
from ner_dist.errors import UserError
from ner_dist.ranks.comm import Comm
from ner_dist.ranks.rank_process import run_rank
from ner_dist.reporting.report_options import ReportOptions
from ner_dist.stores.addresses import Address
from ner_dist.stores.local_copies import by_address
from ner_dist.stores.named_files import Place, require_writable, whole_text


def main(argv: list[str] | None = None) -> None:
    parser = make_parser(
        ReportOptions,
        "python -m ner_dist.report",
        usage="MODEL [MODEL ...] [--gold FILE ...] [--split test|dev|train] [options] [-- READING OPTIONS]",
        example="runs/conll2003-1 runs/conll2003-2 --gold news.conll --gold letters.jsonl --out seeds.html",
        first=("models", "gold", "split", "checkpoint", "curve", "out", "shards"),
    )
    complete(parser)
    words = list(sys.argv[1:] if argv is None else argv)
    own, reading = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    options = read_options(ReportOptions, parser.parse_args(own))
    if reading and not options.gold:
        parser.error("options after -- are about reading gold files; name them with --gold FILE")
    run_rank(lambda comm: _report(options, reading, comm))


def _report(options: ReportOptions, reading: Sequence[str], comm: Comm) -> None:
    if comm.num_ranks > 1:
        raise UserError("a report is made by one process; start it without horovodrun")
    # Checked first, because scoring takes long.
    if options.out:
        require_writable(options.out)
    page = options.out or _beside(options.models[0])
    # Imported late, so that --help needs neither MXNet nor Matplotlib.
    from ner_dist.reporting.gather import gather
    from ner_dist.reporting.report_page import render

    gathered = gather(options, reading)
    content = by_address(render(gathered))
    with whole_text(page) as file:
        file.write(content)
    for scored in gathered.sets:
        for model in scored.models:
            f1, characters = model.rows["entity"][0].f1, model.judged.scores.get("characters")
            over_characters = "" if characters is None else f", over characters {100 * characters['f1']:.2f}"
            print(
                f"{by_address(str(model.facts.path))} {scored.what.name} entity F1 {100 * f1.value:.2f} "
                f"(95 %: {100 * f1.low:.2f} to {100 * f1.high:.2f}){over_characters}"
            )
    print(f"{page}: {len(content.encode()) / 1e6:.1f} MB")


def _beside(model: Place) -> Path:
    """Where the page goes by default. Raises UserError for a model in a store."""
    from ner_dist.reporting.run_facts import place_of_page

    if isinstance(model, Address):
        raise UserError(
            f"{model} is in a store, where nothing is written beside models; name the page's place with --out"
        )
    return place_of_page(model)


if __name__ == "__main__":
    main()
