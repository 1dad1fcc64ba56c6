"""The PyTorch peer seen from here: its interpreter, its commands, and whether it computes the same as ours.

It runs in a process of its own, because PyTorch and MXNet each bring an OpenMP, and may have an interpreter of its own.
Axes: T tokens, B sentences, K tags, W distinct words, D word units, V words of the table, X parameters.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ner_dist.config import Config, Model, Optimizer
from ner_dist.contract.shard_format import Index
from ner_dist.data.batch import Batch
from ner_dist.data.used_inputs import used_features
from ner_dist.model.initial_values import initial_parameters
from ner_dist.ranks.comm import Solo
from ner_dist.ranks.environment import choose_device
from ner_dist.training.word_exchange import exchange_word_ids

ROOT = Path(__file__).parents[2]


class Computed(NamedTuple):
    """What a model computes from a batch, by the peer's names."""

    # Summed over the sentences.
    loss: float
    emission_TBK: np.ndarray
    gradients: dict[str, np.ndarray]


def peer_python() -> str:
    """The absolute path of its interpreter."""
    found = shutil.which(os.environ.get("NER_PEER_PYTHON", sys.executable))
    return os.path.abspath(found) if found else sys.executable


def torch_version() -> str | None:
    """The version of the peer's PyTorch; None if its interpreter has none."""
    probe = [peer_python(), "-c", "import torch; print(torch.__version__)"]
    finished = subprocess.run(probe, capture_output=True, text=True, check=False)
    return finished.stdout.strip() if finished.returncode == 0 else None


def peer_command(function: str, **arguments: Any) -> list[str]:
    """Calls a function of the peer's; to be started in ROOT, where it finds the modules that it shares with us."""
    return [peer_python(), "-m", "bench.speed.peer_training", function, json.dumps(arguments)]


def compute_both(
    config: Config, index: Index, word_VD: np.ndarray, batch: Batch, lstm: str = "packed"
) -> tuple[Computed, Computed]:
    """Ours and the peer's, from one batch and the same random parameters, without dropout; lstm: packed or mirrored.

    Ours come from one training step, through the same functions as training itself.
    """
    # These import MXNet, which reads its environment while loading.
    from ner_dist.model import cnn_bilstm
    from ner_dist.model.initial_values import InitialEmbeddings
    from ner_dist.training.step import Learner

    config = copy.deepcopy(config)
    config.model.dropout_input = config.model.dropout_output = 0.0
    config.optimizer = Optimizer(name="sgd", clip_norm=0.0)
    tagger = cnn_bilstm.build_tagger(config, index, choose_device("cpu"))
    rng = np.random.default_rng(0)
    values = initial_parameters(tagger, config.model, config.train.seed)
    for name, value in values.items():
        # Parameters that start with 0 would hide a wrong order of tags.
        values[name] = value if value.any() else rng.normal(0, 0.1, value.shape).astype(np.float32)
    cnn_bilstm.set_parameters(tagger, values)
    words = InitialEmbeddings(word_VD.copy(), np.zeros(len(word_VD), bool))
    learner = Learner(tagger, words, config, np.ones(index.num_tags, np.float32), Solo())
    named = _peer_names({**values, "words": word_VD}, config.model, index)
    with learner.scored_network() as network:
        emission_TBK = network.emissions(batch)
    (shared,) = exchange_word_ids(Solo(), [batch])
    # So large that the update outweighs the parameter, and rounding leaves the gradient intact.
    rate = 1024.0
    loss = learner.step(batch, shared, epoch=0, step_id=0, learning_rate=rate).loss
    trained = {name.removeprefix("parameter/"): value for name, value in learner.state().items()}
    after = _peer_names(trained, config.model, index)
    gradients = {name: (named[name] - after[name]) * (len(batch.length_B) / rate) for name in named}
    # Emissions of padding do not matter.
    ours = Computed(loss, emission_TBK * batch.mask_TB[:, :, None], gradients)
    return ours, _peer(named, _peer_sizes(config, index, word_VD), batch, lstm)


def _peer(parameters: dict[str, np.ndarray], sizes: dict[str, Any], batch: Batch, lstm: str) -> Computed:
    given = {f"batch/{name}": value for name, value in batch._asdict().items()}
    given.update({f"parameter/{name}": value for name, value in parameters.items()})
    with tempfile.TemporaryDirectory() as folder:
        given_path, found_path = Path(folder) / "given.npz", Path(folder) / "found.npz"
        np.savez(given_path, sizes=np.array(json.dumps(sizes)), **given)
        command = peer_command("differentiate", given=str(given_path), found=str(found_path), lstm=lstm)
        subprocess.run(command, cwd=ROOT, check=True)
        with np.load(found_path) as found:
            gradients = {name: found[f"gradient/{name}"] for name in parameters}
            return Computed(float(found["loss"]), found["emission"] * batch.mask_TB[:, :, None], gradients)


def largest_difference(ours: Computed, peer: Computed) -> float:
    """The largest difference of losses, emissions and gradients, each relative to the largest number of its array."""
    assert ours.gradients.keys() == peer.gradients.keys()
    pairs = [(np.array(ours.loss), np.array(peer.loss)), (ours.emission_TBK, peer.emission_TBK)]
    pairs += [(ours.gradients[name], peer.gradients[name]) for name in ours.gradients]
    return max(float(abs(mine - yours).max() / abs(mine).max()) for mine, yours in pairs)


def _peer_names(values: dict[str, np.ndarray], sizes: Model, index: Index) -> dict[str, np.ndarray]:
    fixed = {"words": "word.weight", "char_cnn.char.weight": "char.weight"}
    fixed.update({"char_cnn.weight": "conv.weight", "char_cnn.bias": "conv.bias"})
    features = enumerate(used_features(sizes, index))
    fixed.update({f"feature_{feature.name}.weight": f"features.{i}.weight" for i, (_, feature) in features})
    named, rows = {}, 4 * sizes.lstm_units
    for name, value in values.items():
        if not name.endswith("_lstm"):
            named[fixed.get(name, name.replace("transitions.", "crf."))] = value
            continue
        # The gates have the same order; the parts are input matrix, recurrent matrix, and a bias of each.
        suffix = "l0" if name.endswith("forward_lstm") else "l0_reverse"
        inputs = len(value) // rows - sizes.lstm_units - 2
        cuts = np.cumsum([rows * inputs, rows * sizes.lstm_units, rows])
        weight_ih, weight_hh, bias_ih, bias_hh = np.split(value, cuts)
        named[f"lstm.weight_ih_{suffix}"] = weight_ih.reshape(rows, inputs)
        named[f"lstm.weight_hh_{suffix}"] = weight_hh.reshape(rows, sizes.lstm_units)
        named[f"lstm.bias_ih_{suffix}"], named[f"lstm.bias_hh_{suffix}"] = bias_ih, bias_hh
    return named


def _peer_sizes(config: Config, index: Index, word_VD: np.ndarray) -> dict[str, Any]:
    sizes, features = config.model, used_features(config.model, index)
    assert not sizes.char_type_units, "the peer has no types of characters"
    assert sizes.lstm_layers == 1, "the peer has one layer"
    same = "char_units", "char_filters", "char_width", "feature_units", "lstm_units"
    return {
        "num_words": len(word_VD),
        "num_chars": index.vocab["char"].num_values,
        "num_tags": index.num_tags,
        "feature_values": [feature.num_values for _, feature in features],
        "feature_places": [place for place, _ in features],
        "word_units": word_VD.shape[1],
        **{name: getattr(sizes, name) for name in same},
    }
