"""What the tokens of a corpus say of its vocabularies: each part counts its own, in runs on disk if they may be many.

Axes: S splits, V distinct tokens of a part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.encoders.characters import CharCounts, count_chars, sum_chars
from data_prep.encoders.features import NO_LABELS, LabelCounts, count_labels, sum_labels
from data_prep.encoders.words import KeyRule, write_word_runs
from data_prep.passes.carried import Carried
from data_prep.passes.few_runs import few_runs
from data_prep.passes.id_corpus import IdCorpus, PartTokens
from data_prep.passes.tagged_corpus import TaggedCorpus
from ner_dist.engines.executor import Advance, Executor


class Counting(NamedTuple):
    """What is to be counted."""

    rule: KeyRule
    max_chars: int
    # The labels of features that follow from the token, by name.
    labels: Mapping[str, Callable[[str], str]]
    # The case-folded tokens of a lexicon's entries.
    in_lexicon: frozenset[str]
    # Whether the first split is train.
    has_train: bool
    # Whether also how many tokens of each split have a vector.
    has_coverage: bool


class CountTask(NamedTuple):
    counting: Carried[Counting]
    tokens: Carried[PartTokens]
    # How often each occurs: int64 (S, V).
    token_SV: Carried[np.ndarray]
    # The beginning of the names of what is written.
    path: Path


class SmallCounts(NamedTuple):
    """What is small enough to be added up in memory. Counts are of train; what is only there or not, of all splits."""

    chars: CharCounts
    # By the name of a feature.
    labels: dict[str, LabelCounts]
    # The tokens of the lexicon's entries that occur; and the words with a vector that are a token's key.
    in_lexicon: set[str]
    with_vector: set[str]


class CountedPart(NamedTuple):
    # Under which spelling each of its distinct tokens is looked up.
    keys: Carried[list[str]]
    # Runs: of the keys of the first split's tokens; and, for the coverage, of the tokens of each split.
    key_runs: list[Path]
    token_runs_S: list[list[Path]]
    small: Carried[SmallCounts]


class CountedTokens(NamedTuple):
    """Of all parts, as in CountedPart; the runs are few enough to be merged."""

    keys: list[Carried[list[str]]]
    key_runs: Sequence[Path]
    token_runs_S: list[Sequence[Path]]
    small: SmallCounts


def count_part(task: CountTask, advance: Advance) -> CountedPart:
    counting, token_SV, path = task.counting.get(), task.token_SV.get(), task.path
    token_V = task.tokens.get().token_V
    keys, steps = counting.rule.keys(token_V)
    with_vector = {key for key, step in zip(keys, steps) if step is not None}
    return CountedPart(
        Carried(keys, path.with_name(f"{path.name}-keys")),
        write_word_runs(path.with_name(f"{path.name}-words"), keys, token_SV[0]),
        [
            write_word_runs(path.with_name(f"{path.name}-tokens-{split_id}"), token_V, count_V)
            for split_id, count_V in enumerate(token_SV if counting.has_coverage else ())
        ],
        Carried(_small(token_V, token_SV[0], counting, with_vector), path),
    )


def _small(token_V: Sequence[str], count_V: np.ndarray, counting: Counting, with_vector: set[str]) -> SmallCounts:
    """count_V: of the first split."""
    train_V = count_V if counting.has_train else np.zeros_like(count_V)
    return SmallCounts(
        count_chars(token_V, train_V, counting.max_chars),
        {name: count_labels(label, token_V, train_V) for name, label in counting.labels.items()},
        {token.casefold() for token in token_V} & counting.in_lexicon if counting.in_lexicon else set(),
        with_vector,
    )


def count_tokens(
    corpus: IdCorpus, tagged: TaggedCorpus, counting: Counting, spill: Path, executor: Executor
) -> CountedTokens:
    """spill: folder for intermediate files."""
    carried = Carried(counting, spill / "counting", is_shared=True)
    tasks = [
        CountTask(carried, part.tokens, tagged_part.token_SV, spill / f"counted-{number}")
        for number, (part, tagged_part) in enumerate(zip(corpus.parts, tagged.parts))
    ]
    parts = executor.run("count", count_part, tasks)
    by_part = [[part.key_runs, *part.token_runs_S] for part in parts]
    key_runs, *token_runs_S = (
        few_runs([path for runs in some for path in runs], f"counts-{number}", spill, executor)
        for number, some in enumerate(zip(*by_part))
    )
    return CountedTokens([part.keys for part in parts], key_runs, token_runs_S, _sum(parts, counting))


def _sum(parts: Sequence[CountedPart], counting: Counting) -> SmallCounts:
    total = SmallCounts(sum_chars(()), dict.fromkeys(counting.labels, NO_LABELS), set(), set())
    # One after another: all of them together may be many.
    for part in parts:
        small = part.small.get()
        total = SmallCounts(
            sum_chars((total.chars, small.chars)),
            {name: sum_labels(found, small.labels[name]) for name, found in total.labels.items()},
            total.in_lexicon | small.in_lexicon,
            total.with_vector | small.with_vector,
        )
    return total
