"""What the shards hold, split by split, as the template of the report shows it: sizes, entities by type, tags."""

from __future__ import annotations

from typing import Any

import numpy as np

from ner_dist.contract.shard_format import Index
from ner_dist.pages.figure import series_colour
from ner_dist.pages.plots import Series, grouped_percentages, length_curves


def summarise_shards(index: Index, length_N: dict[str, np.ndarray]) -> dict[str, Any]:
    """length_N: tokens of each sentence, by split."""
    splits = [_split(index, split, lengths) for split, lengths in length_N.items()]
    types = _shares(index, "entities", [split["entities"] for split in splits])
    series = [
        Series(split, series_colour(i), [100 * shares[i][1] for shares in types.values()])
        for i, split in enumerate(length_N)
    ]
    histograms = {split: np.bincount(lengths) for split, lengths in length_N.items()}
    title = "Entities by type, share of the split's"
    return {
        "splits": splits,
        "types": types,
        "tags": _shares(index, "tags", [split["tokens"] for split in splits]),
        "warnings": {name.replace("_", " "): number for name, number in index.warnings.items() if number},
        "pictures": [
            length_curves("lengths", "Sentences by length", "Sentence lengths of each split", histograms),
            grouped_percentages("types", title, "Share of each entity type by split", list(types), series),
        ],
    }


def _split(index: Index, split: str, length_N: np.ndarray) -> dict[str, Any]:
    facts = index.stats[split]
    tokens = index.num_tokens(split)
    return {
        "name": split,
        "documents": facts.get("documents", 0),
        "sentences": index.num_sentences(split),
        "tokens": tokens,
        "entities": sum(facts["entities"].values()),
        "in_entities": (tokens - facts["tags"].get("O", 0)) / max(tokens, 1),
        "unknown": facts["unknown_words"] / max(tokens, 1),
        "mean_length": float(length_N.mean()),
        "median_length": int(np.median(length_N)),
        "longest": int(length_N.max()),
    }


def _shares(index: Index, kind: str, totals: list[int]) -> dict[str, list[tuple[int, float]]]:
    """Name -> (count, share of the split's entities or tokens), by split."""
    counted = [index.stats[split][kind] for split in index.splits]
    names = dict.fromkeys(name for found in counted for name in found)
    return {
        name: [(found.get(name, 0), found.get(name, 0) / max(total, 1)) for found, total in zip(counted, totals)]
        for name in names
    }
