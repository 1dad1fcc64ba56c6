"""The loss of a scored split: the training objective without dropout, the same on any number of ranks."""

from __future__ import annotations

from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from thread_comm import ThreadComm, on_ranks

from ner_dist import config
from ner_dist.config import Config
from ner_dist.evaluation.score_split import decode_batches
from ner_dist.ranks.comm import Solo
from ner_dist.training import startup
from ner_dist.training.dev_loss import LossTally
from ner_dist.training.dropout import Masks
from ner_dist.training.objective import Objective, class_weights

LOSSES = {
    "token": [],
    "weighted tokens": ["--loss.weighting", "frequency"],
    "sentence": ["--loss.likelihood", "sentence"],
    "sentence, nothing forbidden": ["--loss.likelihood", "sentence", "--loss.forbid", "false"],
}


def settings_of(shards: Path, tiny_knobs: list[str], name: str) -> Config:
    return config.parse(["--data.shards", str(shards), *tiny_knobs, *LOSSES[name]])[0]


def dev_loss(settings: Config, comm: Solo | ThreadComm) -> float:
    index, readers = startup.open_shards(settings, comm)
    learner = startup.new_learner(settings, index, comm)
    tally = LossTally(settings.loss, class_weights(settings.loss, index))
    with learner.scored_network() as network:
        for decoded in decode_batches(network, readers["dev"].scoring_batches(7)):
            tally.add(decoded)
    return tally.mean(comm)


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_is_the_objective_without_dropout_over_the_number_of_sentences(
    synth_shards: Path, tiny_knobs: list[str], name: str
) -> None:
    settings = settings_of(synth_shards, tiny_knobs, name)
    index, readers = startup.open_shards(settings, Solo())
    learner = startup.new_learner(settings, index, Solo())
    objective = Objective(learner.tagger, settings.loss, class_weights(settings.loss, index))
    total = 0.0
    for batch in readers["dev"].scoring_batches(50):
        rows = mx.nd.array(learner.words.weight_VD[batch.word_ids_W])
        _, loss = objective.forward_backward(batch, rows, batch.word_TB, Masks([], []))
        total += loss.asscalar()
    np.testing.assert_allclose(dev_loss(settings, Solo()), total / index.num_sentences("dev"), rtol=1e-5)


def test_the_loss_is_the_same_on_any_number_of_ranks(synth_shards: Path, tiny_knobs: list[str]) -> None:
    settings = settings_of(synth_shards, tiny_knobs, "sentence")
    found = on_ranks(2, lambda comm: dev_loss(settings, comm))
    assert found[0] == found[1]
    np.testing.assert_allclose(found[0], dev_loss(settings, Solo()), rtol=1e-6)
