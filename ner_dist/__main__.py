# PYTHON_ARGCOMPLETE_OK
"""The front door, `ner-dist COMMAND ...` or `python -m ner_dist COMMAND ...`: runs the module of each command."""

from __future__ import annotations

import argparse
import difflib
import os
import runpy
import sys
from typing import NamedTuple, NoReturn

from ner_dist import __version__
from ner_dist.cli.shell_completion import complete


class Command(NamedTuple):
    # What `python -m` would run. A name, not an import: only the command that is asked for is loaded.
    module: str
    summary: str


COMMANDS = {
    "prep": Command("data_prep", "corpus -> shards: build, check, stats, convert, inspect, synth, fetch"),
    "train": Command("ner_dist.train", "shards -> a trained tagger in a run's directory, on this process or its rank"),
    "evaluate": Command("ner_dist.evaluate", "score a run or an export on its shards, or on any annotated files"),
    "predict": Command("ner_dist.predict", "tag text or tokens with a run or an export"),
    "suggest": Command("ner_dist.suggesting", "which texts of a pool to label next, for an annotation tool"),
    "export": Command("ner_dist.export", "run -> ONNX, which tags without MXNet"),
    "serve": Command("ner_dist.serve", "tag over HTTP with an export or a run"),
    "report": Command("ner_dist.report", "models -> one HTML page: scores, their intervals, and mistakes"),
    "launch": Command("launch", "train on several ranks (here, ssh, SLURM, Kubernetes); doctor; roll a service out"),
}

_MAP = f"""usage: ner-dist COMMAND [options]

Trains named-entity taggers on any number of Horovod ranks, and tags, exports and serves with them.

{{commands}}

ner-dist COMMAND --help explains each; ner-dist --version prints {__version__}. From a corpus to a service:

  ner-dist prep build --train my.train --dev my.dev --test my.test --out data/mine
  ner-dist launch local --np 2 -- --data.shards data/mine --run runs/mine
  ner-dist evaluate runs/mine --split test
  ner-dist export runs/mine --onnx exports/mine
  ner-dist serve exports/mine"""


def main() -> None:
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    name, arguments = sys.argv[1] if len(sys.argv) > 1 else "--help", sys.argv[2:]
    if name in ("-h", "--help"):
        print(_MAP.format(commands="\n".join(f"  {name:9} {command.summary}" for name, command in COMMANDS.items())))
    elif name == "--version":
        print(f"ner-dist {__version__}")
    elif name in COMMANDS:
        _run(name, arguments)
    else:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(COMMANDS)}"
        print(f"error: there is no command {name!r}; {hint}", file=sys.stderr)
        sys.exit(2)


def _run(name: str, arguments: list[str]) -> NoReturn:
    module = COMMANDS[name].module
    sys.argv = [module, *arguments]
    # As `python -m` does, which the commands that start other processes rely on.
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit(0)


def _complete() -> None:
    """Answer the shell: with the commands, or with what the chosen command completes."""
    words = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0"))].split(" ")
    # Where the shell says that the arguments begin, behind `ner-dist` or `python -m ner_dist`.
    first = int(os.environ["_ARGCOMPLETE"])
    name = words[first] if len(words) > first + 1 else ""
    if name in COMMANDS:
        os.environ["_ARGCOMPLETE"] = str(first + 1)
        _run(name, [])
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=COMMANDS)
    complete(parser)


if __name__ == "__main__":
    main()
