"""How many words of each split have a pretrained vector, by which step of the look-up, and which of train lack one."""

from __future__ import annotations

from collections import Counter

import numpy as np

from data_prep.encoders.vocab import Words
from ner_dist.contract.word_lookup import STEPS

NUM_MISSES = 10


def coverage(words: Words, count_V: np.ndarray) -> dict[str, dict[str, int]]:
    """Distinct tokens and tokens of a split: in all, and those that each of STEPS found a vector for.

    count_V says how often each distinct token occurs in the split.
    """
    assert words.found is not None
    step_V = np.array([STEPS.index(step) if step else len(STEPS) for step in words.found.steps])
    counted = {"types": count_V > 0, "tokens": count_V}
    by_step = {name: np.bincount(step_V, values, len(STEPS) + 1).astype(int) for name, values in counted.items()}
    return {name: {"all": int(found.sum()), **dict(zip(STEPS, found.tolist()))} for name, found in by_step.items()}


def misses(words: Words, count_V: np.ndarray) -> dict[str, int]:
    """The most frequent forms without a vector, and how often they occur."""
    assert words.found is not None
    counts: Counter[str] = Counter()
    for form, step, count in zip(words.forms, words.found.steps, count_V.tolist()):
        if step is None:
            counts[form] += count
    by_count = sorted((-count, form) for form, count in counts.items() if count)
    return {form: -count for count, form in by_count[:NUM_MISSES]}
