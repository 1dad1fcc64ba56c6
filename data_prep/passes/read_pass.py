"""First pass: corpus files -> ids of distinct strings on disk, and hashes of all sentences and documents.

Parts of the corpus are read by themselves, with a guess of what each takes over from the files before it: which token
features there are, and how texts are cut. The parts after a wrong guess are read again.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from data_prep.cutting.cutter import Cutter
from data_prep.passes.few_runs import num_distinct_tokens
from data_prep.passes.id_corpus import IdCorpus, ReadSource
from data_prep.passes.like_settings import tokenizer_like
from data_prep.passes.merge_parts import MergedParts, merge_parts
from data_prep.passes.origin_file import Origins
from data_prep.passes.plan_parts import plan_parts
from data_prep.passes.read_part import NumberedFile, ReadResult, ReadState, ReadTask, first_look, read_part
from data_prep.passes.recorded_problems import listener
from data_prep.passes.tag_collector import describe_schemes
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.sources.source_files import Sources
from data_prep.sources.text_source import Progress
from ner_dist.contract.like_model import Like
from ner_dist.engines.executor import Executor


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
    parts = plan_parts(sources, settings.read_options, executor, ())
    results = _read_parts(_tasks(parts, settings, spill, problems, given), executor, progress)
    stay_whole: set[int] = set()
    # A failure may have hidden what is odd about the files after it.
    while odd := _must_stay_whole(results):
        stay_whole |= odd
        parts = plan_parts(sources, settings.read_options, executor, stay_whole)
        stage = f"read-whole-{len(stay_whole)}"
        results = _read_parts(_tasks(parts, settings, spill, problems, given), executor, None, stage)
    merged = merge_parts(results)
    if _has_too_many(merged, settings.max_distinct, spill, executor):
        # Only one after another do the files tell which of them has one string too many.
        parts = [[NumberedFile(number, split, file) for number, (split, file) in enumerate(sources)]]
        results = _read_parts(_tasks(parts, settings, spill, problems, given), executor, None, "read-as-one")
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
        merged.features,
        merged.tags.entity_types,
        found,
        describe_schemes(names, found),
        merged.num_documents,
        merged.any_long,
        _cutter(results, settings, given),
    )


def _has_too_many(merged: MergedParts, max_distinct: int, spill: Path, executor: Executor) -> bool:
    """Whether all parts together have more different strings of a kind; each by itself has not."""
    if len(merged.parts) == 1:
        return False
    if merged.most_distinct > max_distinct:
        return True
    # They are counted only if it is possible at all.
    most_tokens = sum(part.num_tokens for part in merged.parts)
    return most_tokens > max_distinct and num_distinct_tokens(merged.parts, spill, executor) > max_distinct


def _tasks(
    parts: Sequence[Sequence[NumberedFile]], settings: Settings, spill: Path, problems: Problems, given: ReadState
) -> list[ReadTask]:
    heard_by = listener(problems)
    return [ReadTask(settings, heard_by, files, given, spill / "read") for files in parts]


def _must_stay_whole(results: Sequence[ReadResult]) -> set[int]:
    """Sources that were read in pieces, and of which other things, or in another order, would be told as a whole.

    Those are files with several kinds of problems, with sentences that are too long, that cannot be read, and of one
    sentence, which may be a mistake.
    """
    kinds: dict[int, set[str]] = {}
    num_sentences: Counter[int] = Counter()
    odd: set[int] = set()
    for file in (file for result in results for file in result.files if file.of.file.piece is not None):
        source_id = file.of.source_id
        kinds.setdefault(source_id, set()).update(file.kinds)
        num_sentences[source_id] += 0 if file.source is None else file.source.num_sentences
        if file.is_odd:
            odd.add(source_id)
    return odd | {number for number, found in kinds.items() if len(found) > 1 or num_sentences[number] < 2}


def _read_parts(
    tasks: list[ReadTask], executor: Executor, progress: Progress | None, stage: str = "read"
) -> list[ReadResult]:
    """All parts, up to the first one with a file that cannot be read, as one after another they would be."""
    state = guess = tasks[0].before
    if len(tasks) > 1:
        guess = first_look(tasks[0].files[0].file, tasks[0].settings, state)
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
            if result.files[-1].failure is not None:
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
    files = [file for result in results for file in result.files]
    for _, pieces in itertools.groupby(files, lambda file: file.of.source_id):
        found: list[ReadSource] = []
        for piece in pieces:
            piece.told.tell(problems)
            if piece.failure is not None:
                raise piece.failure
            assert piece.source is not None
            found.append(piece.source)
        source = found[0]._replace(
            num_sentences=sum(some.num_sentences for some in found),
            first=next((some.first for some in found if some.first), None),
        )
        if not source.num_sentences and not problems.num_errors:
            problems.error(str(source.file), "the file holds no sentences", "no_sentences")
        read.append(source)
    return read


def _cutter(results: Sequence[ReadResult], settings: Settings, given: ReadState) -> Cutter:
    cutter = Cutter(settings.tokenizer, settings.language, given.tokenizer)
    used = next((result.after.tokenizer for result in results if result.cut_texts), None)
    cutter.take_over(used, any(result.made_tokens for result in results))
    return cutter
