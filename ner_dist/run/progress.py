"""Where training stands, as a checkpoint keeps it: steps taken, sums for the metrics, and the best epoch so far."""

from __future__ import annotations

import dataclasses
import math
from typing import Optional


@dataclasses.dataclass
class Progress:
    """`step` steps of epoch `epoch` (both from 0) are done, `total_steps` in all."""

    epoch: int = 0
    step: int = 0
    total_steps: int = 0
    # Sums over the steps of this epoch; slots are tokens and padding.
    loss: float = 0.0
    num_sentences: int = 0
    num_tokens: int = 0
    num_slots: int = 0
    # The best dev entity F1 so far, the dev loss and the number of its epoch, and how many epochs have passed since.
    # Checkpoints of before have no loss.
    best_f1: float = -1.0
    best_loss: Optional[float] = None
    best_epoch: int = -1
    epochs_since_best: int = 0
    # Epochs without improvement since the learning rate was last reduced, and how often it was reduced.
    epochs_on_plateau: int = 0
    reductions: int = 0
    # Over all epochs, for the throughput.
    trained_tokens: int = 0
    trained_seconds: float = 0.0

    @property
    def mean_loss(self) -> float:
        """Over the sentences of this epoch so far."""
        return self.loss / self.num_sentences

    @property
    def padding(self) -> float:
        """Share of the slots of this epoch so far that are padding."""
        return 1 - self.num_tokens / self.num_slots

    @property
    def tokens_per_second(self) -> float:
        return self.trained_tokens / self.trained_seconds

    def add_step(self, loss: float, num_sentences: int, num_tokens: int, num_slots: int) -> None:
        self.step += 1
        self.total_steps += 1
        self.loss += loss
        self.num_sentences += num_sentences
        self.num_tokens += num_tokens
        self.num_slots += num_slots
        self.trained_tokens += num_tokens

    def add_score(self, dev_f1: float, dev_loss: float, plateau_epochs: int) -> bool:
        """Note the epoch's dev entity F1 and loss; returns whether it is the best so far.

        Of epochs with the same F1, the one with the lower loss is better: an F1 of 0 says nothing else about them.
        """
        best_loss = math.inf if self.best_loss is None else self.best_loss
        if dev_f1 > self.best_f1 or (dev_f1 == self.best_f1 and dev_loss < best_loss):
            self.best_f1, self.best_epoch = dev_f1, self.epoch
            self.best_loss = dev_loss if math.isfinite(dev_loss) else None
            self.epochs_since_best = self.epochs_on_plateau = 0
            return True
        self.epochs_since_best += 1
        self.epochs_on_plateau += 1
        if self.epochs_on_plateau == plateau_epochs:
            self.reductions += 1
            self.epochs_on_plateau = 0
        return False

    def begin_next_epoch(self) -> None:
        self.epoch += 1
        self.step = self.num_sentences = self.num_tokens = self.num_slots = 0
        self.loss = 0.0
