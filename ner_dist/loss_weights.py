"""Class weights of the tags, against the weight of the many O's."""

from __future__ import annotations

import numpy as np

from ner_dist.config import ConfigError, Loss
from ner_dist.shard_format import Index
from ner_dist.spans import bilou_tags


def class_weights(settings: Loss, index: Index) -> np.ndarray:
    """float32 (K,), one weight a tag. Raises ConfigError for a name that is no tag or type of the corpus."""
    tags = bilou_tags(index.entity_types)
    if settings.weighting == "frequency":
        count_K = np.array([index.stats["train"]["tags"].get(tag, 0) for tag in tags], np.float64)
        # A tag that never occurs has no gradient; counting it once keeps its weight finite.
        share_K = np.maximum(count_K, 1) / count_K.sum()
        weight_K = share_K**-settings.frequency_power
        return (weight_K / (weight_K * count_K).sum() * count_K.sum()).astype(np.float32)
    weight_K = np.ones(len(tags), np.float32)
    # A type's weight first, so that one given for a single tag of it prevails.
    for name, weight in sorted((settings.weights or {}).items(), key=lambda item: item[0] in tags):
        named = [k for k, tag in enumerate(tags) if name and name in (tag, tag[2:])]
        if not named:
            raise ConfigError(f"--loss.weights: {name!r} is neither O, a tag nor an entity type ({', '.join(tags)})")
        weight_K[named] = weight
    return weight_K
