"""One global update: forward, summed loss, gradient exchange, one division by the global count, clip, update.

In one exchange the ranks sum all dense gradients, the gradients of the embedding rows that the step uses, and the loss.

Axes: U words of the whole step, W those of them that are updated, D word units, T tokens, B sentences, K tags.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from ner_dist.config import Config
from ner_dist.data.batch import Batch
from ner_dist.errors import UserError
from ner_dist.model.cnn_bilstm import CnnBiLstm, TrainedNetwork, set_parameters, trained_parameters
from ner_dist.model.initial_values import InitialEmbeddings
from ner_dist.model.layers import on_device
from ner_dist.ranks.agreement import checksum
from ner_dist.ranks.comm import Comm
from ner_dist.ranks.lean_mxnet import mx
from ner_dist.training import optimizer
from ner_dist.training.dropout import masks
from ner_dist.training.embedding_table import EmbeddingTable
from ner_dist.training.objective import Objective
from ner_dist.training.parameter_vector import ParameterVector
from ner_dist.training.weight_average import WeightAverage
from ner_dist.training.word_exchange import GlobalStep

# The keys by which the optimizer counts updates.
_PARAMETERS, _WORDS = range(2)


class NotFinite(UserError):
    """The loss or the gradient of a step is NaN or infinite; nothing was updated."""


class StepResult(NamedTuple):
    # Summed over all ranks, weighted, not divided.
    loss: float
    # Norm of the divided global gradient, before clipping.
    gradient_norm: float
    # Summed over all ranks.
    votes: float = 0.0


class Learner:
    """What training changes: parameters, embedding table, optimizer state. Equal on all ranks after each step."""

    def __init__(
        self, tagger: CnnBiLstm, words: InitialEmbeddings, config: Config, class_weight_K: np.ndarray, comm: Comm
    ) -> None:
        self.tagger = tagger
        # Whether rank 0's norm counts, because the ranks' processors compute different ones.
        self.shares_norm = False
        self._config = config
        self._comm = comm
        self._objective = Objective(tagger, config.loss, class_weight_K)
        self._parameters = ParameterVector(trained_parameters(tagger))
        self.context = self._parameters.weight_P.context
        self._optimizer = optimizer.create(config.optimizer)
        self._state = self._optimizer.create_state(_PARAMETERS, self._parameters.weight_P)
        self.words = EmbeddingTable(words, self._optimizer, _WORDS)
        self._vote = mx.nd.zeros(1, ctx=self.context, dtype=self._parameters.weight_P.dtype)
        decay = config.train.average
        self._average = WeightAverage(decay, self._parameters.weight_P, self.words.trained_LD) if decay else None

    def step(
        self,
        batch: Batch | None,
        global_step: GlobalStep,
        epoch: int,
        step_id: int,
        learning_rate: float,
        vote: float = 0.0,
    ) -> StepResult:
        """Take part in one global update; batch is None if this rank has no sentences in it.

        vote: a number of this rank's, whose sum over the ranks comes with the result. It costs no exchange of its own.
        Raises NotFinite on every rank, before anything changes, if the summed loss or gradient is not finite.
        """
        ids_U = global_step.ids_U
        rows_UD, loss = self._forward_backward(batch, ids_U, epoch, step_id)
        gradient_P = self._parameters.gradient_P
        # The collective of each step: from here on all ranks have the global sums.
        self._vote[:] = vote
        self._comm.sum_gradients([gradient_P, rows_UD, loss, self._vote])
        trainable = self.words.trainable(ids_U, epoch < self._config.optimizer.frozen_epochs)
        ids_W, rows_WD = ids_U, rows_UD
        if len(trainable) < len(ids_W):
            ids_W = ids_W[trainable]
            rows_WD = mx.nd.take(rows_UD, on_device(trainable, self.context)) if len(trainable) else None
        by_sentences = self._config.loss.divide_by == "sentences"
        divisor = global_step.num_sentences if by_sentences else global_step.num_tokens
        # One read of a few numbers; dot is many times faster than norm.
        vectors = [gradient_P] if rows_WD is None else [gradient_P, rows_WD.reshape(-1)]
        squares_and_sums = mx.nd.concat(*(mx.nd.dot(v, v) for v in vectors), loss, self._vote, dim=0)
        *squares, total_loss, votes = squares_and_sums.asnumpy().astype(float)
        if self.shares_norm:
            squares = self._comm.broadcast(squares)
        norm = np.sqrt(sum(squares)) / divisor
        if not np.isfinite([total_loss, norm]).all():
            raise NotFinite(self._name_culprits(batch, epoch, step_id))
        clip_norm = self._config.optimizer.clip_norm
        clip = clip_norm / norm if clip_norm and norm > clip_norm else 1.0
        self._update(rows_WD, ids_W, learning_rate, clip / divisor)
        return StepResult(float(total_loss), float(norm), float(votes))

    def _forward_backward(
        self, batch: Batch | None, ids_U: np.ndarray, epoch: int, step_id: int
    ) -> tuple[mx.nd.NDArray, mx.nd.NDArray]:
        """Set the gradients to this rank's sums; returns the gradient of the rows, (U, D), and the loss, (1,)."""
        rows_UD = self.words.rows(ids_U, self.context)
        if batch is None:
            self._parameters.gradient_P[:] = 0
            return mx.nd.zeros_like(rows_UD), mx.nd.zeros(1, ctx=self.context, dtype=rows_UD.dtype)
        word_TB = np.searchsorted(ids_U, batch.word_ids_W).astype(np.int32)[batch.word_TB]
        place = self._config.train.seed, epoch, step_id
        found = masks(batch.sentence_id_B, len(batch.mask_TB), self._config.model, self.tagger.input_units, place)
        return self._objective.forward_backward(batch, rows_UD, word_TB, found)

    def _update(self, rows_WD: mx.nd.NDArray | None, ids_W: np.ndarray, learning_rate: float, scale: float) -> None:
        """Apply the optimizer to the summed gradients times scale; rows_WD is None if no words are updated."""
        self._optimizer.set_learning_rate(learning_rate)
        self._optimizer.rescale_grad = scale
        shrink = 1 - learning_rate * self._config.optimizer.decoupled_decay
        if shrink < 1:
            self._parameters.weight_P *= shrink
            self.words.weight_VD[ids_W] *= np.float32(shrink)
        self._optimizer.update(_PARAMETERS, self._parameters.weight_P, self._parameters.gradient_P, self._state)
        if rows_WD is not None:
            self.words.update(ids_W, rows_WD)
        if self._average is not None:
            self._average.update()

    @contextmanager
    def scored_network(self) -> Iterator[TrainedNetwork]:
        """What is scored and kept as best: the network, within the context with averaged weights if they are kept."""
        network = TrainedNetwork(self.tagger, self.words.weight_VD)
        if self._average is None:
            yield network
            return
        self._average.swap()
        try:
            yield network
        finally:
            self._average.swap()

    def _name_culprits(self, batch: Batch | None, epoch: int, step_id: int) -> str:
        """The sentences with which the numbers went wrong, by rank; every rank must call it."""
        # The sum is spoilt on every rank, so each repeats its own part to see whether it was the one.
        guilty: list[int] = []
        if batch is not None:
            parts = (*self._forward_backward(batch, batch.word_ids_W, epoch, step_id), self._parameters.gradient_P)
            if not all(np.isfinite(part.asnumpy()).all() for part in parts):
                guilty = batch.sentence_id_B.tolist()
        named = [
            f"rank {rank}: sentences {', '.join(map(str, ids[:20]))}"
            for rank, ids in enumerate(self._comm.gather_objects(guilty))
            if ids
        ]
        where = "; ".join(named) or "only in the sum over ranks"
        return (
            f"the loss or gradient is not finite at epoch {epoch + 1}, step {step_id} ({where}); nothing was updated; "
            "try a smaller --optimizer.learning_rate or --optimizer.clip_norm, or look at these sentences with "
            "`python -m data_prep inspect`"
        )

    def set_scored(self, parameters: dict[str, np.ndarray], words_LD: np.ndarray) -> None:
        """Replace what is scored, once training is over."""
        self._average = None
        set_parameters(self.tagger, parameters)
        self.words.trained_LD[:] = words_LD

    def checksums(self) -> dict[str, str]:
        """What must be equal on all ranks after each step, by what it is."""
        words = self.words
        parts: dict[str, dict[str, np.ndarray]] = {"parameters": {}, "word rows": {"rows": words.trained_LD}}
        state = parts["optimizer state"] = {f"words/{i}": state_LD for i, state_LD in enumerate(words.states_LD)}
        state.update(optimizer.scalars(self._optimizer))
        if self._average is not None:
            parts["averaged weights"] = {"words": self._average.words_LD}
        part_of = {"parameter": "parameters", "average": "averaged weights"}
        for kind, values_P in self._vectors():
            parts[part_of.get(kind, "optimizer state")][kind] = values_P.asnumpy()
        return {name: checksum(arrays) for name, arrays in parts.items()}

    def state(self) -> dict[str, np.ndarray]:
        """Everything that continuing needs, as named arrays, which later steps do not change."""
        arrays = {"words": self.words.trained_LD.copy()}
        arrays.update({f"words_state/{i}": state_LD.copy() for i, state_LD in enumerate(self.words.states_LD)})
        arrays.update({f"rule/{name}": value for name, value in optimizer.scalars(self._optimizer).items()})
        if self._average is not None:
            average_steps = np.array(self._average.num_steps)
            arrays.update(average_words=self._average.words_LD.copy(), average_steps=average_steps)
        for kind, values_P in self._vectors():
            arrays.update({f"{kind}/{name}": values for name, values in self._parameters.split(values_P).items()})
        return arrays

    def set_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned, in a learner of the same configuration."""
        self.words.trained_LD[:] = arrays["words"]
        for i, state_LD in enumerate(self.words.states_LD):
            state_LD[:] = arrays[f"words_state/{i}"]
        scalars = {name[len("rule/") :]: value for name, value in arrays.items() if name.startswith("rule/")}
        optimizer.set_scalars(self._optimizer, scalars)
        if self._average is not None:
            self._average.words_LD[:] = arrays["average_words"]
            self._average.num_steps = int(arrays["average_steps"])
        for kind, values_P in self._vectors():
            values_P[:] = self._parameters.join({name: arrays[f"{kind}/{name}"] for name in self._parameters.names})

    def _vectors(self) -> Iterator[tuple[str, mx.nd.NDArray]]:
        """All vectors laid out like the parameters, by the name they have in `state`."""
        yield "parameter", self._parameters.weight_P
        for i, leaf in enumerate(optimizer.leaves(self._state)):
            yield f"state/{i}", leaf
        if self._average is not None:
            yield "average", self._average.weight_P
