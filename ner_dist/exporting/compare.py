"""Whether an export computes what MXNet does: the largest difference of their emissions on a sample of sentences.

Axes: T tokens, B sentences, K tags.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ner_dist.contract.shard_format import UNK_ID, read_index
from ner_dist.contract.shard_place import shard_folder
from ner_dist.contract.shard_tables import read_shard
from ner_dist.contract.vocabularies import Vocabularies
from ner_dist.errors import UserError
from ner_dist.model.viterbi import decode
from ner_dist.prediction.documents import Sentence
from ner_dist.prediction.encoder import Encoder
from ner_dist.prediction.tag_sentences import TaggerNetwork, rows_of_similar_length
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import Checkpoint

# Emissions are float32 sums of some hundred numbers around 1.
TOLERANCE = 1e-4
_SAMPLE_SENTENCES = 1000


class Difference(NamedTuple):
    """Between two networks on the same sentences."""

    # The largest difference of an emission.
    emission: float
    num_other_tags: int
    num_tokens: int
    # What the sentences were.
    sample: str


def compare(one: TaggerNetwork, other: TaggerNetwork, sentences: list[Sentence], sample: str) -> Difference:
    """Compare two networks of the same vocabularies; all sentences have tokens. sample: what the sentences are."""
    batches = Encoder(one.vocabularies).batches(sentences)
    largest, num_other_tags, num_tokens = 0.0, 0, 0
    for rows in rows_of_similar_length(sentences):
        batch = batches.batch(rows)
        one_TBK, other_TBK = one.emissions(batch), other.emissions(batch)
        # np.maximum keeps NaN, unlike max.
        largest = np.maximum(largest, np.abs(one_TBK - other_TBK)[batch.mask_TB > 0].max())
        tag_TB = decode(one_TBK, batch.length_B, one.transition_scores)
        num_other_tags += int((tag_TB != decode(other_TBK, batch.length_B, other.transition_scores)).sum())
        num_tokens += batch.num_tokens
    return Difference(float(largest), num_other_tags, num_tokens, f"{len(sentences):,} {sample}")


def sample_sentences(saved: Checkpoint, vocabularies: Vocabularies) -> tuple[list[Sentence], str]:
    """Sentences of dev if the run's shards are still there, else random ones; and what they are."""
    try:
        return list(_dev_sentences(saved, vocabularies)), "sentences of dev"
    except (UserError, OSError):
        return list(_random_sentences(vocabularies)), "made-up sentences"


def _dev_sentences(saved: Checkpoint, vocabularies: Vocabularies) -> Iterator[Sentence]:
    """From all over dev. Raises UserError if the shards are gone, or if the run was not trained on them."""
    directory = shard_folder(saved.config.data.shards)
    index = read_index(directory)
    checkpoint.require_same_data(saved, index, directory, directory)
    values = _given_values(vocabularies)
    every = -(-index.num_sentences("dev") // _SAMPLE_SENTENCES)
    for entry in index.splits["dev"]:
        table = read_shard(directory, index, entry, ["text", *values])
        for row in table.to_pylist()[::every]:
            features = {name: [names[i] for i in row[name]] for name, names in values.items()}
            yield Sentence(row["text"], [], [], features)


def _random_sentences(vocabularies: Vocabularies) -> Iterator[Sentence]:
    """Five of each length up to 60 tokens, which are words of the vocabulary and random characters."""
    rng = np.random.default_rng(0)
    words = vocabularies.words[UNK_ID + 1 :]
    for length in np.tile(np.arange(1, 61), 5).tolist():
        spelt = ["".join(map(chr, rng.integers(33, 1000, rng.integers(1, 20)))) for _ in range(length)]
        known = rng.choice(words, length).tolist() if words else spelt
        tokens = [word if chosen else other for word, other, chosen in zip(known, spelt, rng.random(length) < 0.7)]
        given = _given_values(vocabularies)
        yield Sentence(tokens, [], [], {name: rng.choice(values, length).tolist() for name, values in given.items()})


def _given_values(vocabularies: Vocabularies) -> dict[str, list[str]]:
    """The values by id of the token features that do not follow from the tokens."""
    return {feature.name: feature.values for feature in vocabularies.features if feature.is_given}
