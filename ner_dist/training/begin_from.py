"""`train.begin_from MODEL`: the trained model that a new run begins from, read once by rank 0 for all ranks."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ner_dist.config import Config, ConfigError
from ner_dist.contract.shard_format import Index, read_vocab
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.data import used_inputs
from ner_dist.errors import UserError
from ner_dist.model.initial_values import initial_embeddings
from ner_dist.model.parameter_shapes import parameter_shapes, word_shape
from ner_dist.ranks.comm import Comm, on_rank_0
from ner_dist.run import begun_from, checkpoint
from ner_dist.run.begun_from import BegunFrom
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.saver import BEST
from ner_dist.stores.models import local_model
from ner_dist.training.carry_over import CHARACTERS, TAGS, WORDS, NamedModel, counterparts, num_specials

# What vocabularies are called in a run's files, but for those of token features.
_COUNTED = {WORDS: "words", CHARACTERS: "characters"}

log = logging.getLogger("ner_dist")


class Origin(NamedTuple):
    """What a run begins from."""

    model: NamedModel
    facts: BegunFrom


def read_origin(config: Config, index: Index, comm: Comm) -> Origin | None:
    """The model of train.begin_from, None if there is none; every rank must call it.

    index: of the shards to train on. Raises JobError on every rank if the model cannot be read, or if a knob gives its
    parameters other shapes.
    """
    model = config.train.begin_from
    return on_rank_0(comm, lambda: _read(model, config, index)) if model else None


def record_origin(run: Path, origin: Origin) -> None:
    """Say what was carried over, and keep it for the result, which a later process may write."""
    begun_from.write(run, origin.facts)
    log.info("%s", origin.facts.sentence())
    print(origin.facts.sentence(), flush=True)


def with_names(
    config: Config, index: Index, directory: Path, parameters: dict[str, np.ndarray], words_VD: np.ndarray
) -> NamedModel:
    """A model's parameters with the names of their rows. directory: of its shards, or of its checkpoint."""
    features = used_inputs.used_features(config.model, index)
    kinds = {WORDS: len(words_VD), CHARACTERS: None, **{feature.name: None for _, feature in features}}
    names = {kind: read_vocab(directory, index, kind)["values"][:most] for kind, most in kinds.items()}
    names[TAGS] = bilou_tags(index.entity_types)
    inputs = {WORDS: used_inputs.word_units(config.model, index), CHARACTERS: config.model.char_filters}
    inputs.update({feature.name: min(config.model.feature_units, feature.num_values) for _, feature in features})
    return NamedModel(parameters, words_VD, names, inputs)


def _read(named: str, config: Config, index: Index) -> Origin:
    model = local_model(named)
    place = _checkpoint_of(model)
    saved = checkpoint.load(place)
    _require_same_sizes(model, saved, config, index)
    directory = checkpoint.find(place)
    words_VD = initial_embeddings(saved.config, saved.index, directory).weight_VD
    words_VD[: len(saved.words())] = saved.words()
    old = with_names(saved.config, saved.index, directory, saved.parameters(), words_VD)
    new = with_names(config, index, Path(config.data.shards), {}, np.empty(word_shape(config, index), np.float32))
    # There may be many more words, which come from vectors alone, and all of this goes to every rank.
    old = _with_words_of(old, new.names[WORDS])
    anew = sorted({name.split(".")[0] for name in parameter_shapes(config, index).keys() - old.parameters.keys()})
    facts = (named, place.name, saved.progress.epoch, saved.index.fingerprint(), _counts(old, new, index), anew)
    return Origin(old, BegunFrom(*facts))


def _checkpoint_of(model: Path) -> Path:
    """Where the checkpoint of a run lies, or this one if it is a checkpoint. Raises UserError if it is neither."""
    if (model / "tagger.json").is_file():
        raise UserError(
            f"--train.begin_from {model}: this is an export, whose parameters are not those of training; name the run "
            "that it was made of"
        )
    if (model / "state.json").is_file():
        return model
    if not checkpoint.exists(model / "checkpoints" / BEST):
        raise UserError(
            f"--train.begin_from {model}: neither the directory of a run, with checkpoints/{BEST}, nor of a checkpoint"
        )
    return model / "checkpoints" / BEST


def _require_same_sizes(model: Path, saved: Checkpoint, config: Config, index: Index) -> None:
    """Raises ConfigError naming each knob that gives parameters another shape than the model's have."""
    there, here = saved.config.model, config.model
    # With pretrained vectors, they set the units.
    units = used_inputs.word_units(there, saved.index), used_inputs.word_units(here, index)
    found = {"word_units": units}
    knobs = ["char_filters", "lstm_units", "lstm_layers"]
    if there.char_filters and here.char_filters:
        knobs += ["char_units", "char_type_units", "char_width"]
    if used_inputs.used_features(there, saved.index) and used_inputs.used_features(here, index):
        knobs.append("feature_units")
    found.update({name: (getattr(there, name), getattr(here, name)) for name in knobs})
    different = [f"--model.{name} {old}, here {new}" for name, (old, new) in found.items() if old != new]
    if different:
        advice = f"--like {model} trains with its knobs"
        if units[0] != units[1] and (saved.index.vectors or index.vectors):
            advice += "; word units are those of the shards' vectors, if these are used (--model.vectors)"
        raise ConfigError(
            f"--train.begin_from {model}: its parameters have other shapes: {', '.join(different)}; {advice}"
        )


def _with_words_of(model: NamedModel, words: list[str]) -> NamedModel:
    wanted = set(words)
    kept = [i for i, word in enumerate(model.names[WORDS]) if i < num_specials(WORDS) or word in wanted]
    names = {**model.names, WORDS: [model.names[WORDS][i] for i in kept]}
    return model._replace(words_VD=model.words_VD[kept], names=names)


def _counts(old: NamedModel, new: NamedModel, index: Index) -> dict[str, list[int]]:
    """How many of each kind of the new model's names are known, and how many there are."""
    known_tags = set(old.names[TAGS])
    found = {"types": [sum(f"B-{name}" in known_tags for name in index.entity_types), len(index.entity_types)]}
    for kind, names in new.names.items():
        if kind != TAGS:
            specials = num_specials(kind)
            known = counterparts(kind, old.names[kind], names).new if kind in old.names else range(specials)
            found[_COUNTED.get(kind, f"feature_{kind}")] = [len(known) - specials, len(names) - specials]
    return found
