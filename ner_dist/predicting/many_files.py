"""All files of a folder, a pattern or a bucket's prefix, tagged by the workers of an engine, each to its own output.

What is finished is noted in a work folder, so that the same command goes on after an interrupt or an error. The folder
is removed when all is done.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ner_dist.cli.progress_bar import progress_bar
from ner_dist.engines.choose_engine import open_executor
from ner_dist.engines.work_folder import remove, work_folder
from ner_dist.errors import UserError
from ner_dist.predicting import summary
from ner_dist.predicting.command_identity import command_of
from ner_dist.predicting.input_files import find_files
from ner_dist.predicting.options import PredictOptions
from ner_dist.predicting.output_places import output_places
from ner_dist.predicting.tag_file import (
    UNFINISHED,
    FileResult,
    FileTask,
    any_finished,
    finished_before,
    forget_tagger,
    tag_file,
)
from ner_dist.ranks.comm import Comm
from ner_dist.ranks.stop_signals import at_leisure
from ner_dist.stores.addresses import Address
from ner_dist.stores.cache_room import cache_folder
from ner_dist.stores.facts import list_facts
from ner_dist.stores.named_files import Place

# Of the work folder's name.
_NAME = "tagging"
KEPT = "the outputs that are finished are kept, and the same command goes on from there"


def predict_many(options: PredictOptions, place: Place, comm: Comm) -> None:
    """Raises UserError, of several files that have errors the first one's, and EngineError if the engine fails."""
    if comm.num_ranks > 1:
        raise UserError(
            f"several ranks can share one FILE, and {place} stands for many; start one process, with --workers N"
        )
    if options.out is None:
        raise UserError(f"{place} stands for many files, so --out must name the folder for their outputs")
    began_s = time.perf_counter()
    named = find_files(place)
    outputs = output_places(options.out, place, named, options.format_name)
    with at_leisure(), _work(options.out, command := command_of(options)) as work:
        tasks = [FileTask(file, out, options, command, str(work)) for file, out in zip(named.files, outputs)]
        before = _done_before(tasks, options.out)
        results = _tag(options, tasks, before, work)
    _summarise(results, before, time.perf_counter() - began_s)


@contextmanager
def _work(out: Place, command: str) -> Iterator[Path]:
    """The folder for what is finished and for what is not. It is in the folder of the outputs, so on the same disk."""
    if isinstance(out, Address):
        beside = cache_folder() / "unpublished" / hashlib.sha256(str(out).encode()).hexdigest()[:16]
        is_new = False
    else:
        beside, is_new = out, not out.exists()
        _make(out)
    taken = f"another process tags into {out} by the same command; wait for it, or end it"
    try:
        with work_folder(beside.resolve() / _NAME, command, taken) as work:
            (work / UNFINISHED).mkdir(exist_ok=True)
            is_done = False
            try:
                yield work
                is_done = True
            except KeyboardInterrupt:
                raise KeyboardInterrupt(KEPT) from None
            finally:
                # No worker is left that could write to it.
                shutil.rmtree(work / UNFINISHED, ignore_errors=True)
                if is_done or not any_finished(work):
                    remove(work)
    finally:
        if is_new:
            # Unless outputs are in it.
            with contextlib.suppress(OSError):
                beside.rmdir()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder}: the folder cannot be made ({error.strerror or error})") from error


def _done_before(tasks: Sequence[FileTask], out: Place) -> dict[int, FileResult]:
    """By the task's number, those whose outputs are still there as they were written."""
    found = {number: result for number, task in enumerate(tasks) if (result := finished_before(task)) is not None}
    if not found:
        return {}
    in_store = {str(out / name): facts.num_bytes for name, facts in list_facts(out)} if isinstance(out, Address) else {}

    def is_there(output: Place, result: FileResult) -> bool:
        if isinstance(output, Address):
            return in_store.get(str(output)) == result.num_bytes
        with contextlib.suppress(OSError):
            stat = output.stat()
            return (stat.st_size, stat.st_mtime_ns) == (result.num_bytes, result.modified_ns)
        return False

    return {number: result for number, result in found.items() if is_there(tasks[number].out, result)}


def _tag(
    options: PredictOptions, tasks: Sequence[FileTask], before: dict[int, FileResult], work: Path
) -> list[FileResult]:
    """Of all files, in their order."""
    waiting = [number for number in range(len(tasks)) if number not in before]
    if not waiting:
        return [before[number] for number in range(len(tasks))]
    total = sum(task.file.num_bytes for task in tasks)
    choice = options.engine_choice._replace(workers=min(options.workers, len(waiting)))
    try:
        with progress_bar(total, "B", "tag") as advance, open_executor(choice, work) as executor:
            advance(sum(tasks[number].file.num_bytes for number in before))
            # A stage of its own each time: what is finished is noted by file, and outputs may have gone since.
            stage = f"tag-{secrets.token_hex(4)}"
            done = executor.run(stage, tag_file, [tasks[number] for number in waiting], advance)
    finally:
        forget_tagger()
    found = {**before, **dict(zip(waiting, done))}
    return [found[number] for number in range(len(tasks))]


def _summarise(results: Sequence[FileResult], before: dict[int, FileResult], seconds: float) -> None:
    total: Counter[str] = Counter()
    for result in results:
        total += result.counts
    for warning in dict.fromkeys(warning for result in results for warning in result.warnings):
        print(warning, file=sys.stderr)
    now = total["tokens"] - sum(result.counts["tokens"] for result in before.values())
    went_on = f", {len(before):,} of them before" if before else ""
    took = summary.speed(now, seconds)
    summary.say(f"{len(results):,} files{went_on}, {summary.counted(total)} in {took}", total, results[0].tokenizer)
