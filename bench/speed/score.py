"""Counting entities against seqeval's strict mode on the same random tags."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.speed.measurement import BenchOptions, Measurement, alternate, seconds
from ner_dist.contract.tag_schemes import Spans, bilou_tags, spans_to_bilou
from ner_dist.evaluation.f1 import count


def score(options: BenchOptions) -> Iterator[Measurement]:
    from seqeval.metrics import f1_score
    from seqeval.scheme import BILOU

    rng = np.random.default_rng(0)
    num_sentences, length, types = 5000, 20, ["LOC", "MISC", "ORG", "PER"]
    num_tokens = num_sentences * length
    start_E = np.arange(0, num_tokens, 5)
    size_E = rng.integers(1, 4, len(start_E))

    def tags() -> np.ndarray:
        return spans_to_bilou(Spans(start_E, start_E + size_E, rng.integers(0, len(types), len(start_E))), num_tokens)

    gold_M, predicted_M = tags(), tags()
    starts_M = np.arange(num_tokens) % length == 0
    names = np.array(bilou_tags(types))
    gold, predicted = (names[ids].reshape(num_sentences, length).tolist() for ids in (gold_M, predicted_M))
    ours, theirs = alternate(
        options.repeats,
        lambda: num_tokens / seconds(lambda: count(gold_M, predicted_M, starts_M, len(types))),
        lambda: num_tokens / seconds(lambda: f1_score(gold, predicted, mode="strict", scheme=BILOU)),
    )
    yield Measurement("score / seqeval strict", ours, theirs, "tokens/s")
