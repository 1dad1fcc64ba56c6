"""Tag sequences and a second reading of them, judged as a run's predictions are for a report."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from tag_sequences import TYPES, Tag, ids, starts, valid_sentences

from ner_dist.contract.tag_schemes import split_ids, strict_spans
from ner_dist.reporting.gold_split import GoldSplit, SeenInTraining
from ner_dist.reporting.judged_predictions import JudgedPredictions, judge

Tagged = list[list[Tag]]
OUTSIDE: Tag = ("O", "")


def parse(text: str) -> list[Tag]:
    """'O U-X B-Y' as tags."""
    return [(word[0], word[2:]) for word in text.split()]


def judged_readings(gold: Tagged, predicted: Tagged, confidence: float = 0.75) -> tuple[GoldSplit, JudgedPredictions]:
    """A split whose tokens are called w0, w1, ..., with word ids from 2 on, and a run's predictions for it."""
    gold_M, starts_M = ids(gold), starts(gold)
    num_tokens = len(gold_M)
    split = GoldSplit(
        entity_types=list(TYPES),
        sentence_id_N=np.arange(len(gold)),
        source_N=np.zeros(len(gold), np.int64),
        line_N=np.arange(1, len(gold) + 1),
        files=["a.conll"],
        length_N=np.array([len(tags) for tags in gold], np.int64),
        text_M=[f"w{i}" for i in range(num_tokens)],
        word_M=np.arange(2, num_tokens + 2),
        gold_M=gold_M,
        gold=strict_spans(*split_ids(gold_M), starts_M),
        starts_M=starts_M,
    )
    sure_M = np.full(num_tokens, confidence)
    return split, judge(split, ids(predicted), sure_M, sure_M)


def training(split: GoldSplit, known: bool = True) -> SeenInTraining:
    return SeenInTraining(np.full(len(split.text_M) + 2, known), {})


@st.composite
def two_readings(draw: Any) -> tuple[Tagged, Tagged]:
    """Sentences, and a second reading of each with tags of the same number."""
    gold = draw(valid_sentences().filter(bool))
    other = draw(valid_sentences().filter(bool))
    spare = [tags for tags in other if tags]
    predicted = []
    for i, tags in enumerate(gold):
        reading = spare[i % len(spare)] if spare else [OUTSIDE]
        # Of the right length: entities that are cut off become O.
        cut = (reading * len(tags))[: len(tags)]
        while cut and cut[-1][0] in "BI":
            cut = [*cut[:-1]]
        predicted.append(cut + [OUTSIDE] * (len(tags) - len(cut)))
    return gold, predicted
