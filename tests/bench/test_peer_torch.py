"""The PyTorch peer of the benchmarks is the same tagger: the same loss, emissions and gradients."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from made_batches import NUM_WORDS, batch_of, random_sentence, small_index

from bench.speed.peer import compute_both, largest_difference, torch_version
from ner_dist.config import Config, Loss, Model

SIZES = Model(word_units=4, char_units=3, char_type_units=0, char_filters=5, feature_units=2, lstm_units=6)
# A batch of uneven sentences whose tags BILOU allows: O, U-X, B-X I-X L-X, U-Y.
TAGS = [[0, 4, 0], [1, 2, 3, 0, 8, 0, 4], [8], [1, 3]]


@pytest.mark.skipif(torch_version() is None, reason="PyTorch is not installed (NER_PEER_PYTHON, see bench/README.md)")
@pytest.mark.parametrize("lstm", ["packed", "mirrored"])
@pytest.mark.parametrize("features", [[], ["caps", "pos"]])
def test_peer_and_ours_agree_on_loss_emissions_and_gradients(features: list[str], lstm: str) -> None:
    rng = np.random.default_rng(3)
    sentences = [random_sentence(rng, i, len(tags))._replace(tags=tags) for i, tags in enumerate(TAGS)]
    word_VD = rng.normal(0, 1, (NUM_WORDS, SIZES.word_units)).astype(np.float32)
    config = Config(model=dataclasses.replace(SIZES, features=features), loss=Loss(likelihood="sentence"))
    ours, peer = compute_both(config, small_index(), word_VD, batch_of(sentences), lstm)
    assert np.isfinite(ours.loss)
    assert largest_difference(ours, peer) < 1e-4
