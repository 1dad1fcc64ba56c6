"""MXNet's optimizers: made from the configuration, their state as named arrays and back; and the learning rate.

An optimizer's state for one parameter is None, an array, or nested tuples of them; leaves are its arrays in order.
A new optimizer is one more name in config.OptimizerName; its update must be elementwise (see there).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ner_dist.config import Config, ConfigError, Optimizer
from ner_dist.ranks.lean_mxnet import mx


def create(settings: Optimizer) -> mx.optimizer.Optimizer:
    """The optimizer of the configuration. Raises ConfigError if MXNet's does not take its arguments."""

    def make() -> mx.optimizer.Optimizer:
        return mx.optimizer.create(
            settings.name, learning_rate=settings.learning_rate, wd=settings.weight_decay, **settings.params
        )

    try:
        # Most arguments are checked only when they are used: one throwaway optimizer makes an update.
        trial, weight = make(), mx.nd.ones((1, 2))
        trial.update(0, weight, mx.nd.ones((1, 2)), trial.create_state(0, weight))
        return make()
    except (TypeError, ValueError, AssertionError, mx.base.MXNetError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ConfigError(f"--optimizer.params does not fit --optimizer.name {settings.name} ({reason})") from error


def learning_rate(config: Config, epoch: int, step: int, steps_per_epoch: int, reductions: int) -> float:
    """The rate of a step of an epoch (both from 0); reductions: how often dev F1 has reached a plateau."""
    settings = config.optimizer
    rate, total = settings.learning_rate, epoch * steps_per_epoch + step
    if settings.schedule == "inverse":
        rate /= 1 + settings.decay * epoch
    elif settings.schedule == "cosine":
        rate *= (1 + math.cos(math.pi * total / (config.train.epochs * steps_per_epoch))) / 2
    else:
        rate *= settings.plateau_factor**reductions
    return rate * min(1, (total + 1) / settings.warmup_steps) if settings.warmup_steps else rate


def leaves(state: Any) -> list[mx.nd.NDArray]:
    if state is None:
        return []
    if isinstance(state, (tuple, list)):
        return [leaf for part in state for leaf in leaves(part)]
    return [state]


def refill(state: Any, arrays: Iterator[Any]) -> Any:
    """A state of the same structure with other leaves."""
    if isinstance(state, (tuple, list)):
        return tuple(refill(part, arrays) for part in state)
    return None if state is None else next(arrays)


def scalars(optimizer: mx.optimizer.Optimizer) -> dict[str, np.ndarray]:
    """What an optimizer keeps beside its arrays: the number of updates, and numbers such as Nadam's schedule."""
    numbers = {name: value for name, value in vars(optimizer).items() if isinstance(value, float)}
    return {name: np.array(value) for name, value in {"num_update": optimizer.num_update, **numbers}.items()}


def set_scalars(optimizer: mx.optimizer.Optimizer, values: dict[str, np.ndarray]) -> None:
    for name, value in values.items():
        setattr(optimizer, name, value.item())
    # Updates are counted by parameter, from here on for one not seen yet: all are updated once a step. One that was
    # used has seen them, and MXNet has no public way to make it forget.
    optimizer.begin_num_update = optimizer.num_update
    optimizer._index_update_count.clear()
