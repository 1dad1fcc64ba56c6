"""Ranges of knobs, and knobs that contradict each other."""

from __future__ import annotations

from ner_dist.config.knobs import Config, each, flat
from ner_dist.errors import UserError


class ConfigError(UserError):
    """A knob that does not exist, has the wrong type, or contradicts another."""


def check(config: Config) -> None:
    """Ranges and contradictions that types cannot express. Raises ConfigError."""
    for name, knob, value in each(config):
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
