"""What the peer does for the benchmarks: time its steps, differentiate a given batch, train to a given F1.

python -m bench.speed.peer_training FUNCTION ARGUMENTS, a JSON object, in an interpreter that has PyTorch.
Axes: T tokens, B sentences, K tags, L words that training may change, V all words, D word units, S shards.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from bench.speed.peer_torch import Inputs, PeerTagger, Sizes, inputs_of, sgd_step
from ner_dist.contract.shard_format import read_index, read_word_vectors
from ner_dist.data.batch import Batch
from ner_dist.data.shard_reader import ShardReader
from ner_dist.data.step_plan import epoch_steps
from ner_dist.evaluation.f1 import scores
from ner_dist.evaluation.score_split import score_split
from ner_dist.model.crf import TransitionScores
from ner_dist.ranks.comm import Solo

_CLIP_NORM = 5.0


class PeerShards:
    """A shard set as the peer reads it; without vectors, words that train lacks become UNK."""

    def __init__(self, directory: str, with_vectors: bool) -> None:
        self._directory = directory
        self.index = read_index(directory)
        self._vectors = self.index.vectors if with_vectors else None
        num_words = self.index.vocab["word"].num_values
        num_learnt = self.index.vectors.first_unseen if self.index.vectors else num_words
        self._num_words = num_words if self._vectors else num_learnt
        self.sizes = Sizes(
            # Training never meets the other words, so the peer need not update them.
            num_words=num_learnt,
            num_chars=self.index.vocab["char"].num_values,
            num_tags=self.index.num_tags,
            word_units=self._vectors.num_units if self._vectors else Sizes.word_units,
        )

    def training_batches(self, batch_sentences: int, seed: int) -> Iterator[Iterator[Inputs]]:
        """The batches of epoch after epoch, as ner_dist.train has them on one rank."""
        reader = self.open("train")
        rows_SB = np.array([shard.rows for shard in self.index.splits["train"]], np.int64)
        for epoch in itertools.count():
            steps = epoch_steps(rows_SB, batch_sentences, seed, epoch, num_ranks=1, rank=0)
            yield (inputs_of(batch, self.sizes) for batch in map(reader.step_batch, steps) if batch is not None)

    def words(self, random_LD: Tensor) -> tuple[Tensor, Tensor]:
        """Initial embeddings of the words that training may change, pretrained where possible, and of the others."""
        if self._vectors is None:
            return random_LD, random_LD[:0]
        vectors_VD = torch.from_numpy(read_word_vectors(self._directory, self.index))
        learnt_LD, unseen_VD = vectors_VD.split([len(random_LD), len(vectors_VD) - len(random_LD)])
        return torch.where(learnt_LD.isnan(), random_LD, learnt_LD), unseen_VD

    def open(self, split: str) -> ShardReader:
        every = list(range(len(self.index.splits[split])))
        return ShardReader(self._directory, self.index, split, every, self.sizes.char_width // 2, self._num_words)


class ScoredPeer:
    """A tagger as ner_dist.evaluation scores it; unseen_VD: embeddings of words that training does not meet."""

    def __init__(self, tagger: PeerTagger, unseen_VD: Tensor, sizes: Sizes) -> None:
        self._tagger, self._sizes = tagger.eval(), sizes
        self._word_VD = torch.cat([tagger.word.weight.detach(), unseen_VD])
        self.transition_scores = TransitionScores(*(values.detach().numpy() for values in tagger.crf.scores()))
        self.temperature = 1.0

    def emissions(self, batch: Batch) -> np.ndarray:
        with torch.no_grad():
            return self._tagger(inputs_of(batch, self._sizes), self._word_VD).numpy()


def time_steps(shards: str, lstm: str, batch_sentences: int, seed: int, warm_up_steps: int, timed_steps: int) -> None:
    """Print tokens/s of training steps, including the making of their batches, as bench.speed.step_speed does."""
    data = PeerShards(shards, with_vectors=False)
    tagger = PeerTagger(data.sizes, (0, 0.5, 0.5), lstm == "packed")
    # fused: all of a parameter's arithmetic in one pass over it.
    sgd = torch.optim.SGD(tagger.parameters(), lr=0.002, fused=True)
    # Epoch after epoch: one may have fewer steps than are timed.
    batches = itertools.chain.from_iterable(data.training_batches(batch_sentences, seed))
    _train(tagger, sgd, itertools.islice(batches, warm_up_steps))
    began_s = time.perf_counter()
    _, _, num_tokens = _train(tagger, sgd, itertools.islice(batches, timed_steps))
    print(json.dumps({"tokens_per_second": num_tokens / (time.perf_counter() - began_s)}), flush=True)


def differentiate(given: str, found: str, lstm: str) -> None:
    """From a batch and parameters, written by bench.speed.peer, to emissions, summed loss and its gradient."""
    with np.load(given) as arrays:
        batch = Batch(**{name: arrays[f"batch/{name}"] for name in Batch._fields})
        sizes = Sizes(**json.loads(str(arrays["sizes"])))
        tagger = PeerTagger(sizes, packed=lstm == "packed")
        for name, parameter in tagger.named_parameters():
            parameter.data.copy_(torch.from_numpy(arrays[f"parameter/{_packed_name(name)}"]))
    inputs = inputs_of(batch, sizes)
    emission_TBK = tagger(inputs)
    loss = tagger.crf(emission_TBK, inputs.tag_TB, inputs.mask_TB, inputs.length_B)
    loss.backward()
    named = tagger.named_parameters()
    gradients = {f"gradient/{_packed_name(name)}": parameter.grad.numpy() for name, parameter in named}
    np.savez(found, loss=loss.item(), emission=emission_TBK.detach().numpy(), **gradients)


def train(shards: str, until: float, seed: int = 1, max_epochs: int = 100) -> None:
    """Train with the hyperparameters of Ma & Hovy 2016; print test's F1 after each epoch, and stop at a given one."""
    torch.manual_seed(seed)
    data = PeerShards(shards, with_vectors=True)
    tagger = PeerTagger(data.sizes, (0.5, 0.5, 0.5))
    tagger.word.weight.data, unseen_VD = data.words(tagger.word.weight.data)
    sgd = torch.optim.SGD(tagger.parameters(), lr=0.015, momentum=0.9, fused=True)
    entity_types, test = data.index.entity_types, list(data.open("test").scoring_batches(128))
    for epoch, batches in enumerate(itertools.islice(data.training_batches(10, seed), max_epochs)):
        sgd.param_groups[0]["lr"] = 0.015 / (1 + 0.05 * epoch)
        loss, num_sentences, _ = _train(tagger, sgd, batches)
        counts = score_split(ScoredPeer(tagger, unseen_VD, data.sizes), test, len(entity_types), Solo())
        tagger.train()
        f1 = scores(counts, entity_types)["entity"]["f1"]
        values = {"epoch": epoch + 1, "loss": loss / num_sentences, "test_f1": f1, "reached": f1 >= until}
        print(json.dumps(values), flush=True)
        if values["reached"]:
            return


def _packed_name(name: str) -> str:
    """The packed LSTM's name of a parameter of the mirrored one."""
    return name.replace("lstm.ahead.", "lstm.") if "lstm.back." not in name else name.replace("back.", "") + "_reverse"


def _train(tagger: PeerTagger, sgd: torch.optim.SGD, batches: Iterable[Inputs]) -> tuple[float, int, int]:
    """Make a step of each batch; returns the summed loss, and the numbers of sentences and of tokens."""
    loss, num_sentences, num_tokens = 0.0, 0, 0
    for inputs in batches:
        loss += sgd_step(tagger, sgd, inputs, _CLIP_NORM)
        num_sentences += len(inputs.length_B)
        num_tokens += int(inputs.length_B.sum())
    return loss, num_sentences, num_tokens


if __name__ == "__main__":
    # By itself PyTorch uses all cores of the machine, even those that this process may not.
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))))
    functions: dict[str, Callable[..., None]] = {f.__name__: f for f in (time_steps, differentiate, train)}
    functions[sys.argv[1]](**json.loads(sys.argv[2]))
