"""Corpus files -> everything known of a corpus before a shard is written: what `check` reports and `build` encodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_prep.encoders.coverage import coverage, misses
from data_prep.encoders.word_vectors import Vectors, read_all_vectors
from data_prep.formats.mojibake import report_odd_text
from data_prep.formats.text_source import Progress
from data_prep.passes.buckets import optimal_edges, padding_share
from data_prep.passes.encode import Encoding, fit_encoding
from data_prep.passes.read_pass import Intake, take_in
from data_prep.passes.splits import split_names
from data_prep.passes.tag_pass import Resolved, resolve
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.contract.shard_format import UNK_ID
from ner_dist.contract.tag_schemes import bilou_tags


class Prepared(NamedTuple):
    """A corpus read and understood; nothing of it is written yet."""

    sources: dict[str, Path]
    intake: Intake
    resolved: Resolved
    encoding: Encoding
    edges: list[int]
    vectors: Vectors | None


def prepare(
    sources: dict[str, Path], settings: Settings, spill: Path, problems: Problems, progress: Progress | None = None
) -> Prepared | None:
    """Read the files of each split (or the one file to be split). None if errors leave nothing to go on with."""
    paths = list(sources.values())
    vectors = read_all_vectors([Path(path) for path in settings.vectors], spill, problems, progress)
    intake = take_in(paths, settings, spill / "intake", problems, progress)
    if not sum(intake.sentences_by_source):
        return None
    resolved = resolve(intake, paths, split_names(sources, settings), settings, spill / "resolved", problems)
    intake.path.unlink()
    intake.hash_path.unlink()
    report_odd_text(intake.token_V, resolved.token_SV.sum(0), str(paths[0]), problems)
    edges = optimal_edges(resolved.length_SL.sum(0), settings.num_buckets)
    encoding = fit_encoding(intake, resolved, settings, vectors and vectors.rows)
    found = encoding.words.found
    if found is not None and not any(found.steps):
        problems.error(
            ", ".join(settings.vectors), "no word of the corpus has a vector here; are these vectors of its language?"
        )
    return Prepared(sources, intake, resolved, encoding, edges, vectors)


def split_stats(prepared: Prepared, split_id: int) -> dict[str, Any]:
    """Facts of one split, for reports and loss weights."""
    resolved = prepared.resolved
    length_L, tag_K = resolved.length_SL[split_id], resolved.tag_SK[split_id]
    words, count_V = prepared.encoding.words, resolved.token_SV[split_id]
    stats = {
        "num_sentences": int(length_L.sum()),
        "num_tokens": int(tag_K.sum()),
        "entities": resolved.entities(split_id),
        "tags": dict(zip(bilou_tags(resolved.entity_types), tag_K.tolist())),
        "unknown_words": int(count_V[words.id_V == UNK_ID].sum()),
        # Share of the slots if every sentence is padded to its bucket's edge; batches pad less.
        "padding_to_edge": round(padding_share(length_L, prepared.edges), 6),
        "longest": int(np.flatnonzero(length_L)[-1]) if length_L.any() else 0,
    }
    if words.found is not None:
        stats["with_vector"] = coverage(words, count_V)
        if split_id == 0:
            stats["without_vector"] = misses(words, count_V)
    return stats
