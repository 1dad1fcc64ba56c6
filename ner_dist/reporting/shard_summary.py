"""What splits and gold sets hold, one beside the other, as the template shows it: sizes, entities by type, tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ner_dist.contract.shard_format import Index
from ner_dist.pages.figure import series_colour
from ner_dist.pages.plots import Series, grouped_percentages, length_curves


class DataPart(NamedTuple):
    name: str
    # Of the shards that have it as this split.
    shards: Index
    split: str
    # Tokens of each sentence.
    length_N: np.ndarray
    # Of its entities, the share that train has with their tokens and type; None if that was not counted.
    seen: float | None


def summarise_data(parts: Sequence[DataPart]) -> dict[str, Any]:
    splits = [_size(part) for part in parts]
    types = _shares(parts, "entities", [split["entities"] for split in splits])
    series = [
        Series(part.name, series_colour(i), [100 * shares[i][1] for shares in types.values()])
        for i, part in enumerate(parts)
    ]
    histograms = {part.name: np.bincount(part.length_N) for part in parts}
    title = "Entities by type, share of each column's" if len(parts) > 1 else "Entities by type"
    return {
        "splits": splits,
        "types": types,
        "tags": _shares(parts, "tags", [split["tokens"] for split in splits]),
        "pictures": [
            length_curves("lengths", "Sentences by length", "Sentence lengths of each split", histograms),
            grouped_percentages("types", title, "Share of each entity type by split", list(types), series),
        ],
    }


def warnings_of(index: Index) -> dict[str, int]:
    return {name.replace("_", " "): number for name, number in index.warnings.items() if number}


def _size(part: DataPart) -> dict[str, Any]:
    facts = part.shards.stats[part.split]
    tokens = part.shards.num_tokens(part.split)
    return {
        "name": part.name,
        "documents": facts.get("documents", 0),
        "sentences": part.shards.num_sentences(part.split),
        "tokens": tokens,
        "entities": sum(facts["entities"].values()),
        "in_entities": (tokens - facts["tags"].get("O", 0)) / max(tokens, 1),
        "unknown": facts["unknown_words"] / max(tokens, 1),
        "seen": part.seen,
        "mean_length": float(part.length_N.mean()),
        "median_length": int(np.median(part.length_N)),
        "longest": int(part.length_N.max()),
    }


def _shares(parts: Sequence[DataPart], kind: str, totals: list[int]) -> dict[str, list[tuple[int, float]]]:
    """Name -> (count, share of the part's entities or tokens), by part."""
    counted = [part.shards.stats[part.split][kind] for part in parts]
    names = dict.fromkeys(name for found in counted for name in found)
    return {
        name: [(found.get(name, 0), found.get(name, 0) / max(total, 1)) for found, total in zip(counted, totals)]
        for name in names
    }
