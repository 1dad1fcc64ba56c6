"""A corpus or shard set, counted: sizes, lengths, entities, and what is new, ambiguous, odd or duplicated.

Memory grows with the distinct tokens and entities, and by 8 bytes per sentence.

Axes: K tags, T entity types, L lengths from 0, N sentences, M tokens and E entities of a block.
"""

from __future__ import annotations

import itertools
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.inspecting.read_sentences import read_unordered
from data_prep.inspecting.show_shards import verify
from data_prep.passes.tagged_stream import read_tagged, survey_tags
from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences, starts_mask
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile, Sources
from data_prep.sources.text_source import Progress
from data_prep.statistics.odd_tokens import TextKind, char_kinds, odd_kinds
from ner_dist.contract import tag_schemes

# The name of a corpus that is not divided into splits.
WHOLE = "corpus"
MAX_ENTITY_TOKENS = 1 << 10
# Of files, in a title.
MAX_NAMES = 3


class SplitCounts:
    """Counts of one split."""

    def __init__(
        self,
        name: str,
        entity_types: list[str],
        blocks: Iterable[TaggedSentences],
        progress: Progress = lambda num_tokens: None,
    ) -> None:
        self.name, self.entity_types = name, entity_types
        self.tag_K = np.zeros(1 + 4 * len(entity_types), np.int64)
        # Sentences, and entities of each type, by number of tokens.
        self.sentence_L = np.zeros(1, np.int64)
        self.entity_TL = np.zeros((len(entity_types), 1), np.int64)
        self.tokens: Counter[str] = Counter()
        # By type id and text, the tokens separated by spaces.
        self.entities: Counter[tuple[int, str]] = Counter()
        hashes = array("q")
        for block in blocks:
            self._add(block)
            hashes.extend(hash(tuple(block.text_M[place])) for place in block.sentence_slices())
            progress(len(block.text_M))
        # A hash of each sentence's tokens, valid within this process.
        self.hash_N = np.array(hashes)

    def _add(self, block: TaggedSentences) -> None:
        self.tokens.update(block.text_M)
        self.tag_K += np.bincount(block.tag_M, minlength=len(self.tag_K))
        self.sentence_L = _add(self.sentence_L, np.bincount(block.length_N))
        found = tag_schemes.entity_spans(*tag_schemes.split_ids(block.tag_M), starts_mask(block.length_N))
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


def _add(counts: np.ndarray, more: np.ndarray) -> np.ndarray:
    """The sum of two histograms whose last axes may differ in length."""
    total = np.zeros((*counts.shape[:-1], max(counts.shape[-1], more.shape[-1])), np.int64)
    for part in (counts, more):
        total[..., : part.shape[-1]] += part
    return total


class Unseen(NamedTuple):
    """What of a split does not occur in train."""

    split: str
    num_tokens: int
    all_tokens: int
    num_distinct: int
    all_distinct: int
    # Entities of each type whose text never has that type in train.
    entities_T: list[int]
    all_T: list[int]


class AmbiguousText(NamedTuple):
    """A text that is an entity of several types, and how often of each."""

    text: str
    counts: dict[str, int]

    @property
    def num_others(self) -> int:
        """Mentions that are not of its most frequent type."""
        return sum(self.counts.values()) - max(self.counts.values())


class CorpusStats(NamedTuple):
    title: str
    scheme: str
    entity_types: list[str]
    splits: list[SplitCounts]
    unseen: list[Unseen]
    ambiguous: list[AmbiguousText]
    # Mentions of ambiguous texts, and texts that are entities of both types, by pairs of type ids.
    num_ambiguous_mentions: int
    shared_TT: np.ndarray
    # A split, another or itself, its sentences that the other has too or that it has more than once, all its sentences.
    copies: list[tuple[str, str, int, int]]
    # Odd words, and characters.
    odd: list[TextKind]
    chars: list[TextKind]

    def frequent(self, type_id: int, limit: int) -> list[tuple[str, int]]:
        """The most frequent entities of a type over all splits."""
        counts: Counter[str] = Counter()
        for split in self.splits:
            counts.update({text: count for (kind, text), count in split.entities.items() if kind == type_id})
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]


def _unseen(splits: list[SplitCounts]) -> list[Unseen]:
    train = next((split for split in splits if split.name == "train"), None)
    if train is None:
        return []
    found = []
    for split in (split for split in splits if split is not train):
        new = [count for text, count in split.tokens.items() if text not in train.tokens]
        entities_T = [0] * len(split.entity_types)
        for (type_id, text), count in split.entities.items():
            if (type_id, text) not in train.entities:
                entities_T[type_id] += count
        all_T = [split.num_entities(type_id) for type_id in range(len(split.entity_types))]
        found.append(Unseen(split.name, sum(new), split.num_tokens, len(new), len(split.tokens), entities_T, all_T))
    return found


def _ambiguous(splits: list[SplitCounts], entity_types: list[str]) -> tuple[list[AmbiguousText], int, np.ndarray]:
    """(texts of several types, those with most mentions of other types first; all their mentions; shared_TT)."""
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
            ordered = sorted(counts.items(), key=lambda item: (-item[1], item))
            found.append(AmbiguousText(text, {entity_types[type_id]: count for type_id, count in ordered}))
    np.fill_diagonal(shared_TT, 0)
    found.sort(key=lambda one: (-one.num_others, one.text))
    return found, sum(sum(one.counts.values()) for one in found), shared_TT


def _copies(splits: list[SplitCounts]) -> list[tuple[str, str, int, int]]:
    found = []
    before: list[tuple[str, np.ndarray]] = []
    for split in splits:
        hash_N = split.hash_N
        distinct = np.unique(hash_N)
        found.append((split.name, split.name, len(hash_N) - len(distinct), len(hash_N)))
        found += [(split.name, name, int(np.isin(hash_N, other).sum()), len(hash_N)) for name, other in before]
        before.append((split.name, distinct))
    return found


def _finish(title: str, scheme: str, entity_types: list[str], splits: list[SplitCounts]) -> CorpusStats:
    tokens: Counter[str] = Counter()
    for split in splits:
        tokens.update(split.tokens)
    ambiguous, copies = _ambiguous(splits, entity_types), _copies(splits)
    odd, chars = odd_kinds(tokens), char_kinds(tokens)
    return CorpusStats(title, scheme, entity_types, splits, _unseen(splits), *ambiguous, copies, odd, chars)


def stats_of_files(
    sources: Sources, settings: Settings, problems: Problems, progress: Progress | None = None
) -> CorpusStats:
    """Statistics of corpus files by split. Raises CorpusError listing what is wrong with them."""
    files = [file for _, file in sources]
    found = survey_tags(files, settings, "--scheme", problems, progress, [split for split, _ in sources])
    types = found.tags.entity_types
    by_split: dict[str, list[SourceFile]] = {}
    for split, file in sources:
        by_split.setdefault(split, []).append(file)
    splits = [
        SplitCounts(
            name,
            types,
            itertools.chain.from_iterable(
                read_tagged(file, settings, found, problems, progress) for file in files_of_split
            ),
        )
        for name, files_of_split in by_split.items()
    ]
    problems.raise_errors()
    names = list(dict.fromkeys(file.name for file in files))
    title = ", ".join(names[:MAX_NAMES]) + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")
    return _finish(title, f"{found.scheme.name} ({found.scheme.evidence})", types, splits)


def stats_of_shards(directory: Path, progress: Progress = lambda num_tokens: None) -> CorpusStats:
    """Statistics of all splits of a shard set; `progress` receives numbers of tokens. Raises ShardError."""
    index = verify(directory)
    types = index.entity_types
    splits = [SplitCounts(name, types, read_unordered(directory, index, name), progress) for name in index.splits]
    scheme = f"{index.settings.get('scheme_found')}, stored as BILOU"
    return _finish(directory.resolve().name, scheme, types, splits)
