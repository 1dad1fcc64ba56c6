"""The same tagger as a PyTorch user would write it: the peer that training is compared with.

It uses neither MXNet nor the files of the benchmarks; of ner_dist it takes what reads shards and knows the tags.
Axes: T tokens, B sentences, K tags, L words that training may change, V all words, D word units, M token slots
(T x B), C characters, P window positions, E character units, F filters, X units of any layer.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ner_dist.contract.shard_format import PAD_ID
from ner_dist.contract.tag_schemes import allowed_transitions
from ner_dist.data.batch import Batch

# Added to windows centred beyond the end of a word, and to what BILOU forbids: exp of the latter is 0 in float32.
_NEVER_MAX, _FORBIDDEN = np.float32(-1e9), -1e4


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Sizes of the layers, by default those of Ma & Hovy 2016, and of the vocabularies."""

    num_words: int
    num_chars: int
    num_tags: int
    # Of each token feature that is used: the number of values, and its place in a batch.
    feature_values: list[int] = dataclasses.field(default_factory=list)
    feature_places: list[int] = dataclasses.field(default_factory=list)
    word_units: int = 100
    char_units: int = 30
    char_filters: int = 30
    char_width: int = 3
    feature_units: int = 16
    lstm_units: int = 200


class Inputs(NamedTuple):
    """A batch as tensors."""

    word_TB: Tensor
    # Characters of every token slot, as is usual, not only of distinct word types.
    char_MC: Tensor
    # 0, or so low that a window beyond the end of a word is never the maximum.
    sink_M1P: Tensor
    features_TB: list[Tensor]
    length_B: Tensor
    tag_TB: Tensor
    mask_TB: Tensor


def inputs_of(batch: Batch, sizes: Sizes) -> Inputs:
    """The reader's batch in the form that the peer takes."""
    char_MC = batch.char_NC[batch.spelling_TB.ravel()]
    side = sizes.char_width // 2
    beyond_MP = char_MC[:, side : char_MC.shape[1] - side] == PAD_ID
    return Inputs(
        word_TB=torch.from_numpy(batch.word_ids_W[batch.word_TB]),
        char_MC=torch.from_numpy(char_MC),
        sink_M1P=torch.from_numpy(np.where(beyond_MP, _NEVER_MAX, np.float32(0))[:, None]),
        features_TB=[torch.from_numpy(batch.feature_FTB[place]) for place in sizes.feature_places],
        length_B=torch.from_numpy(batch.length_B),
        tag_TB=torch.from_numpy(batch.tag_TB.astype(np.int64)),
        mask_TB=torch.from_numpy(batch.mask_TB > 0),
    )


class Crf(nn.Module):
    """The linear-chain CRF: a recursion of log-sum-exp over the tokens, differentiated by autograd."""

    def __init__(self, num_tags: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.zeros(num_tags))
        self.between = nn.Parameter(torch.zeros(num_tags, num_tags))
        self.end = nn.Parameter(torch.zeros(num_tags))
        for name, allowed in zip(("start", "between", "end"), allowed_transitions((num_tags - 1) // 4)):
            penalty = torch.where(torch.from_numpy(np.asarray(allowed)), 0.0, _FORBIDDEN)
            self.register_buffer(f"{name}_penalty", penalty, persistent=False)

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Transition scores of the first tag (K,), from rows to columns (K, K), and of the last tag (K,)."""
        return self.start + self.start_penalty, self.between + self.between_penalty, self.end + self.end_penalty

    def forward(self, emission_TBK: Tensor, tag_TB: Tensor, mask_TB: Tensor, length_B: Tensor) -> Tensor:
        """Negative log-likelihood of the gold tags, summed over the sentences: a scalar."""
        start_K, between_KK, end_K = self.scores()
        # unbind, because its gradient is one stack, while that of an index is a whole array for each token.
        first_BK, *emissions_BK = emission_TBK.unbind(0)
        reached_BK = start_K + first_BK
        for emission_BK, inside_B1 in zip(emissions_BK, mask_TB[1:].unsqueeze(2).unbind(0)):
            # (B, from, to)
            next_BK = torch.logsumexp(reached_BK.unsqueeze(2) + between_KK, 1) + emission_BK
            reached_BK = torch.where(inside_B1, next_BK, reached_BK)
        log_partition_B = torch.logsumexp(reached_BK + end_K, 1)

        emitted_TB = emission_TBK.gather(2, tag_TB.unsqueeze(2)).squeeze(2) * mask_TB
        moved_TB = between_KK[tag_TB[:-1], tag_TB[1:]] * mask_TB[1:]
        last_B = tag_TB.gather(0, (length_B - 1).unsqueeze(0)).squeeze(0)
        gold = emitted_TB.sum() + moved_TB.sum() + start_K[tag_TB[0]].sum() + end_K[last_B].sum()
        return log_partition_B.sum() - gold


class PackedLstm(nn.LSTM):
    """(T, B, X) -> (T, B, 2 x units) on packed sequences, as PyTorch's documentation has it."""

    def forward(self, x_TBX: Tensor, length_B: Tensor) -> Tensor:
        packed, _ = super().forward(pack_padded_sequence(x_TBX, length_B, enforce_sorted=False))
        return pad_packed_sequence(packed)[0]


class MirroredLstm(nn.Module):
    """The same on padded sequences: one LSTM per direction, the second on sentences mirrored in place.

    On CPU PyTorch has a fused kernel for padded sequences and for packed ones of equal length, not for mixed lengths.
    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.ahead, self.back = nn.LSTM(inputs, units), nn.LSTM(inputs, units)

    def forward(self, x_TBX: Tensor, length_B: Tensor) -> Tensor:
        place_T1 = torch.arange(len(x_TBX)).unsqueeze(1)
        mirror_TB = torch.where(place_T1 < length_B, length_B - 1 - place_T1, place_T1)
        sentence_B = torch.arange(len(length_B))
        back_TBX = self.back(x_TBX[mirror_TB, sentence_B])[0]
        return torch.cat([self.ahead(x_TBX)[0], back_TBX[mirror_TB, sentence_B]], 2)


class PeerTagger(nn.Module):
    """Embeddings and character CNN -> bidirectional LSTM -> emissions; its loss is the CRF's."""

    def __init__(self, sizes: Sizes, dropout: tuple[float, float, float] = (0, 0, 0), packed: bool = True) -> None:
        """dropout: rates of the character embeddings, the LSTM's inputs and its outputs."""
        super().__init__()
        features = [(values, min(sizes.feature_units, values)) for values in sizes.feature_values]
        self.word = nn.Embedding(sizes.num_words, sizes.word_units)
        self.char = nn.Embedding(sizes.num_chars, sizes.char_units)
        self.conv = nn.Conv1d(sizes.char_units, sizes.char_filters, sizes.char_width)
        self.features = nn.ModuleList(nn.Embedding(values, units) for values, units in features)
        units = sizes.word_units + sizes.char_filters + sum(units for _, units in features)
        inputs, units = units, sizes.lstm_units
        self.lstm = PackedLstm(inputs, units, bidirectional=True) if packed else MirroredLstm(inputs, units)
        self.emission = nn.Linear(2 * sizes.lstm_units, sizes.num_tags)
        self.crf = Crf(sizes.num_tags)
        self.char_dropout, self.input_dropout, self.output_dropout = map(nn.Dropout, dropout)
        # Ma & Hovy 2016, section 3.1.
        for embedding in (self.word, self.char, *self.features):
            bound = (3 / embedding.embedding_dim) ** 0.5
            nn.init.uniform_(embedding.weight, -bound, bound)

    def forward(self, inputs: Inputs, word_VD: Tensor | None = None) -> Tensor:
        """Emissions (T, B, K); word_VD: embeddings of all words, if there may be some that training does not meet."""
        char_MEC = self.char_dropout(self.char(inputs.char_MC)).transpose(1, 2)
        # A sum instead of masked_fill, because its gradient costs nothing.
        window_MFP = self.conv(char_MEC) + inputs.sink_M1P
        spelling_TBF = window_MFP.max(2).values.view(*inputs.word_TB.shape, -1)
        word_TBD = nn.functional.embedding(inputs.word_TB, self.word.weight if word_VD is None else word_VD)
        features_TBX = [embedding(ids_TB) for embedding, ids_TB in zip(self.features, inputs.features_TB)]
        x_TBX = self.input_dropout(torch.cat([word_TBD, spelling_TBF, *features_TBX], 2))
        return self.emission(self.output_dropout(self.lstm(x_TBX, inputs.length_B)))


def sgd_step(tagger: PeerTagger, sgd: torch.optim.SGD, inputs: Inputs, clip_norm: float) -> float:
    """One update by the clipped gradient of the loss divided by the number of sentences; returns the summed loss."""
    sgd.zero_grad(set_to_none=True)
    loss = tagger.crf(tagger(inputs), inputs.tag_TB, inputs.mask_TB, inputs.length_B)
    (loss / len(inputs.length_B)).backward()
    nn.utils.clip_grad_norm_(sgd.param_groups[0]["params"], clip_norm)
    sgd.step()
    return float(loss.detach())
