"""Every knob of training: its type, its default and what it does. Values come from job/*.yaml and the command line."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import re
from pathlib import Path
from typing import Any, Dict, List, Literal, Optional

import yaml
from jsonargparse import ArgumentParser, set_parsing_settings

from ner_dist.cli.shell_completion import offer_choices
from ner_dist.errors import UserError

DEFAULT_JOB = "job/default.yaml"

# Element-wise rules only: they may be applied to the word rows of one step as well as to whole tables.
# lars, lamb and lbsgd take norms of whole layers; sgld draws noise that differs between ranks; adamax divides
# 0 by 0 where the gradient has been 0 in every step, as that of a character that has not occurred yet.
OptimizerName = Literal[
    "adadelta", "adagrad", "adam", "dcasgd", "ftml", "ftrl", "nadam", "nag", "rmsprop", "sgd", "signum"
]


class ConfigError(UserError):
    """A knob that does not exist, has the wrong type, or contradicts another."""


@dataclasses.dataclass
class Data:
    """Where the shards are."""

    shards: str = "data/shards"
    """Directory of shards that `make shards` or `python -m data_prep build` has written."""
    train_on: Literal["train", "train+dev"] = "train"
    """What to train on; train+dev is for a final model whose epochs were found on dev, with train.keep last."""
    memory_mb: float = 0.0
    """Megabytes of each of its shards that a rank holds at once; an epoch then has chapters, shuffled apart. 0: all."""


@dataclasses.dataclass
class Model:
    """Sizes of the CNN-BiLSTM (Chiu & Nichols 2016)."""

    vectors: Literal["auto", "require", "ignore"] = "auto"
    """Begin with the pretrained word vectors of the shards: auto if there are any; ignore learns words from nothing."""
    word_units: int = 100
    """Size of a word embedding; pretrained vectors bring their own."""
    char_units: int = 25
    """Size of a character embedding."""
    char_type_units: int = 4
    """Size of a character-type embedding (upper, lower, punctuation, other)."""
    char_filters: int = 53
    """Filters of the character convolution; 0 leaves the characters out."""
    char_width: int = 3
    """Characters a filter sees; odd."""
    feature_units: int = 16
    """Largest size of the embedding of a token feature (capitalisation, POS, ...)."""
    features: Optional[List[str]] = None
    """Token features to use, such as [caps, lexicon], lexicon standing for all of its types; null: all there are."""
    lstm_units: int = 200
    """State size of the LSTM, a direction."""
    lstm_layers: int = 1
    """Bidirectional LSTM layers, one upon the other."""
    dropout_input: float = 0.25
    """Share of the LSTM's inputs set to 0 in training, in steps of 1/256."""
    dropout_output: float = 0.5
    """Share of each LSTM layer's outputs set to 0 in training, in steps of 1/256."""
    dropout_recurrent: float = 0.0
    """Share of each LSTM's recurrent weights set to 0 in a step of training (Merity 2017), in steps of 1/256."""
    dropout_locked: bool = False
    """Drop the same units at all tokens of a sentence (variational dropout), not others at each token."""
    dropout_words: float = 0.0
    """Share of the tokens whose word is taken for unknown in training."""
    dropout_singletons: float = 0.0
    """The same for words that occur once in train, which is how the unknown word is learnt (Lample 2016: 0.5)."""
    dropout_chars: float = 0.0
    """Share of the characters taken for unknown ones of their type in training."""


@dataclasses.dataclass
class Loss:
    """Negative log-likelihood, summed and divided once by a global count."""

    likelihood: Literal["token", "sentence"] = "token"
    """token: each tag by itself (softmax); sentence: the whole tag sequence, with transitions (CRF)."""
    forbid: bool = True
    """sentence: what BILOU forbids takes no part in training, either; it is never predicted anyway."""
    weighting: Literal["none", "frequency", "given"] = "none"
    """Class weights of tags: none, from the training split's tag frequencies, or as given in loss.weights."""
    frequency_power: float = 0.5
    """With weighting frequency: weight = (share of the tag) ** -power, scaled to a mean of 1 over the tokens."""
    weights: Optional[Dict[str, float]] = None
    """With weighting given: weight by tag (B-LOC), entity type (LOC) or O; 1 for those not named."""
    divide_by: Literal["sentences", "tokens"] = "sentences"
    """The global count of the step that the summed loss and gradient are divided by."""


@dataclasses.dataclass
class Optimizer:
    """The update rule, by MXNet's name."""

    name: OptimizerName = "adam"
    """Update rule."""
    learning_rate: float = 0.002
    """Learning rate of the first epoch."""
    schedule: Literal["inverse", "cosine", "plateau"] = "inverse"
    """Course of the learning rate: inverse by decay; cosine down to 0 at the last step; plateau by dev F1."""
    decay: float = 0.0
    """inverse: the rate of epoch e (from 0) is learning_rate / (1 + decay * e)."""
    plateau_epochs: int = 2
    """plateau: multiply the rate by plateau_factor after so many epochs without a better dev F1."""
    plateau_factor: float = 0.5
    """plateau: what the rate is multiplied by; below 1."""
    warmup_steps: int = 0
    """Steps at first in which the rate rises linearly to what the schedule says."""
    weight_decay: float = 0.0
    """L2 penalty on every parameter; on word embeddings only in the steps that use the word."""
    decoupled_decay: float = 0.0
    """Shrink each weight by this times the learning rate in each step that updates it; adam with this is AdamW."""
    frozen_epochs: int = 0
    """Epochs at first in which pretrained word vectors stay as they are; as many as train.epochs for good."""
    clip_norm: float = 5.0
    """Largest norm of the whole global gradient; larger ones are scaled down to it. 0 never clips."""
    params: Dict[str, Any] = dataclasses.field(default_factory=dict)
    """Further arguments of the rule by MXNet's names, such as {momentum: 0.9} or {beta1: 0.9}."""


@dataclasses.dataclass
class Train:
    """The course of training."""

    epochs: int = 10
    """Passes over the training split."""
    seed: int = 1
    """Decides initial parameters, order and dropout; the number of ranks does not."""
    batch_sentences: int = 32
    """Sentences of one step over all ranks."""
    average: float = 0.0
    """Score and keep an exponential moving average of the parameters with this decay a step; 0: the parameters."""
    keep: Literal["best", "last"] = "best"
    """Whose parameters are the result: those of the epoch with the best dev F1, or of the last epoch."""
    score_test: bool = True
    """Score the test split at the end; say false while knobs are being chosen."""
    patience: int = 0
    """Stop after this many epochs without a better dev F1; 0 never stops early."""
    eval_batch_sentences: int = 128
    """Sentences a rank scores at once."""
    checkpoint_steps: int = 0
    """Save checkpoints/last every so many steps, besides the end of each epoch; 0 only there."""
    log_steps: int = 100
    """Write a line to metrics.jsonl every so many steps."""
    track: List[Literal["mlflow", "wandb"]] = dataclasses.field(default_factory=list)
    """Send knobs, metrics and result also to MLflow or Weights & Biases, such as [mlflow] (extra ner-dist[track])."""
    resume: bool = False
    """Continue the run in --run from its last checkpoint, if it has one."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where ranks compute: gpu takes the GPU of the rank's place on its host; auto takes it if there is one."""
    hang_seconds: float = 600.0
    """A rank that makes no progress for so long ends itself, three times as long when it waits for others. 0: never."""


@dataclasses.dataclass
class Config:
    """One training run."""

    run: Optional[str] = None
    """Directory of the run; runs/<job>-<date>-<time> if not given."""
    data: Data = dataclasses.field(default_factory=Data)
    model: Model = dataclasses.field(default_factory=Model)
    loss: Loss = dataclasses.field(default_factory=Loss)
    optimizer: Optimizer = dataclasses.field(default_factory=Optimizer)
    train: Train = dataclasses.field(default_factory=Train)


# Knobs that may change between a run and its continuation: they steer where, how long and how often, not what.
RESUMABLE = {
    "run",
    "data.shards",
    "train.epochs",
    "train.score_test",
    "train.patience",
    "train.eval_batch_sentences",
    "train.checkpoint_steps",
    "train.log_steps",
    "train.track",
    "train.resume",
    "train.device",
    "train.hang_seconds",
}


def parse(argv: list[str]) -> tuple[Config, str]:
    """The configuration of a command line and the name of its job file.

    Without --config the job is job/default.yaml. Raises ConfigError in one sentence; --help exits.
    """
    if not any(word == "--config" or word.startswith("--config=") for word in argv) and Path(DEFAULT_JOB).is_file():
        argv = ["--config", DEFAULT_JOB, *argv]
    parser = _parser()
    try:
        parsed = parser.parse_args(argv)
    except argparse.ArgumentError as error:
        raise ConfigError(_explain(str(error))) from error
    record = {field.name: parsed.as_dict()[field.name] for field in dataclasses.fields(Config)}
    for name, value in record.items():
        if name != "run" and not isinstance(value, dict):
            raise ConfigError(f"{name} is {value}, expected knobs under it; leave it out to change none")
    config = from_dict(record)
    _check(config)
    return config, Path(str(parsed.config[-1])).stem if parsed.config else "default"


def to_dict(config: Config) -> dict[str, Any]:
    return dataclasses.asdict(config)


def from_dict(record: dict[str, Any]) -> Config:
    """A configuration that to_dict made."""
    parts = {"data": Data, "model": Model, "loss": Loss, "optimizer": Optimizer, "train": Train}
    return Config(**{name: parts[name](**value) if name in parts else value for name, value in record.items()})


def to_yaml(config: Config) -> str:
    return yaml.safe_dump(to_dict(config), sort_keys=False, allow_unicode=True)


def flat(config: Config) -> dict[str, Any]:
    """Knobs by their dotted names."""
    knobs = {}
    for name, value in to_dict(config).items():
        section = isinstance(value, dict)
        knobs.update({f"{name}.{key}": item for key, item in value.items()} if section else {name: value})
    return knobs


def _parser() -> ArgumentParser:
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(
        prog="python -m ner_dist.train",
        description="Train a CNN-BiLSTM tagger on shards, in one process or on every rank of a horovodrun job.",
        epilog="Example: horovodrun -np 4 python -m ner_dist.train --config job/conll2003.yaml --train.seed 2",
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("--config", action="config", help=f"Job file: knobs in YAML. Without it {DEFAULT_JOB}.")
    parser.add_class_arguments(Config, as_group=False)
    offer_choices(parser, Config)
    return parser


def _explain(message: str) -> str:
    """jsonargparse's complaint as one sentence, with the nearest name if a knob is unknown."""
    message = re.sub(r"\s+", " ", message).strip().rstrip(".")
    if message.startswith("Unexpected config"):
        return f"the --config file holds no knobs; write them as in {DEFAULT_JOB}"
    message = re.sub(r"(?:<class '(\w+)'>|typing\.)", r"\1", message)
    message = re.sub(r'^Parser key "([\w.]+)": ', r"--\1: ", message)
    in_group = re.search(r"Group '([\w.]+)' does not accept option '([\w.]+)'", message)
    alone = re.search(r"[Uu]nrecognized arguments: -*([\w.\-]+)|Option '([\w.\-]+)' is not accepted", message)
    if not in_group and not alone:
        return f"{message}; see python -m ner_dist.train --help"
    found = in_group or alone
    assert found is not None
    name = ".".join(in_group.groups()) if in_group else next(group for group in found.groups() if group)
    near = difflib.get_close_matches(name, [*flat(Config()), "config", "help"], n=1, cutoff=0.0)
    return f"unknown knob {name!r}; did you mean --{near[0]}?"


_ABOVE_0 = {
    "model.word_units",
    "model.char_units",
    "model.char_width",
    "model.lstm_units",
    "model.lstm_layers",
    "model.feature_units",
    "optimizer.learning_rate",
    "optimizer.plateau_epochs",
    "optimizer.plateau_factor",
    "train.epochs",
    "train.batch_sentences",
    "train.eval_batch_sentences",
    "train.log_steps",
}


_SHARES_TO_1 = {"model.dropout_singletons"}
_BELOW_1 = {"train.average", "optimizer.plateau_factor"}


def _check(config: Config) -> None:
    """Ranges that a type cannot say."""
    defaults = flat(Config())
    for name, value in flat(config).items():
        if value is None and defaults[name] is not None:
            raise ConfigError(f"--{name} has no value, expected one such as {defaults[name]}")
        if name in _ABOVE_0 and not value > 0:
            raise ConfigError(f"--{name} is {value}, expected a number above 0")
        if isinstance(value, bool):
            continue
        if isinstance(value, (int, float)) and not 0 <= value < float("inf"):
            raise ConfigError(f"--{name} is {value}, expected a finite number of 0 or more")
        if name.startswith("model.dropout") and name not in _SHARES_TO_1 and value > 0.95:
            raise ConfigError(f"--{name} is {value}, expected 0 to 0.95")
        if name in _SHARES_TO_1 and value > 1:
            raise ConfigError(f"--{name} is {value}, expected 0 to 1")
        if name in _BELOW_1 and value >= 1:
            raise ConfigError(f"--{name} is {value}, expected a number below 1")
    if config.model.char_width % 2 == 0:
        raise ConfigError(f"--model.char_width is {config.model.char_width}, expected an odd number")
    if (config.loss.weighting == "given") != (config.loss.weights is not None):
        raise ConfigError("--loss.weights and --loss.weighting given belong together; one of them is missing")
    if config.loss.likelihood == "sentence" and config.loss.weighting != "none":
        raise ConfigError(
            f"--loss.weighting {config.loss.weighting} weighs single tags, which --loss.likelihood sentence does not "
            "have; use one of the two"
        )
    if config.data.train_on == "train+dev" and config.train.keep == "best":
        raise ConfigError(
            "--data.train_on train+dev leaves no dev to choose the best epoch by; say --train.keep last and set "
            "--train.epochs as found on train alone"
        )
    for name, weight in (config.loss.weights or {}).items():
        if not 0 <= weight < float("inf"):
            raise ConfigError(f"--loss.weights: {name} is {weight}, expected a finite number of 0 or more")
    if config.train.seed >= 1 << 64:
        raise ConfigError(f"--train.seed is {config.train.seed}, expected a number below 2^64")
