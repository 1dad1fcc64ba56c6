"""Every knob of training: its type, its default, its range and its meaning."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Dict, List, Literal, Optional

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
# A file or folder of the user's.
_PATH = {"is_path": True}
# A path, or an address such as s3://bucket/name.
_PLACE = {**_PATH, "stores": True}


@dataclass
class Data:
    """Shards to train on."""

    shards: str = field(default="data/shards", metadata={**_RESUMABLE, **_PLACE})
    """Directory of the shards, as written by `make shards` or `python -m data_prep build`, or their address in a
    store."""
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
    begin_from: Optional[str] = field(default=None, metadata=_PLACE)
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

    run: Optional[str] = field(default=None, metadata={**_RESUMABLE, **_PLACE})
    """Directory of the run, or an address in a store; by default runs/<job>-<date>-<time>."""
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    loss: Loss = field(default_factory=Loss)
    optimizer: Optimizer = field(default_factory=Optimizer)
    train: Train = field(default_factory=Train)


def each(config: Config) -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    """The dotted name of each knob, its declaration and its value."""
    for section in dataclasses.fields(config):
        value = getattr(config, section.name)
        if dataclasses.is_dataclass(value):
            for knob in dataclasses.fields(value):
                yield f"{section.name}.{knob.name}", knob, getattr(value, knob.name)
        else:
            yield section.name, section, value


RESUMABLE = {name for name, knob, _ in each(Config()) if knob.metadata.get("resumable")}


def flat(config: Config) -> dict[str, Any]:
    """Knobs by their dotted names."""
    return {name: value for name, _, value in each(config)}
