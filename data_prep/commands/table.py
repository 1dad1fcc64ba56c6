"""The commands of data_prep, a row for each: COMMANDS; and their command line."""

from __future__ import annotations

import argparse
import inspect
from typing import NamedTuple

from data_prep.commands.build import BuildCommand
from data_prep.commands.check import CheckCommand
from data_prep.commands.convert import ConvertCommand
from data_prep.commands.fetch import FetchCommand
from data_prep.commands.inspect import InspectCommand
from data_prep.commands.stats import StatsCommand
from data_prep.commands.synth import SynthCommand
from data_prep.fetching.fetch import PACKAGES_NAME
from ner_dist.cli.options import make_parser

PROG = "python -m data_prep"
UNTOUCHED = "nothing was left behind, older files are untouched"


class CommandRow(NamedTuple):
    """A command, and how its help begins."""

    # A dataclass: its fields are the options, its docstring is the description, its method `run` returns the exit code.
    kind: type
    usage: str
    example: str
    # The options that come first in a long help, by field.
    first: tuple[str, ...] = ()
    # Said when the command is interrupted.
    left_behind: str = UNTOUCHED


FILES = ("files.train", "files.dev", "files.test")
# To add a command, add a row.
COMMANDS = {
    "build": CommandRow(
        BuildCommand,
        "--train FILE ... [--dev FILE ...] [--test FILE ...] [--like MODEL] --out DIR [OPTION ...]",
        "--train eng.train --dev eng.testa --test eng.testb --out shards/conll2003",
        (*FILES, "out", "like", "settings.num_shards"),
    ),
    "check": CommandRow(
        CheckCommand,
        "--train FILE ... [--dev FILE ...] [--test FILE ...] [OPTION ...]",
        "--train corpus.conll --dev dev.conll",
        (*FILES, "findings.name", "json", "suspects", "settings.format", "settings.tag_column"),
    ),
    "stats": CommandRow(
        StatsCommand,
        "(FILE_OR_SHARDS | --train FILE ... [--dev FILE ...] [--test FILE ...]) [--out HTML] [OPTION ...]",
        "--train corpus.conll --dev dev.conll --out stats.html",
        ("source", *FILES, "out"),
    ),
    "convert": CommandRow(
        ConvertCommand,
        "IN OUT [OPTION ...]",
        "ner_dataset.csv.zip gmb.conll.gz --scheme bioes",
        ("source", "out", "to", "scheme", "split"),
    ),
    "synth": CommandRow(
        SynthCommand,
        "--sentences N --out DIR [--seed N]",
        "--sentences 20000 --seed 1 --out corpora/synth",
    ),
    "fetch": CommandRow(
        FetchCommand,
        "NAME ... [--out DIR]",
        "conll2003 glove-6b-50d lexicon",
        left_behind=f"complete downloads are kept in DIR/{PACKAGES_NAME} for the next run, nothing else",
    ),
    "inspect": CommandRow(
        InspectCommand,
        "DIR [OPTION ...]",
        "shards/conll2003 --split dev --grep Washington --limit 5",
        ("directory", "query.split", "query.grep", "query.type", "query.limit"),
    ),
}


def command_line() -> argparse.ArgumentParser:
    """The parser of all commands; its result names one of COMMANDS as `command`."""
    parser = argparse.ArgumentParser(
        prog=PROG,
        description="Tagged text -> length-bucketed Parquet shards for ner_dist.",
        epilog="\n".join(["examples:", *(f"  {PROG} {name} {row.example}" for name, row in COMMANDS.items())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(required=True, title="commands", metavar="COMMAND", dest="command")
    for name, row in COMMANDS.items():
        summary = (inspect.getdoc(row.kind) or "").partition("\n")[0]
        into = subparsers.add_parser(name, help=summary)
        make_parser(row.kind, f"{PROG} {name}", usage=row.usage, example=row.example, first=row.first, into=into)
    return parser
