"""How far the lists of a lexicon agree with the entities of train: read off finished shards, which have both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from data_prep.encoders.lexicon_files import FEATURE
from data_prep.formats.block import starts_mask
from data_prep.inspecting.summary import percent, table
from ner_dist.contract.lexicon_matching import FIRST_ID
from ner_dist.contract.shard_format import Index
from ner_dist.contract.tag_schemes import Spans, split_ids, strict_spans


def _type_ids(index: Index) -> dict[str, int]:
    """The entity type of each lexicon feature that bears one's name, whatever its case."""
    type_ids = {name.casefold(): type_id for type_id, name in enumerate(index.entity_types)}
    names = [feature.name for feature in index.features if feature.name.startswith(FEATURE)]
    typed = {name: type_ids.get(name[len(FEATURE) :].casefold()) for name in names}
    return {name: type_id for name, type_id in typed.items() if type_id is not None}


def _num_common(one: Spans, other: Spans) -> int:
    # Spans of one type do not overlap: no two have the same end.
    _, i, j = np.intersect1d(one.end_E, other.end_E, assume_unique=True, return_indices=True)
    return int((one.start_E[i] == other.start_E[j]).sum())


def agreement_lines(directory: Path, index: Index) -> list[str]:
    """A table of the lists named like an entity type; no lines if there are none.

    A match counts if it has the beginning and the end of an entry, and as right if it is an entity of the type.
    """
    type_ids = _type_ids(index)
    # Of each list: entities of its type, matches, and what is both.
    counts = {name: np.zeros(3, np.int64) for name in type_ids}
    for shard in index.splits["train"] if type_ids else []:
        file = pq.ParquetFile(directory / shard.path)
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=["length", "tag", *type_ids])
            starts_M = starts_mask(rows["length"].to_numpy())
            prefix_M, type_M = split_ids(rows["tag"].combine_chunks().flatten().to_numpy())
            for name, type_id in type_ids.items():
                label_M = rows[name].combine_chunks().flatten().to_numpy().astype(np.int64) - FIRST_ID
                entities = strict_spans(np.where(type_M == type_id, prefix_M, 0), type_M, starts_M)
                matches = strict_spans(label_M, np.zeros_like(label_M), starts_M)
                both = _num_common(entities, matches)
                counts[name] += len(entities.start_E), len(matches.start_E), both
    rows = [
        [name[len(FEATURE) :], f"{entities:,}", percent(both, entities), f"{matches:,}", percent(both, matches)]
        for name, (entities, matches, both) in counts.items()
    ]
    # Below other lines, from which an empty one parts it.
    return ["", *table(["lexicon in train", "entities", "matched", "whole matches", "right"], rows)] if rows else []
