# PYTHON_ARGCOMPLETE_OK
"""Write a trained tagger for onnxruntime: python -m ner_dist.export RUN --onnx DIR [--checkpoint best|last]."""

from __future__ import annotations

import argparse
from pathlib import Path

from ner_dist.cli.shell_completion import complete
from ner_dist.ranks.rank_process import run_alone


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m ner_dist.export",
        description="Write a run's tagger as a directory that needs no MXNet: model.onnx, the network from ids to "
        "emissions; tagger.json, vocabularies, tags and transition scores; runner.py, which tags with these two, "
        "onnxruntime and numpy alone. It is compared with MXNet before it takes its place.",
        epilog="Example: python -m ner_dist.export runs/mine --onnx exports/mine; then ner_dist.predict exports/mine",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="directory of the run")
    parser.add_argument("--onnx", type=Path, metavar="DIR", required=True, help="where to write; an export is replaced")
    parser.add_argument(
        "--checkpoint", choices=("best", "last"), help="which parameters, also of a run that is not finished (best)"
    )
    parser.add_argument("--no-check", action="store_true", help="do not compare emissions with MXNet's")
    complete(parser)
    arguments = parser.parse_args(argv)
    run_alone(lambda: _export(arguments))


def _export(arguments: argparse.Namespace) -> None:
    # Imports MXNet, which must not happen before run_alone has set the threads.
    from ner_dist.exporting.write_export import export

    made = export(arguments.run, arguments.checkpoint, arguments.onnx, compared=not arguments.no_check)
    origin = made.origin
    score = "" if origin["dev_f1"] is None else f", dev entity F1 {100 * origin['dev_f1']:.2f}"
    print(
        f"{arguments.onnx}: {arguments.run} ({origin['checkpoint']} checkpoint, epoch {origin['epoch']}{score}), ",
        end="",
    )
    print(f"{made.num_bytes / 1e6:,.1f} MB")
    if made.difference is not None:
        emission, num_other_tags, num_tokens, sample = made.difference
        print(
            f"largest difference from MXNet's emissions {emission:.1e}, other tags {num_other_tags} of {num_tokens:,}, "
            f"on {sample}"
        )


if __name__ == "__main__":
    main()
