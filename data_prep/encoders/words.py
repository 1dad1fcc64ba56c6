"""Tokens -> word ids. The vocabulary comes from counts in runs on disk, which may have more words than memory holds.

A part of a corpus says what it has counted (write_word_runs); all parts together give the vocabulary (fit_words), with
which each part finds the ids of its own tokens (KeyRule, word_ids).
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.encoders.merge_counts import Run, merge_counts, merged_blocks, run_of, write_run
from data_prep.encoders.vocab import PAD, UNK, Vocab, count_ids
from data_prep.settings import Settings
from ner_dist.contract.shard_format import UNK_ID
from ner_dist.contract.word_lookup import STEPS, lookup_key, normalise

NUM_MISSES = 10
# Words whose counts are in memory at once, before they go to disk.
RUN_TEXTS = 1 << 20


class VectorLookup(NamedTuple):
    """Which row of the pretrained vectors each of the I word ids has."""

    # -1 if it has none.
    row_I: np.ndarray
    # Word ids from here on do not occur in train.
    first_unseen: int


class WordVocab(NamedTuple):
    """The vocabulary of words."""

    vocab: Vocab
    # None without pretrained vectors.
    lookup: VectorLookup | None = None


class KeyRule(NamedTuple):
    """Under which spelling, its key, a token is looked up."""

    keep_case: bool
    keep_digits: bool
    # The words with a pretrained vector; None without vectors.
    with_vector: Container[str] | None = None

    def keys(self, tokens: Sequence[str]) -> tuple[list[str], list[str | None]]:
        """The keys, and the step of word_lookup.STEPS that found a vector for each, if any did."""
        if self.with_vector is None:
            return [normalise(token, self.keep_case, self.keep_digits) for token in tokens], [None] * len(tokens)
        found = [lookup_key(token, self.keep_case, self.keep_digits, self.with_vector) for token in tokens]
        return [key for key, _ in found], [step for _, step in found]


def write_word_runs(path: Path, texts: Sequence[str], count_V: np.ndarray) -> list[Path]:
    """How often the texts, which may repeat, occur. path: the beginning of the names of the runs."""
    return [
        write_run(
            path.with_name(f"{path.name}-{begin // RUN_TEXTS}"),
            run_of(texts[begin : begin + RUN_TEXTS], count_V[begin : begin + RUN_TEXTS]),
        )
        for begin in range(0, len(texts), RUN_TEXTS)
    ]


def fit_words(
    runs: Sequence[Run],
    settings: Settings,
    rows: Mapping[str, int] | None = None,
    unknown_row: int = -1,
    wanted: Container[str] = (),
) -> WordVocab:
    """The words of train that are kept, by descending count, then text. runs: of their keys.

    rows: the words of the pretrained vectors and their rows, in file order; unknown_row: that of UNK, -1 if it has
    none. With vectors, every word of train that has one is kept, and words that train lacks follow: all of the file, or
    with --vector-words corpus the wanted ones, under which tokens of any split are looked up.
    """
    kept = merge_counts(runs, settings.min_count, settings.max_words, rows or ())
    vocab = Vocab([PAD, UNK, *kept.texts], [0, kept.total - sum(kept.counts), *kept.counts])
    if rows is None:
        return WordVocab(vocab)
    first_unseen, seen = len(vocab.values), set(kept.texts)
    if settings.vector_words == "all":
        wanted = rows
    vocab.values.extend(word for word in rows if word not in seen and word in wanted)
    vocab.counts.extend([0] * (len(vocab.values) - first_unseen))
    row_I = np.array([-1, unknown_row, *(rows.get(value, -1) for value in vocab.values[UNK_ID + 1 :])], np.int64)
    without_vector = np.flatnonzero(row_I < 0).tolist()
    return WordVocab(vocab._replace(without_vector=without_vector), VectorLookup(row_I, first_unseen))


def word_ids(keys: Sequence[str], ids: Mapping[str, int]) -> np.ndarray:
    """int32 (V,), UNK_ID for what is not among the ids."""
    return np.fromiter((ids.get(key, UNK_ID) for key in keys), np.int32, len(keys))


def coverage(runs: Sequence[Run], rule: KeyRule) -> dict[str, dict[str, int]]:
    """Distinct tokens ("types") and tokens of a split: all of them, and those for which each of STEPS found a vector.

    runs: of the split's tokens.
    """
    found_2K = np.zeros((2, len(STEPS) + 1), np.int64)
    for table in merged_blocks(runs):
        _, steps = rule.keys(table["text"].to_pylist())
        step_T = np.array([STEPS.index(step) if step else len(STEPS) for step in steps])
        found_2K[0] += np.bincount(step_T, minlength=len(STEPS) + 1)
        found_2K[1] += count_ids(step_T, table["count"].to_numpy(), len(STEPS) + 1)
    return {
        name: {"all": int(found_K.sum()), **dict(zip(STEPS, found_K.tolist()))}
        for name, found_K in zip(("types", "tokens"), found_2K)
    }


def misses(runs: Sequence[Run], with_vector: Container[str]) -> dict[str, int]:
    """The most frequent words without a vector, in the spelling that is looked up last, and how often they occur.

    runs: of the keys of the split's tokens.
    """
    found = merge_counts(runs, max_texts=NUM_MISSES, never=with_vector)
    return dict(zip(found.texts, found.counts))
