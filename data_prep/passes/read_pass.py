"""First pass: corpus files -> ids of distinct strings on disk, and hashes of all sentences and documents.

Parts of the corpus are read by themselves, with a guess of what each takes over from the files before it: which token
features there are, and how texts are cut. The parts after a wrong guess are read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_prep.cutting.cutter import Cutter
from data_prep.engines.executor import Executor
from data_prep.passes.id_corpus import IdCorpus, ReadSource
from data_prep.passes.like_settings import tokenizer_like
from data_prep.passes.merge_parts import merge_parts
from data_prep.passes.origin_file import Origins
from data_prep.passes.pieces import Numbered, cut_sources, join, must_be_whole, with_whole
from data_prep.passes.read_part import ReadResult, ReadState, ReadTask, first_look, read_part
from data_prep.passes.recorded_problems import listener
from data_prep.passes.tag_collector import describe_schemes
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.sources.source_files import Sources
from data_prep.sources.stored_files import stored_bytes
from data_prep.sources.text_source import Progress
from ner_dist.contract.like_model import Like

# Parts for each of several workers: one that has small ones must not wait for one that has large ones.
PARTS_PER_WORKER = 3


def read_sources(
    sources: Sources,
    settings: Settings,
    spill: Path,
    problems: Problems,
    executor: Executor,
    progress: Progress | None = None,
    like: Like | None = None,
) -> IdCorpus:
    """Read all sources, each of a split, into files in the folder `spill`; invalid lines go to `problems`.

    like: the model whose tokenizer and entity types apply. Raises CorpusError if a whole file is unreadable.
    """
    given = ReadState(None, None if like is None else tokenizer_like(settings, like))
    numbered = [(number, split, file) for number, (split, file) in enumerate(sources)]
    pieces = cut_sources(numbered, settings, executor)
    bounds = _bounds([(split, file) for _, split, file in pieces], executor.num_workers)
    results = _read_parts(_tasks(pieces, settings, spill, problems, given, bounds), executor, progress)
    if whole := must_be_whole(pieces, results):
        pieces = with_whole(pieces, whole)
        bounds = _bounds([(split, file) for _, split, file in pieces], executor.num_workers)
        results = _read_parts(_tasks(pieces, settings, spill, problems, given, bounds), executor, None, "read-whole")
    merged = merge_parts(results)
    if len(results) > 1 and merged.most_distinct > settings.max_distinct:
        # Only one after another do the files tell which of them has one string too many.
        tasks = _tasks(numbered, settings, spill, problems, given, [0, len(sources)])
        results = _read_parts(tasks, executor, None, "read-as-one")
        merged = merge_parts(results)
    read = _tell(results, problems)
    names, splits = [str(file) for _, file in sources], [split for split, _ in sources]
    known = () if like is None else like.vocabularies.entity_types
    found = merged.tags.choose_schemes(names, settings, "--scheme", problems, not problems.num_errors, splits, known)
    if not merged.tags.entity_types and not problems.num_errors:
        what = "no entities at all: every tag is O; is this the column of the tags?"
        problems.error(names[0], what, "no_entities")
    return IdCorpus(
        merged.parts,
        Origins((result.part.origin_path, result.num_origin_bytes) for result in results),
        read,
        merged.token_V,
        merged.features,
        merged.tags.entity_types,
        found,
        describe_schemes(names, found),
        sum(result.num_documents for result in results),
        any(result.any_long for result in results),
        _cutter(results, settings, given),
    )


def _bounds(sources: Sources, num_workers: int) -> list[int]:
    """Where each part begins in the list of sources, and its end; several workers get parts of about equal sizes."""
    if num_workers == 1:
        return [0, len(sources)]
    num_parts, end_S = PARTS_PER_WORKER * num_workers, np.cumsum([stored_bytes(file) for _, file in sources])
    cuts = np.searchsorted(end_S, end_S[-1] * np.arange(1, num_parts) / num_parts) + 1
    return sorted({0, *np.minimum(cuts, len(sources)).tolist(), len(sources)})


def _tasks(
    numbered: list[Numbered],
    settings: Settings,
    spill: Path,
    problems: Problems,
    given: ReadState,
    bounds: Sequence[int],
) -> list[ReadTask]:
    heard_by = listener(problems)
    return [
        ReadTask(settings, heard_by, numbered[begin:end], given, spill / f"read-{begin}")
        for begin, end in zip(bounds, bounds[1:])
    ]


def _read_parts(
    tasks: list[ReadTask], executor: Executor, progress: Progress | None, stage: str = "read"
) -> list[ReadResult]:
    """All parts, up to the first one with a file that cannot be read, as one after another they would be."""
    state = guess = tasks[0].before
    if len(tasks) > 1:
        guess = first_look(tasks[0].sources[0][2], tasks[0].settings, state)
    found: list[ReadResult] = []
    while len(found) < len(tasks):
        first, round_path = len(found), f"{stage}-{len(found)}"
        coming = [
            task._replace(
                before=state if number == first else guess,
                path=task.path.with_name(f"{round_path}-{number}"),
            )
            for number, task in enumerate(tasks[first:], first)
        ]
        for task, result in zip(coming, executor.run(round_path, read_part, coming, None if first else progress)):
            if not _fits(task.before, state, result):
                break
            found.append(result)
            state = ReadState(result.after.features, result.after.tokenizer if result.cut_texts else state.tokenizer)
            if result.sources[-1].failure is not None:
                return found
        guess = state
    return found


def _fits(guess: ReadState, state: ReadState, result: ReadResult) -> bool:
    """Whether a part that was read with a guess is as it would be after this state."""
    if guess.features != state.features:
        return False
    if not result.cut_texts or result.after.tokenizer == state.tokenizer:
        return True
    return guess.tokenizer is None and state.tokenizer is None


def _tell(results: Sequence[ReadResult], problems: Problems) -> list[ReadSource]:
    """The sources, once it was told what is wrong with them. Raises the failure of one that cannot be read."""
    read: list[ReadSource] = []
    for source, told, failure in (one for result in results for one in result.sources):
        told.tell(problems)
        if failure is not None:
            raise failure
        assert source is not None
        if source.file.piece is not None and source.file.piece.begin:
            source = join(read.pop(), source)
        elif not source.num_sentences and source.file.piece is None and not problems.num_errors:
            problems.error(str(source.file), "the file holds no sentences", "no_sentences")
        read.append(source._replace(file=source.file.whole))
    return read


def _cutter(results: Sequence[ReadResult], settings: Settings, given: ReadState) -> Cutter:
    cutter = Cutter(settings.tokenizer, settings.language, given.tokenizer)
    used = next((result.after.tokenizer for result in results if result.cut_texts), None)
    cutter.take_over(used, any(result.made_tokens for result in results))
    return cutter
