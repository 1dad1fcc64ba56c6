"""What the peer does for the benchmarks: time its steps, differentiate a given batch, train to a given F1.

Axes: T tokens, B sentences, K tags, V words, D word units, M tokens of a batch without padding.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from bench.peer_shards import Shards
from bench.peer_torch import Dropout, Inputs, Sizes, Tagger, Trainer, inputs_of
from ner_dist.data.batch import Batch
from ner_dist.evaluation.f1 import Counts, count, scores
from ner_dist.model.crf import TransitionScores
from ner_dist.model.viterbi import decode

_CLIP_NORM = 5.0


def steps(arguments: argparse.Namespace) -> None:
    """Print tokens/s of training steps, the making of their batches included, as bench.speed.steps does."""
    shards = Shards(arguments.shards, arguments.features, with_vectors=False)
    dropout = Dropout(input=arguments.dropout_input, output=arguments.dropout_output)
    tagger = Tagger(shards.sizes, dropout, arguments.lstm == "packed")
    trainer = Trainer(tagger, arguments.rule, learning_rate=0.002)
    # Epoch after epoch: one may have fewer steps than are timed.
    batches = itertools.chain.from_iterable(
        shards.training_batches(arguments.batch_sentences, arguments.seed, epoch) for epoch in itertools.count()
    )
    _train(trainer, itertools.islice(batches, arguments.warm_up_steps))
    began_s = time.perf_counter()
    _, _, num_tokens = _train(trainer, itertools.islice(batches, arguments.timed_steps))
    print(json.dumps({"tokens_per_second": num_tokens / (time.perf_counter() - began_s)}), flush=True)


def check(arguments: argparse.Namespace) -> None:
    """From a batch and parameters, written by bench.speed.agreement, to emissions, summed loss and its gradient."""
    with np.load(arguments.given) as given:
        batch = Batch(**{name: given[f"batch/{name}"] for name in Batch._fields})
        sizes = Sizes(**json.loads(str(given["sizes"])))
        tagger = Tagger(sizes, Dropout(), arguments.lstm == "packed")
        for name, parameter in tagger.named_parameters():
            parameter.data.copy_(torch.from_numpy(given[f"parameter/{_packed_name(name)}"]))
    inputs = inputs_of(batch, sizes)
    emission_TBK = tagger(inputs)
    loss = tagger.crf(emission_TBK, inputs.tag_TB, inputs.mask_TB, inputs.length_B)
    loss.backward()
    named = tagger.named_parameters()
    gradients = {f"gradient/{_packed_name(name)}": parameter.grad.numpy() for name, parameter in named}
    np.savez(arguments.found, loss=loss.item(), emission=emission_TBK.detach().numpy(), **gradients)


def train(arguments: argparse.Namespace) -> None:
    """Train by the recipe of Ma & Hovy 2016; print the test split's F1 after each epoch.

    Ends once that is arguments.until.
    """
    torch.manual_seed(arguments.seed)
    shards = Shards(arguments.shards, arguments.features, with_vectors=True)
    tagger = Tagger(shards.sizes, Dropout(char=0.5, input=0.5, output=0.5), arguments.lstm == "packed")
    tagger.word.weight.data, unseen_VD = shards.words(tagger.word.weight.data)
    trainer = Trainer(tagger, "sgd", learning_rate=0.015, momentum=0.9)
    for epoch in range(arguments.epochs):
        trainer.set_learning_rate(0.015 / (1 + 0.05 * epoch))
        loss, num_sentences, _ = _train(trainer, shards.training_batches(10, arguments.seed, epoch))
        counts = _score(tagger, unseen_VD, shards, "test")
        f1 = scores(counts, shards.index.entity_types)["entity"]["f1"]
        values = {"epoch": epoch + 1, "loss": loss / num_sentences, "test_f1": f1, "reached": f1 >= arguments.until}
        print(json.dumps(values), flush=True)
        if values["reached"]:
            return


def _packed_name(name: str) -> str:
    """What a parameter of the mirrored LSTM is called in the packed one."""
    return name.replace("lstm.ahead.", "lstm.") if "lstm.back." not in name else name.replace("back.", "") + "_reverse"


def _train(trainer: Trainer, batches: Iterable[Inputs]) -> tuple[float, int, int]:
    """Make a step of each batch; returns the summed loss, and the numbers of sentences and of tokens."""
    loss, num_sentences, num_tokens = 0.0, 0, 0
    for inputs in batches:
        loss += trainer.step(inputs, _CLIP_NORM)
        num_sentences += len(inputs.length_B)
        num_tokens += int(inputs.length_B.sum())
    return loss, num_sentences, num_tokens


def _score(tagger: Tagger, unseen_VD: Tensor, shards: Shards, split: str) -> Counts:
    """Counts of a split, decoded by Viterbi."""
    tagger.eval()
    word_VD = torch.cat([tagger.word.weight.detach(), unseen_VD])
    tag_scores = TransitionScores(*(values.detach().numpy() for values in tagger.crf.scores()))
    counts = Counts.zero(len(shards.index.entity_types))
    for batch, inputs in shards.scoring_batches(split):
        with torch.no_grad():
            emission_TBK = tagger(inputs, word_VD).numpy()
        tag_TB = decode(emission_TBK, batch.length_B, tag_scores)
        real_BT = inputs.mask_TB.T.numpy()
        starts_M = np.zeros(batch.num_tokens, bool)
        starts_M[np.cumsum(batch.length_B) - batch.length_B] = True
        counts += count(batch.tag_TB.T[real_BT], tag_TB.T[real_BT], starts_M, len(shards.index.entity_types))
    tagger.train()
    return counts
