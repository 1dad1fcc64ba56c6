"""The PyTorch peer seen from here: its interpreter, its commands, and whether it computes what ours does.

It runs in a process of its own, since PyTorch and MXNet each bring an OpenMP, and it may have an interpreter of its
own, NER_PEER_PYTHON, since PyTorch's requirements do not fit ours (setuptools). That one needs little:

    python -m venv .peer && .peer/bin/pip install torch numpy pyarrow
    NER_PEER_PYTHON=.peer/bin/python python -m bench.run training

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
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ner_dist.config import Config, Model, Optimizer
from ner_dist.contract.shard_format import Index
from ner_dist.data.batch import Batch
from ner_dist.data.used_inputs import used_features
from ner_dist.model.initial_parameters import initial_parameters
from ner_dist.ranks.environment import choose_device

if TYPE_CHECKING:
    from ner_dist.training.step import Learner

ROOT = Path(__file__).parents[2]


class Outcome(NamedTuple):
    """What a batch gives, by the peer's names."""

    # Summed over the sentences.
    loss: float
    emission_TBK: np.ndarray
    gradients: dict[str, np.ndarray]


def peer_python() -> str:
    """Its interpreter, whatever the directory it is started in."""
    found = shutil.which(os.environ.get("NER_PEER_PYTHON", sys.executable))
    return os.path.abspath(found) if found else sys.executable


def torch_version() -> str | None:
    """The peer's PyTorch; None if its interpreter has none."""
    probe = [peer_python(), "-c", "import torch; print(torch.__version__)"]
    finished = subprocess.run(probe, capture_output=True, text=True, check=False)
    return finished.stdout.strip() if finished.returncode == 0 else None


def peer_command(*words: str) -> list[str]:
    """To be started in ROOT, where the peer finds what it shares with us."""
    return [peer_python(), "-m", "bench.peer_commands", *words]


def outcomes(
    config: Config, index: Index, word_VD: np.ndarray, batch: Batch, lstm: str = "packed"
) -> tuple[Outcome, Outcome]:
    """Ours and the peer's, of one batch and the same random parameters, without dropout; lstm: packed or mirrored.

    Ours come from one step of training, through the door that training itself takes.
    """
    # It imports MXNet, which reads its environment while loading.
    from ner_dist.model import cnn_bilstm
    from ner_dist.model.word_vectors import InitialWords
    from ner_dist.ranks.comm import Solo
    from ner_dist.training.step import Learner

    config = copy.deepcopy(config)
    config.model.dropout_input = config.model.dropout_output = 0.0
    config.optimizer = Optimizer(name="sgd", clip_norm=0.0)
    tagger = cnn_bilstm.build(config, index, choose_device("cpu"))
    rng = np.random.default_rng(0)
    values = initial_parameters(tagger, config.model, config.train.seed)
    for name, value in values.items():
        # Those that begin with 0 would hide a wrong order of tags.
        values[name] = value if value.any() else rng.normal(0, 0.1, value.shape).astype(np.float32)
    cnn_bilstm.set_parameters(tagger, values)
    words = InitialWords(word_VD.copy(), np.zeros(len(word_VD), bool))
    learner = Learner(tagger, words, config, np.ones(index.num_tags, np.float32), Solo())
    named = _peer_names({**values, "words": word_VD}, config.model, index)
    ours = _ours(learner, named, config, index, batch)
    return ours, _peer(named, _peer_sizes(config, index, word_VD), batch, lstm)


def _ours(learner: Learner, before: dict[str, np.ndarray], config: Config, index: Index, batch: Batch) -> Outcome:
    from ner_dist.evaluation.score_split import predictions

    split: Any = SimpleNamespace(scoring_batches=lambda batch_sentences: [batch])
    (predicted,) = predictions(learner.tagger, learner.words.weight_VD, split, config)
    (shared,) = learner.exchange_word_ids([batch])
    # So large that the gradient outweighs the parameter it is taken from, and rounding leaves it whole.
    rate = 1024.0
    loss = learner.step(batch, shared, epoch=0, step_id=0, learning_rate=rate).loss
    values = {name.removeprefix("parameter/"): value for name, value in learner.state().items()}
    after = _peer_names(values, config.model, index)
    gradients = {name: (before[name] - after[name]) * (len(batch.length_B) / rate) for name in before}
    # What a model says of padding is its own business.
    return Outcome(loss, predicted.emission_TBK * batch.mask_TB[:, :, None], gradients)


def _peer(parameters: dict[str, np.ndarray], sizes: dict[str, Any], batch: Batch, lstm: str) -> Outcome:
    given = {f"batch/{name}": value for name, value in batch._asdict().items()}
    given.update({f"parameter/{name}": value for name, value in parameters.items()})
    with tempfile.TemporaryDirectory() as folder:
        given_path, found_path = Path(folder) / "given.npz", Path(folder) / "found.npz"
        np.savez(given_path, sizes=np.array(json.dumps(sizes)), **given)
        command = peer_command("check", str(given_path), str(found_path), "--lstm", lstm)
        subprocess.run(command, cwd=ROOT, check=True)
        with np.load(found_path) as found:
            gradients = {name: found[f"gradient/{name}"] for name in parameters}
            return Outcome(float(found["loss"]), found["emission"] * batch.mask_TB[:, :, None], gradients)


def largest_difference(ours: Outcome, peer: Outcome) -> float:
    """Of losses, emissions and gradients, each relative to the largest number of its array."""
    assert ours.gradients.keys() == peer.gradients.keys()
    pairs = [(np.array(ours.loss), np.array(peer.loss)), (ours.emission_TBK, peer.emission_TBK)]
    pairs += [(ours.gradients[name], peer.gradients[name]) for name in ours.gradients]
    return max(float(abs(mine - yours).max() / abs(mine).max()) for mine, yours in pairs)


def _peer_names(values: dict[str, np.ndarray], sizes: Model, index: Index) -> dict[str, np.ndarray]:
    """Our parameters as the peer names them."""
    fixed = {"words": "word.weight", "char_cnn.char.weight": "char.weight"}
    fixed.update({"char_cnn.weight": "conv.weight", "char_cnn.bias": "conv.bias"})
    features = enumerate(used_features(sizes, index))
    fixed.update({f"feature_{feature.name}.weight": f"features.{i}.weight" for i, (_, feature) in features})
    named, rows = {}, 4 * sizes.lstm_units
    for name, value in values.items():
        if not name.endswith("_lstm"):
            named[fixed.get(name, name.replace("transitions.", "crf."))] = value
            continue
        # Gates come in the same order; input matrix, recurrent matrix, and a bias of each.
        suffix = "l0" if name.endswith("forward_lstm") else "l0_reverse"
        inputs = len(value) // rows - sizes.lstm_units - 2
        cuts = np.cumsum([rows * inputs, rows * sizes.lstm_units, rows])
        weight_ih, weight_hh, bias_ih, bias_hh = np.split(value, cuts)
        named[f"lstm.weight_ih_{suffix}"] = weight_ih.reshape(rows, inputs)
        named[f"lstm.weight_hh_{suffix}"] = weight_hh.reshape(rows, sizes.lstm_units)
        named[f"lstm.bias_ih_{suffix}"], named[f"lstm.bias_hh_{suffix}"] = bias_ih, bias_hh
    return named


_SAME_SIZES = ("char_units", "char_filters", "char_width", "feature_units", "lstm_units")


def _peer_sizes(config: Config, index: Index, word_VD: np.ndarray) -> dict[str, Any]:
    """The fields of the peer's Sizes."""
    sizes, features = config.model, used_features(config.model, index)
    assert not sizes.char_type_units, "the peer has no types of characters"
    assert sizes.lstm_layers == 1, "the peer has one layer"
    return {
        "num_words": len(word_VD),
        "num_chars": index.vocab["char"].num_values,
        "num_tags": index.num_tags,
        "feature_values": [feature.num_values for _, feature in features],
        "feature_places": [place for place, _ in features],
        "word_units": word_VD.shape[1],
        **{name: getattr(sizes, name) for name in _SAME_SIZES},
    }
