"""Second pass: tags -> BILOU ids, sentences -> splits; all counts for vocabularies, buckets and reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_prep.passes.carried import Carried
from data_prep.passes.duplicates import count_duplicates
from data_prep.passes.id_corpus import IdCorpus
from data_prep.passes.recorded_problems import listener
from data_prep.passes.splits import choose_rule
from data_prep.passes.tag_part import Tagging, TagResult, TagTask, tag_part
from data_prep.passes.tagged_corpus import TaggedCorpus, TaggedCounts
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.sources.mojibake import report_odd_text
from ner_dist.contract.visible_text import shown
from ner_dist.engines.executor import Executor


def resolve_tags(
    corpus: IdCorpus,
    splits: list[str],
    settings: Settings,
    spill: Path,
    problems: Problems,
    executor: Executor,
    known_types: Sequence[str] | None = None,
) -> TaggedCorpus:
    """Read the first pass's files, write those for the third pass to the folder `spill`, and count.

    known_types: of the model that it is built like, if there is one.
    """
    rule = choose_rule(corpus, splits, settings)
    if rule.single and corpus.any_long and settings.split_by == "auto" and not rule.by_document:
        what = f"only {corpus.num_documents} documents, so it is split by sentence, not by document"
        problems.warn("few_documents", str(corpus.sources[0].file), what)
    tagging = Tagging(
        settings,
        listener(problems),
        [str(source.file) for source in corpus.sources],
        corpus.tags,
        rule,
        len(splits),
        1 + 4 * len(corpus.entity_types),
        {name: len(values) for name, values in corpus.features.items()},
        corpus.origins,
    )
    carried = Carried(tagging, spill / "tagging")
    tasks = [TagTask(carried, part, spill / f"tagged-{number}") for number, part in enumerate(corpus.parts)]
    results = executor.run("tags", tag_part, tasks)
    for result in results:
        result.told.tell(problems)
    num_characters = sum(result.num_characters for result in results)
    parts = [result.part for result in results]
    tagged = TaggedCorpus(parts, splits, corpus, _counts(tagging, results), num_characters)
    _check_types(tagged, settings, problems, known_types or ())
    if known_types is not None:
        _report_new_types(tagged, known_types, problems)
    if not problems.num_errors:
        _check_splits(tagged, str(corpus.sources[0].file), settings, problems)
    count_duplicates(corpus, rule, splits, problems, executor)
    report_odd_text([result.odd for result in results], str(corpus.sources[0].file), problems)
    return tagged


def _counts(tagging: Tagging, results: Sequence[TagResult]) -> TaggedCounts:
    if len(results) == 1:
        return results[0].counts.get()
    counts = TaggedCounts(tagging.num_splits, tagging.num_tags, tagging.features)
    for result in results:
        counts.take(result.counts.get())
    return counts


def _check_types(tagged: TaggedCorpus, settings: Settings, problems: Problems, known_types: Sequence[str]) -> None:
    """Entity types of dev or test that do not occur in train, if there is one, and that no model knows."""
    for (split_id, type_id), where in sorted(tagged.first_seen.items()):
        if split_id == 0 or (0, type_id) in tagged.first_seen or tagged.splits[0] != "train":
            continue
        if type_id < len(known_types):
            continue
        what = f"entity type {shown(tagged.entity_types[type_id])} occurs in {tagged.splits[split_id]} but not in train"
        if settings.on_unseen_type == "keep":
            problems.warn("types_not_in_train", where, what)
        else:
            problems.error(where, f"{what}; pass --on-unseen-type keep to go on (first seen here)", "unseen_type")


def _report_new_types(tagged: TaggedCorpus, known_types: Sequence[str], problems: Problems) -> None:
    """Types that the model does not know, in one warning: how many entities of each."""
    by_split = [tagged.entities(split_id) for split_id in range(len(tagged.splits))]
    new = tagged.entity_types[len(known_types) :]
    counts = {name: sum(entities[name] for entities in by_split) for name in new}
    if counts:
        named = ", ".join(f"{shown(name)} ({_counted(count, 'entity', 'entities')})" for name, count in counts.items())
        where = min(place for (_, type_id), place in tagged.first_seen.items() if type_id >= len(known_types))
        what = f"{_counted(len(counts), 'type', 'types')} that the model does not know: {named}"
        problems.warn("types_not_in_model", where, what, sum(counts.values()))


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _check_splits(tagged: TaggedCorpus, where: str, settings: Settings, problems: Problems) -> None:
    num_sentences_S = tagged.length_SL.sum(1)
    for split, num_sentences in zip(tagged.splits, num_sentences_S):
        if not num_sentences:
            what = f"none of the {int(num_sentences_S.sum())} sentences falls to {split}"
            problems.error(where, f"{what}; use a larger corpus or other --split fractions", "empty_split")
    if tagged.splits[0] != "train":
        return
    if num_sentences_S[0] and not tagged.tag_SK[0, 1:].any():
        problems.error(where, "train holds no entities", "no_entities")
    if 0 < num_sentences_S[0] < settings.num_shards:
        what = f"--num-shards {settings.num_shards} is more than the {num_sentences_S[0]} sentences of train"
        problems.error(where, what, "too_few_sentences")
