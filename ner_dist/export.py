# PYTHON_ARGCOMPLETE_OK
"""Write a run's tagger for onnxruntime: python -m ner_dist.export RUN --onnx DIR [--checkpoint best|last]."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal, Optional

from ner_dist.cli.options import make_parser, option, read_options
from ner_dist.cli.shell_completion import complete
from ner_dist.ranks.rank_process import run_alone


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """Write a run's tagger as a directory that tags without MXNet.

    It holds model.onnx, the network from ids to emissions; tagger.json, vocabularies, tags and transition scores; and
    runner.py, which tags with these two, onnxruntime and numpy alone. The network is compared with MXNet's before the
    directory takes its place.
    """

    run: Path = option(positional=True, metavar="RUN")
    """directory of the run"""
    onnx: Path = option(metavar="DIR")
    """where to write; an export that is there is replaced"""
    checkpoint: Optional[Literal["best", "last"]] = None
    """which parameters to export; if given, also those of an unfinished run; best if not"""
    name: Optional[str] = option(None, metavar="NAME")
    """name of the model, which a service and the model's card show; DIR's name if not given"""
    version: Optional[str] = option(None, metavar="V")
    """its version; the time of the export if not given"""
    no_check: bool = False
    """do not compare emissions with MXNet's"""


def main(argv: list[str] | None = None) -> None:
    parser = make_parser(
        ExportOptions,
        "python -m ner_dist.export",
        usage="RUN --onnx DIR [--name NAME] [--version V] [--checkpoint best|last] [--no-check]",
        first=("run", "onnx"),
        example="runs/mine --onnx exports/mine\n  python -m ner_dist.predict exports/mine article.txt",
    )
    complete(parser)
    options = read_options(ExportOptions, parser.parse_args(argv))
    run_alone(lambda: _export(options))


def _export(options: ExportOptions) -> None:
    # Only now: it imports MXNet, and run_alone sets the number of threads before.
    from ner_dist.exporting.write_export import export

    origin, num_bytes, difference = export(
        options.run, options.checkpoint, options.onnx, not options.no_check, options.name, options.version
    )
    score = "" if origin["dev_f1"] is None else f", dev entity F1 {100 * origin['dev_f1']:.2f}"
    print(
        f"{options.onnx}: {options.run} ({origin['checkpoint']} checkpoint, epoch {origin['epoch']}{score}), "
        f"{num_bytes / 1e6:,.1f} MB, called {origin['name']}@{origin['version']}"
    )
    if difference is not None:
        print(
            f"largest difference from MXNet's emissions {difference.emission:.1e}, other tags "
            f"{difference.num_other_tags} of {difference.num_tokens:,}, on {difference.sample}"
        )


if __name__ == "__main__":
    main()
