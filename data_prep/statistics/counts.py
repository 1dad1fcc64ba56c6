"""What a corpus or a shard set is made of, counted: sizes, lengths, entities, what is new, ambiguous, odd or double.

Memory grows with the distinct tokens and entities, and by 8 bytes a sentence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.formats.block import Tagged, starts_mask
from data_prep.formats.text_source import Progress
from data_prep.inspecting.read_sentences import read_unordered
from data_prep.inspecting.show_shards import verify
from data_prep.passes.tagged_stream import read_tagged, survey
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.statistics.odd_tokens import CharKind, OddKind, char_kinds, odd_kinds
from ner_dist.contract import tag_schemes

# What a corpus that is no split of anything is called.
WHOLE = "corpus"
MAX_ENTITY_TOKENS = 1 << 10


class Split:
    """Counts of one split, that blocks are added to."""

    def __init__(self, name: str, entity_types: list[str]) -> None:
        self.name, self.entity_types = name, entity_types
        self.tag_K = np.zeros(1 + 4 * len(entity_types), np.int64)
        # Sentences by their tokens; entities of each type by theirs.
        self.sentence_L = np.zeros(1, np.int64)
        self.entity_TL = np.zeros((len(entity_types), 1), np.int64)
        self.tokens: Counter[str] = Counter()
        # By type id and text, the tokens parted by spaces.
        self.entities: Counter[tuple[int, str]] = Counter()
        self._hashes: list[np.ndarray] = []

    def add(self, block: Tagged) -> None:
        starts_M = starts_mask(block.length_N)
        self.tokens.update(block.text_M)
        self.tag_K += np.bincount(block.tag_M, minlength=len(self.tag_K))
        self.sentence_L = _add(self.sentence_L, np.bincount(block.length_N))
        ends = np.cumsum(block.length_N).tolist()
        texts = (tuple(block.text_M[begin:end]) for begin, end in zip([0, *ends], ends))
        self._hashes.append(np.fromiter(map(hash, texts), np.int64, len(ends)))

        found = tag_schemes.entity_spans(*tag_schemes.split_ids(block.tag_M), starts_M)
        length_E = np.minimum(found.end_E - found.start_E, MAX_ENTITY_TOKENS)
        width = int(length_E.max(initial=0)) + 1
        flat = np.bincount(found.type_E * width + length_E, minlength=len(self.entity_types) * width)
        self.entity_TL = _add(self.entity_TL, flat.reshape(-1, width))
        self.entities.update(
            (type_id, " ".join(block.text_M[start:end]))
            for start, end, type_id in zip(*(part.tolist() for part in found))
        )

    @property
    def num_sentences(self) -> int:
        return int(self.sentence_L.sum())

    @property
    def num_tokens(self) -> int:
        return int(self.tag_K.sum())

    def num_entities(self, type_id: int | None = None) -> int:
        return int((self.entity_TL if type_id is None else self.entity_TL[type_id]).sum())

    def share_outside(self) -> float:
        """Share of the tokens that are O."""
        return float(self.tag_K[0] / max(1, self.num_tokens))

    def hash_N(self) -> np.ndarray:
        """A hash of each sentence's tokens, good in this process."""
        return np.concatenate(self._hashes) if self._hashes else np.zeros(0, np.int64)


def _add(counts: np.ndarray, more: np.ndarray) -> np.ndarray:
    """The sum of two histograms, of which one may end earlier on the last axis."""
    width = max(counts.shape[-1], more.shape[-1])
    first, second = (
        np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, width - part.shape[-1])]) for part in (counts, more)
    )
    return first + second


class Unseen(NamedTuple):
    """What of a split does not occur in train."""

    split: str
    num_tokens: int
    all_tokens: int
    num_distinct: int
    all_distinct: int
    # Entities of each type whose text train does not have as that type.
    entities_T: list[int]
    all_T: list[int]


class Ambiguous(NamedTuple):
    """A text that is an entity of several types: how often of each."""

    text: str
    counts: dict[str, int]

    @property
    def num_others(self) -> int:
        """Mentions that are not of its most frequent type."""
        return sum(self.counts.values()) - max(self.counts.values())


class Copies(NamedTuple):
    """Sentences of a split that another one has too, or that it has more than once."""

    split: str
    other: str
    num_sentences: int
    all_sentences: int


class Stats(NamedTuple):
    title: str
    scheme: str
    entity_types: list[str]
    splits: list[Split]
    unseen: list[Unseen]
    ambiguous: list[Ambiguous]
    # Mentions of ambiguous texts, and texts that are entities of both types, by pairs of type ids.
    num_ambiguous_mentions: int
    shared_TT: np.ndarray
    copies: list[Copies]
    odd: list[OddKind]
    chars: list[CharKind]

    def frequent(self, type_id: int, limit: int) -> list[tuple[str, int]]:
        """The most frequent entities of a type over all splits."""
        counts: Counter[str] = Counter()
        for split in self.splits:
            counts.update({text: count for (kind, text), count in split.entities.items() if kind == type_id})
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]


def _unseen(splits: list[Split]) -> list[Unseen]:
    train = next((split for split in splits if split.name == "train"), None)
    found = []
    for split in splits if train is not None else []:
        if split is train or train is None:
            continue
        new = [count for text, count in split.tokens.items() if text not in train.tokens]
        entities_T = [0] * len(split.entity_types)
        for (type_id, text), count in split.entities.items():
            if (type_id, text) not in train.entities:
                entities_T[type_id] += count
        all_T = [split.num_entities(type_id) for type_id in range(len(split.entity_types))]
        found.append(Unseen(split.name, sum(new), split.num_tokens, len(new), len(split.tokens), entities_T, all_T))
    return found


def _ambiguous(splits: list[Split], entity_types: list[str]) -> tuple[list[Ambiguous], int, np.ndarray]:
    """(texts of several types, the ones with most mentions of other types first; their mentions; shared_TT)."""
    by_text: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for split in splits:
        for (type_id, text), count in split.entities.items():
            by_text[text][type_id] += count
    shared_TT = np.zeros((len(entity_types),) * 2, np.int64)
    found = []
    for text, counts in by_text.items():
        if len(counts) > 1:
            ids = list(counts)
            shared_TT[np.ix_(ids, ids)] += 1
            named = {
                entity_types[type_id]: count for type_id, count in sorted(counts.items(), key=lambda c: (-c[1], c))
            }
            found.append(Ambiguous(text, named))
    np.fill_diagonal(shared_TT, 0)
    found.sort(key=lambda one: (-one.num_others, one.text))
    return found, sum(sum(one.counts.values()) for one in found), shared_TT


def _copies(splits: list[Split]) -> list[Copies]:
    found: list[Copies] = []
    before: list[tuple[str, np.ndarray]] = []
    for split in splits:
        hash_N = split.hash_N()
        distinct = np.unique(hash_N)
        found.append(Copies(split.name, split.name, len(hash_N) - len(distinct), len(hash_N)))
        for name, other in before:
            found.append(Copies(split.name, name, int(np.isin(hash_N, other).sum()), len(hash_N)))
        before.append((split.name, distinct))
    return found


def _finish(title: str, scheme: str, entity_types: list[str], splits: list[Split]) -> Stats:
    tokens: Counter[str] = Counter()
    for split in splits:
        tokens.update(split.tokens)
    copies, odd, chars = _copies(splits), odd_kinds(tokens), char_kinds(tokens)
    return Stats(
        title, scheme, entity_types, splits, _unseen(splits), *_ambiguous(splits, entity_types), copies, odd, chars
    )


def _counted(name: str, entity_types: list[str], blocks: Iterable[Tagged], progress: Progress | None = None) -> Split:
    split = Split(name, entity_types)
    for block in blocks:
        if len(block.length_N):
            split.add(block)
            if progress is not None:
                progress(len(block.text_M))
    return split


def stats_of_files(
    sources: dict[str, Path], settings: Settings, problems: Problems, progress: Progress | None = None
) -> Stats:
    """Of the corpus files of splits. Raises CorpusError listing what is wrong with them."""
    paths = list(sources.values())
    found = survey(paths, settings, "--scheme", problems, progress)
    types = found.table.entity_types
    splits = [
        _counted(name, types, read_tagged(path, settings, found, problems, progress)) for name, path in sources.items()
    ]
    problems.raise_errors()
    title = ", ".join(dict.fromkeys(path.name for path in paths))
    return _finish(title, f"{found.scheme.name} ({found.scheme.evidence})", types, splits)


def stats_of_shards(directory: Path, progress: Progress | None = None) -> Stats:
    """Of all splits of a shard set; `progress` is told of its tokens. Raises ShardError."""
    index = verify(directory)
    splits = [
        _counted(name, index.entity_types, read_unordered(directory, index, name), progress) for name in index.splits
    ]
    scheme = f"{index.settings.get('scheme_found')}, stored as BILOU"
    return _finish(directory.resolve().name, scheme, index.entity_types, splits)
