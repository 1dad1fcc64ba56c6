"""The learning rate of a step, a pure function of the configuration and of where training stands."""

from __future__ import annotations

import math

from ner_dist.config import Config


def learning_rate(config: Config, epoch: int, step: int, steps_per_epoch: int, reductions: int) -> float:
    """Of a step of an epoch (both from 0); reductions: how often dev F1 has stood still (see plateau_epochs)."""
    settings = config.optimizer
    rate, total = settings.learning_rate, epoch * steps_per_epoch + step
    if settings.schedule == "inverse":
        rate /= 1 + settings.decay * epoch
    elif settings.schedule == "cosine":
        rate *= (1 + math.cos(math.pi * total / (config.train.epochs * steps_per_epoch))) / 2
    else:
        rate *= settings.plateau_factor**reductions
    return rate * min(1, (total + 1) / settings.warmup_steps) if settings.warmup_steps else rate
