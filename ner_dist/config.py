"""Every knob of training: its type, its default and its meaning. Values come from job/*.yaml and the command line."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Literal, Optional

import yaml

from ner_dist.cli.yaml_options import check_arguments, explain, make_yaml_parser, nearest, unknown_option
from ner_dist.errors import UserError
from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.json_files import checked, loads, read_bytes
from ner_dist.foreign.local_paths import local_path
from ner_dist.foreign.yaml_files import read_yaml

DEFAULT_JOB = "job/default.yaml"
# The project's job files: in a checkout, and in an installed copy.
_JOB_FOLDERS = [Path(__file__).parents[1] / "job", Path(__file__).parent / "jobs"]
_PROG = "python -m ner_dist.train"

# Element-wise optimizers only: they can be applied to the word rows of one step as well as to whole tables.
# lars, lamb and lbsgd take norms of whole layers; sgld draws noise that differs between ranks; adamax divides 0 by 0
# where the gradient has been 0 in every step so far, as that of a character that has not occurred yet.
OptimizerName = Literal[
    "adadelta", "adagrad", "adam", "dcasgd", "ftml", "ftrl", "nadam", "nag", "rmsprop", "sgd", "signum"
]
# The rows of run/trackers/table.py.
TrackerName = Literal["mlflow", "wandb"]
# Limits of a knob, besides those of all numbers: finite, and 0 or more.
_ABOVE_0, _SHARE = {"above_0": True}, {"most": 0.95}
# A layer of more units takes gigabytes; so would a mistyped or damaged number.
_UNITS, _ANY_UNITS = {"above_0": True, "most": 1 << 16}, {"most": 1 << 16}
# It may change when a run is resumed: it decides where, how long or how often, not what is learned.
_RESUMABLE = {"resumable": True}
# What --like leaves to the new run, and how large an export's description may be.
_NOT_LIKE, _MOST_EXPORT_BYTES = ("run", "train.resume", "train.begin_from"), 1 << 30
# A file or folder of the user's.
_PATH = {"is_path": True}


class ConfigError(UserError):
    """A knob that does not exist, has the wrong type, or contradicts another."""


@dataclass
class Data:
    """Shards to train on."""

    shards: str = field(default="data/shards", metadata={**_RESUMABLE, **_PATH})
    """Directory of the shards, as written by `make shards` or `python -m data_prep build`."""
    train_on: Literal["train", "train+dev"] = "train"
    """train+dev is for a final model, with the epochs that were best on dev and train.keep last."""
    memory_mb: float = 0.0
    """Megabytes of each shard that a rank holds at once; an epoch is then shuffled in chapters of that size. 0: all."""


@dataclass
class Model:
    """Sizes of the CNN-BiLSTM (Chiu & Nichols 2016)."""

    vectors: Literal["auto", "require", "ignore"] = "auto"
    """Pretrained word vectors of the shards. auto: use them if there are any; ignore: learn words from scratch."""
    word_units: int = field(default=100, metadata=_UNITS)
    """Size of a word embedding; pretrained vectors set their own."""
    char_units: int = field(default=25, metadata=_UNITS)
    """Size of a character embedding."""
    char_type_units: int = field(default=4, metadata=_ANY_UNITS)
    """Size of a character-type embedding (upper, lower, punctuation, other)."""
    char_filters: int = field(default=53, metadata=_ANY_UNITS)
    """Filters of the character convolution; 0 turns characters off."""
    char_width: int = field(default=3, metadata={"above_0": True, "most": 255})
    """Characters that a filter sees; odd."""
    feature_units: int = field(default=16, metadata=_UNITS)
    """Largest embedding size of a token feature (capitalisation, POS, ...)."""
    features: Optional[List[str]] = None
    """Token features to use, for example [caps, lexicon], where lexicon means all of its types. null: all there are."""
    lstm_units: int = field(default=200, metadata=_UNITS)
    """LSTM state size in each direction."""
    lstm_layers: int = field(default=1, metadata={"above_0": True, "most": 255})
    """Stacked bidirectional LSTM layers."""
    dropout_input: float = field(default=0.25, metadata=_SHARE)
    """Share of the LSTM's inputs set to 0 in training, in multiples of 1/256."""
    dropout_output: float = field(default=0.5, metadata=_SHARE)
    """Share of each LSTM layer's outputs set to 0 in training, in multiples of 1/256."""
    dropout_recurrent: float = field(default=0.0, metadata=_SHARE)
    """Share of each LSTM's recurrent weights set to 0 in a training step (Merity 2017), in multiples of 1/256."""
    dropout_locked: bool = False
    """Drop the same units at all tokens of a sentence (variational dropout) instead of new ones at each token."""
    dropout_words: float = field(default=0.0, metadata=_SHARE)
    """Share of tokens whose word is replaced by UNK in training (word dropout)."""
    dropout_singletons: float = field(default=0.0, metadata={"most": 1})
    """The same for words that occur once in train, from which the UNK embedding is learned (Lample 2016: 0.5)."""
    dropout_chars: float = field(default=0.0, metadata=_SHARE)
    """Share of characters replaced in training by the unknown character of their type."""


@dataclass
class Loss:
    """Negative log-likelihood, summed over all ranks and divided once by a global count."""

    likelihood: Literal["token", "sentence"] = "token"
    """token: each tag by itself (softmax); sentence: the whole tag sequence, with transition scores (CRF)."""
    forbid: bool = True
    """sentence: leave sequences that BILOU forbids out of the likelihood, too; they are never predicted in any case."""
    weighting: Literal["none", "frequency", "given"] = "none"
    """Class weights of the tags: none, from their frequency in the training split, or as given in loss.weights."""
    frequency_power: float = 0.5
    """weighting frequency: weight = (share of the tag) ** -power, scaled to a mean of 1 over the tokens."""
    weights: Optional[Dict[str, float]] = None
    """weighting given: weights by tag (B-LOC), entity type (LOC) or O; 1 for all others."""
    divide_by: Literal["sentences", "tokens"] = "sentences"
    """Global count of the step by which the summed loss and gradient are divided."""


@dataclass
class Optimizer:
    """Optimizer and learning rate, by MXNet's names."""

    name: OptimizerName = "adam"
    """Optimizer."""
    learning_rate: float = field(default=0.002, metadata=_ABOVE_0)
    """Learning rate of the first epoch."""
    schedule: Literal["inverse", "cosine", "plateau"] = "inverse"
    """Learning rate schedule: inverse by decay; cosine down to 0 at the last step; plateau by dev F1."""
    decay: float = 0.0
    """inverse: the rate in epoch e, counted from 0, is learning_rate / (1 + decay * e)."""
    plateau_epochs: int = field(default=2, metadata=_ABOVE_0)
    """plateau: multiply the rate by plateau_factor after this many epochs that are no better (see train.patience)."""
    plateau_factor: float = field(default=0.5, metadata={**_ABOVE_0, "below": 1})
    """plateau: factor below 1."""
    warmup_steps: int = 0
    """Steps at the start in which the rate rises linearly to that of the schedule."""
    weight_decay: float = 0.0
    """L2 penalty on every parameter; on a word embedding only in steps that use the word."""
    decoupled_decay: float = 0.0
    """Shrink a weight by this times the learning rate in each step that updates it; with adam this is AdamW."""
    frozen_epochs: int = 0
    """Epochs at the start in which pretrained word vectors stay fixed; train.epochs fixes them throughout."""
    clip_norm: float = 5.0
    """Largest norm of the whole global gradient; a larger one is scaled down to it. 0: never."""
    params: Dict[str, Any] = field(default_factory=dict)
    """Further arguments of the optimizer by MXNet's names, for example {momentum: 0.9} or {beta1: 0.9}."""


@dataclass
class Train:
    """Epochs, batches, checkpoints and the device."""

    epochs: int = field(default=10, metadata={**_ABOVE_0, **_RESUMABLE})
    """Passes over the training split."""
    seed: int = 1
    """Seed of initial parameters, order and dropout, which do not depend on the number of ranks."""
    batch_sentences: int = field(default=32, metadata=_ABOVE_0)
    """Sentences in one step, over all ranks."""
    average: float = field(default=0.0, metadata={"below": 1})
    """Score and keep an exponential moving average of the parameters, with this decay per step. 0: no average."""
    keep: Literal["best", "last"] = "best"
    """Parameters to keep: of the epoch with the best dev F1 (of equals, the lowest dev loss), or of the last epoch."""
    score_test: bool = field(default=True, metadata=_RESUMABLE)
    """Score the test split at the end; set to false while choosing knobs."""
    patience: int = field(default=0, metadata=_RESUMABLE)
    """Stop after this many epochs without a better dev F1, or as good a one with a lower dev loss. 0: never."""
    eval_batch_sentences: int = field(default=128, metadata={**_ABOVE_0, **_RESUMABLE})
    """Sentences that a rank scores at once."""
    checkpoint_steps: int = field(default=0, metadata=_RESUMABLE)
    """Save checkpoints/last every this many steps, besides at the end of each epoch. 0: not by steps."""
    checkpoint_minutes: float = field(default=5.0, metadata=_RESUMABLE)
    """Save checkpoints/last also when this many minutes have passed since the one before. 0: not by time."""
    earlier_checkpoints: int = field(default=1, metadata=_RESUMABLE)
    """Keep this many earlier checkpoints as last-1, last-2, ...; a run is resumed from them if last is damaged."""
    grace_seconds: float = field(default=30.0, metadata={**_ABOVE_0, **_RESUMABLE})
    """After SIGTERM or Ctrl-C, the most seconds until the step is done and saved; then the rank ends without saving."""
    log_steps: int = field(default=100, metadata={**_ABOVE_0, **_RESUMABLE})
    """Write a line to metrics.jsonl every this many steps."""
    track: List[TrackerName] = field(default_factory=list, metadata=_RESUMABLE)
    """Also send knobs, metrics and result to [mlflow] or [wandb] (Weights & Biases); needs ner-dist[track]."""
    begin_from: Optional[str] = field(default=None, metadata=_PATH)
    """Begin from the parameters of this run, or checkpoint's directory, wherever words, characters, types and values
    of token features have the same names; only what it does not know begins as usual."""
    resume: bool = field(default=False, metadata=_RESUMABLE)
    """Continue the run in --run from its last checkpoint, if it has one."""
    device: Literal["auto", "cpu", "gpu"] = field(default="auto", metadata=_RESUMABLE)
    """Device of the ranks. gpu: the GPU with the rank's local number on its host; auto: that GPU if there is one."""
    hang_seconds: float = field(default=600.0, metadata=_RESUMABLE)
    """End a rank that makes no progress for this long, or three times this long if it waits for others. 0: never."""
    agreement_steps: int = field(default=500, metadata=_RESUMABLE)
    """Every this many steps, compare checksums of what the ranks have trained, and find slow ranks. 0: never."""


@dataclass
class Config:
    """One training run."""

    run: Optional[str] = field(default=None, metadata={**_RESUMABLE, **_PATH})
    """Directory of the run; by default runs/<job>-<date>-<time>."""
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    loss: Loss = field(default_factory=Loss)
    optimizer: Optimizer = field(default_factory=Optimizer)
    train: Train = field(default_factory=Train)


def _knobs(config: Config) -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    """The dotted name of each knob, its declaration and its value."""
    for section in dataclasses.fields(config):
        value = getattr(config, section.name)
        if dataclasses.is_dataclass(value):
            for knob in dataclasses.fields(value):
                yield f"{section.name}.{knob.name}", knob, getattr(value, knob.name)
        else:
            yield section.name, section, value


RESUMABLE = {name for name, knob, _ in _knobs(Config()) if knob.metadata.get("resumable")}


def parse(argv: list[str]) -> tuple[Config, str]:
    """The configuration of a command line, and the name of its job file without folder and ending, or of its model.

    Without --config or --like the job is job/default.yaml. Raises ConfigError; --help exits.
    """
    parser = make_yaml_parser(
        Config,
        _PROG,
        usage="[--config JOB | --like MODEL] [--run DIR] [--SECTION.KNOB VALUE ...]",
        description="Train a CNN-BiLSTM tagger on shards, in one process or on every rank of a horovodrun job.",
        example=f"horovodrun -np 4 {_PROG} --config job/conll2003.yaml --train.seed 2",
        first=("config", "data.shards", "run", "train.epochs", "train.resume"),
        file_option="--config",
        file_help=f"Job file: knobs in YAML (default {DEFAULT_JOB})",
        file_like=(
            "--like",
            "Train as this model was trained (a run, a checkpoint or an export), instead of a job file",
        ),
    )
    model, argv = like_model(argv)
    words = _with_job_files(argv) if model is None else [*_as_words(_knobs_of(model)), *argv]
    try:
        check_arguments(words, ["--config", *(f"--{section.name}" for section in dataclasses.fields(Config))])
        parsed = parser.parse_args(words)
    except ForeignFileError as error:
        raise ConfigError(str(error)) from error
    except argparse.ArgumentError as error:
        raise ConfigError(_explain(str(error))) from error
    # A number of thousands of digits in a job file, for example.
    except (ValueError, RecursionError) as error:
        raise ConfigError(explain(str(error), _PROG, "--config")) from error
    record = {field.name: parsed.as_dict()[field.name] for field in dataclasses.fields(Config)}
    for name, value in record.items():
        if name != "run":
            if not isinstance(value, dict):
                raise ConfigError(f"{name} is {value}, expected knobs under it; leave it out to change none")
            # Where the knobs of --SECTION FILE come from.
            value.pop("__path__", None)
    config = from_dict(record)
    _check(config)
    for knob_name, knob, value in _knobs(config):
        if knob.metadata.get("is_path") and value:
            _require_local(value, f"--{knob_name}")
    if model is not None:
        # Of a checkpoint, the run's name says more.
        return config, model.resolve().parents[1].name if model.parent.name == "checkpoints" else model.resolve().name
    return config, Path(str(parsed.config[-1])).stem if parsed.config else "default"


def like_model(argv: list[str]) -> tuple[Path | None, list[str]]:
    """The model of --like, and the command line without it. Raises ConfigError unless it alone names knobs."""
    words = [part for word in argv for part in (word.split("=", 1) if word.startswith("--like=") else [word])]
    if "--like" not in words:
        return None, argv
    place = words.index("--like")
    if place + 1 == len(words) or words[place + 1].startswith("--"):
        raise ConfigError("--like has no value, expected the directory of a run, of a checkpoint or of an export")
    rest = [*words[:place], *words[place + 2 :]]
    for other in ("--like", "--config"):
        if any(word.split("=")[0] == other for word in rest):
            raise ConfigError(f"--like and {other} both say which knobs to begin with; keep one of them")
    _require_local(words[place + 1], "--like")
    return Path(words[place + 1]), rest


def like_sentence(argv: list[str]) -> str:
    """What --like takes over, for people; empty without it. The command line must be one that parse accepts."""
    model, rest = like_model(argv)
    if model is None:
        return ""
    given = {word.split("=")[0].removeprefix("--") for word in rest if word.startswith("--")}
    taken = {name: value for name, value in _knobs_of(model).items() if name not in given}
    shown = ", ".join(
        f"{name} {json.dumps(value) if isinstance(value, dict) else value}" for name, value in taken.items()
    )
    return f"as {model}: {shown or 'all knobs at their defaults'}; not its {', '.join(_NOT_LIKE)}"


def _knobs_of(model: Path) -> dict[str, Any]:
    """The knobs of a model that are not at their defaults, but for those of a single run. Raises ConfigError."""
    defaults = flat(Config())
    found = {name: value for name, value in flat(_config_of(model)).items() if value != defaults[name]}
    return {name: value for name, value in found.items() if name not in _NOT_LIKE}


def _config_of(model: Path) -> Config:
    export = model / "tagger.json"
    try:
        for path in (model / "config.yaml", model / "checkpoints" / "best" / "config.yaml"):
            if path.is_file():
                return read_stored(path)
        if export.is_file():
            record = loads(read_bytes(export, _MOST_EXPORT_BYTES), export)
            origin = record.get("origin") if isinstance(record, dict) else None
            return from_record(origin.get("config") if isinstance(origin, dict) else None, export)
    except ForeignFileError as error:
        raise ConfigError(f"--like {model}: {error}") from error
    raise ConfigError(f"--like {model}: neither a run, nor a checkpoint (config.yaml), nor an export (tagger.json)")


def _as_words(values: Mapping[str, Any]) -> list[str]:
    """Knobs by their dotted names as words of a command line."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return [word for name, text in texts.items() for word in (f"--{name}", text)]


def job_file(name: str) -> Path:
    """The job file at that path, or for job/NAME.yaml that of this project. Raises ConfigError if there is none."""
    _require_local(name, "--config")
    if os.path.exists(name):
        return Path(name)
    if name.startswith("job/"):
        for folder in _JOB_FOLDERS:
            if (folder / name[4:]).is_file():
                return folder / name[4:]
    known = sorted({f"job/{path.name}" for folder in _JOB_FOLDERS for path in folder.glob("*.yaml")})
    raise ConfigError(f"the job file {name} does not exist; write one, or choose one of {', '.join(known)}")


def _require_local(path: str, option: str) -> None:
    try:
        local_path(path, option)
    except ForeignFileError as error:
        raise ConfigError(str(error)) from error


def _with_job_files(argv: list[str]) -> list[str]:
    """The command line with the paths of its job files; the default job comes first if it names none."""
    words = [part for word in argv for part in (word.split("=", 1) if word.startswith("--config=") else [word])]
    for place, word in enumerate(words[1:], 1):
        if words[place - 1] == "--config" and not word.startswith("--"):
            words[place] = str(job_file(word))
    if "--config" not in words:
        # An installed copy has one; without any, knobs keep their defaults.
        with contextlib.suppress(ConfigError):
            words = ["--config", str(job_file(DEFAULT_JOB)), *words]
    return words


def from_dict(record: dict[str, Any]) -> Config:
    """A configuration from what dataclasses.asdict made of it."""
    sections = {"data": Data, "model": Model, "loss": Loss, "optimizer": Optimizer, "train": Train}
    return Config(**{name: sections[name](**value) if name in sections else value for name, value in record.items()})


def read_stored(path: Path) -> Config:
    """The configuration in a file that to_yaml made. Raises ForeignFileError; ConfigError for knobs out of range."""
    return from_record(read_yaml(path), path)


def from_record(record: object, place: Path) -> Config:
    """A configuration that was stored in another file. Raises what read_stored does; place: of the file."""
    config = checked(record, place, Config)
    _check(config)
    return config


def to_yaml(config: Config) -> str:
    return yaml.safe_dump(dataclasses.asdict(config), sort_keys=False, allow_unicode=True)


def flat(config: Config) -> dict[str, Any]:
    """Knobs by their dotted names."""
    return {name: value for name, _, value in _knobs(config)}


def _explain(message: str) -> str:
    name = unknown_option(message)
    if name is None:
        return explain(message, _PROG, "--config")
    name = name.lstrip("-").partition("=")[0]
    near = nearest(name, [*flat(Config()), "config", "like", "help"], least_alike=0.0)
    return f"unknown knob {name!r}; did you mean --{near}?"


def _check(config: Config) -> None:
    """Ranges and contradictions that types cannot express. Raises ConfigError."""
    for name, knob, value in _knobs(config):
        limits, expected = knob.metadata, None
        if value is None and knob.default is not None:
            raise ConfigError(f"--{name} has no value, expected one, for example {flat(Config())[name]}")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if "above_0" in limits and not value > 0:
            expected = "a number above 0"
        elif not 0 <= value < float("inf"):
            expected = "a finite number of 0 or more"
        elif value > limits.get("most", value):
            expected = f"0 to {limits['most']}"
        elif value >= limits.get("below", float("inf")):
            expected = f"a number below {limits['below']}"
        if expected:
            raise ConfigError(f"--{name} is {value}, expected {expected}")
    if config.model.char_width % 2 == 0:
        raise ConfigError(f"--model.char_width is {config.model.char_width}, expected an odd number")
    if (config.loss.weighting == "given") != (config.loss.weights is not None):
        raise ConfigError("--loss.weights and --loss.weighting given belong together; one of them is missing")
    if config.loss.likelihood == "sentence" and config.loss.weighting != "none":
        raise ConfigError(
            f"--loss.weighting {config.loss.weighting} weights single tags, which --loss.likelihood sentence does not "
            "have; use one of the two"
        )
    if config.data.train_on == "train+dev" and config.train.keep == "best":
        raise ConfigError(
            "--data.train_on train+dev leaves no dev to choose the best epoch by; use --train.keep last, and the "
            "--train.epochs that was best when training on train alone"
        )
    for name, weight in (config.loss.weights or {}).items():
        if not 0 <= weight < float("inf"):
            raise ConfigError(f"--loss.weights: {name} is {weight}, expected a finite number of 0 or more")
    if config.train.seed >= 1 << 64:
        raise ConfigError(f"--train.seed is {config.train.seed}, expected a number below 2^64")
