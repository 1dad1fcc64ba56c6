"""Corpus files -> everything known of a corpus before a shard is written: what `check` reports and `build` encodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_prep.buckets import optimal_edges, padding_share
from data_prep.encode import Encoding, fit_encoding
from data_prep.intake import Intake, take_in
from data_prep.odd_text import report_odd_text
from data_prep.problems import Problems
from data_prep.resolve import Resolved, resolve
from data_prep.settings import Settings
from data_prep.source import Progress
from data_prep.splits import split_names
from ner_dist.shard_format import UNK_ID
from ner_dist.spans import bilou_tags


class Prepared(NamedTuple):
    """A corpus read and understood; nothing of it is written yet."""

    sources: dict[str, Path]
    intake: Intake
    resolved: Resolved
    encoding: Encoding
    edges: list[int]


def prepare(
    sources: dict[str, Path], settings: Settings, spill: Path, problems: Problems, progress: Progress | None = None
) -> Prepared | None:
    """Read the files of each split (or the one file to be split). None if errors leave nothing to go on with."""
    paths = list(sources.values())
    intake = take_in(paths, settings, spill / "intake", problems, progress)
    if not sum(intake.sentences_by_source):
        return None
    resolved = resolve(intake, paths, split_names(sources, settings), settings, spill / "resolved", problems)
    intake.path.unlink()
    intake.hash_path.unlink()
    report_odd_text(intake.token_V, resolved.token_SV.sum(0), str(paths[0]), problems)
    edges = optimal_edges(resolved.length_SL.sum(0), settings.num_buckets)
    return Prepared(sources, intake, resolved, fit_encoding(intake, resolved, settings), edges)


def split_stats(prepared: Prepared, split_id: int) -> dict[str, Any]:
    """Facts of one split, for reports and loss weights."""
    resolved = prepared.resolved
    unknown_V = prepared.encoding.words.id_V == UNK_ID
    length_L, tag_K = resolved.length_SL[split_id], resolved.tag_SK[split_id]
    return {
        "num_sentences": int(length_L.sum()),
        "num_tokens": int(tag_K.sum()),
        "entities": resolved.entities(split_id),
        "tags": dict(zip(bilou_tags(resolved.entity_types), tag_K.tolist())),
        "unknown_words": int(resolved.token_SV[split_id][unknown_V].sum()),
        # Share of the slots if every sentence is padded to its bucket's edge; batches pad less.
        "padding_to_edge": round(padding_share(length_L, prepared.edges), 6),
        "longest": int(np.flatnonzero(length_L)[-1]) if length_L.any() else 0,
    }
