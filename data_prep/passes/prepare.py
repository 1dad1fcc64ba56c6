"""The first two passes and what is fitted to their counts: all that `check` reports and `build` encodes with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_prep.encoders.word_vectors import Vectors, read_all_vectors
from data_prep.passes.buckets import optimal_edges, padding_share
from data_prep.passes.fit_vocabularies import FittedCorpus, fit_vocabularies
from data_prep.passes.id_corpus import IdCorpus
from data_prep.passes.read_pass import read_sources
from data_prep.passes.tag_pass import resolve_tags
from data_prep.passes.tagged_corpus import TaggedCorpus
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.sources.source_files import Sources
from data_prep.sources.text_source import Progress
from ner_dist.contract.like_model import Like
from ner_dist.contract.shard_format import SPLITS
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.engines.executor import Executor

# What follows for a split.
_WITHOUT_ENTITIES = {
    "train": "there is nothing to learn; is --tag-column right?",
    "dev": "training cannot tell its best epoch and will refuse; name another --dev file, or other --split or --seed",
    "test": "its F1 will be 0 and say nothing; name another --test file, or other --split or --seed",
}


class PreparedCorpus(NamedTuple):
    """A corpus of which everything is known, and no shard is written yet."""

    corpus: IdCorpus
    tagged: TaggedCorpus
    fitted: FittedCorpus
    edges: list[int]
    vectors: Vectors | None


def prepare(
    sources: Sources,
    settings: Settings,
    spill: Path,
    problems: Problems,
    executor: Executor,
    progress: Progress | None = None,
    keep_read: bool = False,
    like: Like | None = None,
) -> PreparedCorpus | None:
    """Read the files of each split (or those of the one to be split). None if there are no sentences.

    Intermediate files go to `spill`; keep_read: those of the first pass, too, stay there. like: a model whose
    vocabularies apply (settings_like has the settings). Raises CorpusError if a whole file is unreadable; other
    problems are collected.
    """
    vectors = read_all_vectors([Path(path) for path in settings.vectors], spill, problems, progress, settings.caps)
    corpus = read_sources(sources, settings, spill, problems, executor, progress, like)
    if not sum(source.num_sentences for source in corpus.sources):
        return None
    given = list(dict.fromkeys(split for split, _ in sources))
    splits = list(SPLITS[: len(settings.split)]) if given == ["train"] else given
    known_types = None if like is None else like.vocabularies.entity_types
    tagged = resolve_tags(corpus, splits, settings, spill, problems, executor, known_types)
    for part in () if keep_read else corpus.parts:
        part.remove()
    _report_no_entities(tagged, problems)
    edges = optimal_edges(tagged.length_SL.sum(0), settings.num_buckets)
    # The last bucket also takes longer raw sentences.
    edges[-1] = max(edges[-1], tagged.raw_SL.shape[1] - 1)
    fitted = fit_vocabularies(corpus, tagged, settings, spill, executor, vectors, like)
    if vectors is not None and not fitted.has_vectors:
        what = "no word of the corpus has a vector here; are these vectors of its language?"
        problems.error(", ".join(settings.vectors), what, "vectors_unused")
    return PreparedCorpus(corpus, tagged, fitted, edges, vectors)


def _report_no_entities(tagged: TaggedCorpus, problems: Problems) -> None:
    for split_id, split in enumerate(tagged.splits):
        num_sentences = int(tagged.length_SL[split_id].sum())
        if num_sentences and not sum(tagged.entities(split_id).values()):
            what = f"none of its {num_sentences:,} sentences has an entity, so {_WITHOUT_ENTITIES[split]}"
            problems.warn("splits_without_entities", split, what)


def split_stats(prepared: PreparedCorpus, split_id: int) -> dict[str, Any]:
    """Statistics of one split, for the index and reports."""
    tagged, fitted = prepared.tagged, prepared.fitted
    length_L, tag_K = tagged.length_SL[split_id], tagged.tag_SK[split_id]
    stats = {
        "num_sentences": int(length_L.sum()),
        "num_tokens": int(tag_K.sum()),
        "entities": tagged.entities(split_id),
        "documents": int(tagged.documents_S[split_id]),
        "tags": dict(zip(bilou_tags(tagged.entity_types), tag_K.tolist())),
        "unknown_words": int(fitted.unknown_S[split_id]),
        # If every sentence is padded to its bucket's edge; batches pad less.
        "padding_to_edge": round(padding_share(length_L, prepared.edges), 6),
        "longest": int(np.flatnonzero(length_L)[-1]) if length_L.any() else 0,
    }
    if fitted.coverage_S:
        stats["with_vector"] = fitted.coverage_S[split_id]
        if split_id == 0:
            stats["without_vector"] = fitted.misses
            if prepared.vectors is not None and prepared.vectors.unknown:
                stats["unknown_word"] = list(prepared.vectors.unknown)
    if tagged.has_text_S[split_id]:
        stats["inexpressible"] = dict(sorted(tagged.inexpressible[split_id].items()))
    return stats
