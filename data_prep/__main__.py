# PYTHON_ARGCOMPLETE_OK
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
from data_prep.commands import check_stats, complete, make_parser, reading_settings
from data_prep.commands import sources as sources_of
from data_prep.fetching.fetch import fetch
from data_prep.fetching.package_client import FetchError
from data_prep.inspecting.lexicon_agreement import agreement_lines
from data_prep.inspecting.show_shards import Query, describe, in_colour, show_sentences, verify
from data_prep.inspecting.summary import summary_lines
from data_prep.passes.build import build
from data_prep.passes.check import check
from data_prep.passes.convert import STDOUT, Target, convert
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings, SettingsError
from data_prep.staging import OutputError
from data_prep.statistics.counts import WHOLE, stats_of_files, stats_of_shards
from data_prep.statistics.page import require_page, write_page
from data_prep.statistics.text import text_lines
from data_prep.synthesis.synth import SynthError, synthesise
from ner_dist.contract.shard_format import ShardError

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


def _num_bytes(sources: dict[str, Path], settings: Settings) -> int:
    paths = [*sources.values(), *map(Path, settings.vectors)]
    return sum(path.stat().st_size for path in paths if path.is_file())


def run_build(arguments: argparse.Namespace) -> int:
    begin_s = time.perf_counter()
    sources, settings, problems = sources_of(arguments), knobs.from_arguments(arguments), Problems()
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
    sources, settings = sources_of(arguments), knobs.from_arguments(arguments)
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
    query = Query(arguments.split, arguments.grep, arguments.type, arguments.context, arguments.limit)
    if query == Query(limit=arguments.limit):
        print("\n".join(describe(arguments.directory, index)))
        return 0
    lines, remarks = show_sentences(arguments.directory, index, query, in_colour(sys.stdout))
    print("\n".join(lines), flush=True)
    for remark in remarks:
        print(remark, file=sys.stderr)
    return 0


def run_convert(arguments: argparse.Namespace) -> int:
    settings, problems = reading_settings(arguments), Problems()
    target = Target(arguments.out, arguments.to, arguments.to_scheme, arguments.text)
    # A file is read for its tags, then for its sentences.
    unit = " tokens" if arguments.source.is_dir() else "B"
    with _bar(2 * _num_bytes({"": arguments.source}, settings) or None, unit, "convert") as reading:
        done = convert(arguments.source, target, settings, arguments.split, problems, reading)
    # The output itself may go to stdout.
    says = functools.partial(print, file=sys.stderr if arguments.out == STDOUT else sys.stdout)
    for line in problems.warning_lines:
        print(line, file=sys.stderr)
    says(f"{done.description}")
    says(
        f"{arguments.out}: {done.num_sentences:,} sentences, {done.num_tokens:,} tokens, {done.num_entities:,} entities"
    )
    return 0


def run_stats(arguments: argparse.Namespace) -> int:
    check_stats(arguments)
    if arguments.out is not None:
        # What is missing is told before anything is read.
        require_page(arguments.out)
    settings, problems = reading_settings(arguments), Problems()
    if arguments.source is not None and arguments.source.is_dir():
        with _bar(None, " tokens", "read") as reading:
            found = stats_of_shards(arguments.source, reading)
    else:
        sources = sources_of(arguments) or {WHOLE: arguments.source}
        with _bar(2 * _num_bytes(sources, settings), "B", "read") as reading:
            found = stats_of_files(sources, settings, problems, reading)
    for line in problems.warning_lines:
        print(line, file=sys.stderr)
    print("\n".join(text_lines(found)))
    if arguments.out is not None:
        write_page(arguments.out, found)
        print(f"\n{arguments.out}")
    return 0


def run_fetch(arguments: argparse.Namespace) -> int:
    # At once, also into a pipe: a download takes its time.
    fetch(arguments.names, arguments.out, functools.partial(print, flush=True))
    return 0


RUN = {
    "build": run_build,
    "check": run_check,
    "stats": run_stats,
    "convert": run_convert,
    "synth": run_synth,
    "fetch": run_fetch,
    "inspect": run_inspect,
}
_parser = make_parser


def _os_sentence(error: OSError, left_behind: str) -> str:
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT) or "No space left" in str(error):
        return f"the disk is full or a size limit is reached ({error}); {left_behind}"
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def main(arguments: list[str] | None = None) -> int:
    parser = make_parser()
    complete(parser)
    parsed = parser.parse_args(arguments)
    try:
        return RUN[parsed.command](parsed)
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
