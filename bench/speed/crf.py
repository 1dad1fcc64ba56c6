"""Loss and gradient of the CRF: our closed form against MXNet's autograd through the recursion."""

from __future__ import annotations

import os

import numpy as np

from bench.speed.rows import Options, Row, alternate, row, seconds


def crf(options: Options) -> list[Row]:
    # MXNet reads it when it is imported.
    os.environ["OMP_NUM_THREADS"] = "1"
    return [_of_size(10 * options.repeats, *size) for size in ((32, 15, 17), (32, 40, 17), (64, 22, 33))]


def _of_size(repeats: int, num_sentences: int, num_tokens: int, num_tags: int) -> Row:
    from bench.speed.crf_autograd import AutogradCrf
    from ner_dist.model.crf import TransitionScores, likelihood

    rng = np.random.default_rng(0)
    tag_TB = rng.integers(0, num_tags, (num_tokens, num_sentences))
    emission_TBK = rng.normal(size=(*tag_TB.shape, num_tags)).astype(np.float32)
    length_B = rng.integers(num_tokens // 2, num_tokens + 1, num_sentences)
    shapes = (num_tags, (num_tags, num_tags), num_tags)
    scores = TransitionScores(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))
    autograd = AutogradCrf(scores)

    def ours() -> float:
        return likelihood(emission_TBK, tag_TB, length_B, scores).loss

    def theirs() -> float:
        return autograd.loss_and_gradient(emission_TBK, tag_TB, length_B)

    assert np.isclose(ours(), theirs(), rtol=1e-5)
    mine, yours = alternate(repeats, lambda: 1e3 * seconds(ours), lambda: 1e3 * seconds(theirs))
    name = f"CRF, autograd / closed form, {num_sentences} x {num_tokens} tokens, {num_tags} tags"
    return row(name, yours / mine, yours, mine, "ms")
