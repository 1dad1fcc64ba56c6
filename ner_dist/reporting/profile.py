"""What the shards hold, split by split: sizes, entities by type, tags, and what the preparation found odd.

Axes: N sentences.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from ner_dist.contract.shard_format import Index
from ner_dist.reporting.charts import sentence_lengths, tag_shares


class SplitProfile(NamedTuple):
    split: str
    sentences: int
    tokens: int
    entities: int
    # Of the tokens: those in entities, and those whose word has no id.
    in_entities: float
    unknown: float
    mean_length: float
    median_length: int
    longest: int


class Profile(NamedTuple):
    splits: list[SplitProfile]
    # Type, and tag -> (count, share of the split's entities or tokens) by split.
    types: dict[str, list[tuple[int, float]]]
    tags: dict[str, list[tuple[int, float]]]
    warnings: dict[str, int]
    sources: list[dict[str, Any]]
    settings: dict[str, Any]
    fingerprint: str
    vocabularies: dict[str, int]
    vectors: str
    figures: list[Markup]


def profile(index: Index, length_N: dict[str, np.ndarray]) -> Profile:
    splits = [_split(index, split, lengths) for split, lengths in length_N.items()]
    types = _shares(index, "entities", [part.entities for part in splits])
    vectors = index.vectors
    return Profile(
        splits=splits,
        types=types,
        tags=_shares(index, "tags", [part.tokens for part in splits]),
        warnings={name.replace("_", " "): number for name, number in index.warnings.items() if number},
        sources=index.sources,
        settings=index.settings,
        fingerprint=index.fingerprint(),
        vocabularies={name: entry.num_values for name, entry in index.vocab.items()},
        vectors=f"{vectors.num_units} units, of {vectors.path}" if vectors else "none",
        figures=[
            sentence_lengths(length_N),
            tag_shares(
                {part.split: [100 * found[i][1] for found in types.values()] for i, part in enumerate(splits)},
                list(types),
            ),
        ],
    )


def _split(index: Index, split: str, length_N: np.ndarray) -> SplitProfile:
    facts = index.stats[split]
    tokens = index.num_tokens(split)
    outside = facts["tags"].get("O", 0)
    return SplitProfile(
        split=split,
        sentences=index.num_sentences(split),
        tokens=tokens,
        entities=sum(facts["entities"].values()),
        in_entities=(tokens - outside) / max(tokens, 1),
        unknown=facts["unknown_words"] / max(tokens, 1),
        mean_length=float(length_N.mean()),
        median_length=int(np.median(length_N)),
        longest=int(length_N.max()),
    )


def _shares(index: Index, kind: str, totals: list[int]) -> dict[str, list[tuple[int, float]]]:
    """Of the names that any split has."""
    counted = [index.stats[split][kind] for split in index.splits]
    names = list(dict.fromkeys(name for found in counted for name in found))
    return {
        name: [(found.get(name, 0), found.get(name, 0) / max(total, 1)) for found, total in zip(counted, totals)]
        for name in names
    }
