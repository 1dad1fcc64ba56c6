"""Second pass: tags -> BILOU ids, sentences -> splits; all counts for vocabularies, buckets and reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_prep.formats.block import SentenceIds
from data_prep.passes.chunk_file import append_chunk, read_chunks
from data_prep.passes.read_pass import IdCorpus
from data_prep.passes.repair_tags import cut_sentences, to_bilou
from data_prep.passes.splits import SplitChooser, count_duplicates
from data_prep.problems import Problems
from data_prep.settings import Settings


class TaggedCorpus:
    """The corpus after this pass, and its counts: S splits, V distinct tokens, K BILOU tags, P parts of speech."""

    def __init__(self, path: Path, splits: list[str], corpus: IdCorpus):
        self.path, self.splits = path, splits
        self.scheme, self.entity_types = corpus.scheme, corpus.tag_table.entity_types
        self.token_SV = np.zeros((len(splits), len(corpus.token_V)), np.int64)
        self.tag_SK = np.zeros((len(splits), 1 + 4 * len(self.entity_types)), np.int64)
        self.pos_SP = np.zeros((len(splits), len(corpus.pos_P)), np.int64)
        # Sentences of each length, from 0 to the longest.
        self.length_SL = np.zeros((len(splits), 1), np.int64)
        # Length and place of the longest sentence of each split.
        self.longest = [(0, "") for _ in splits]
        # Place of the first token with this (split id, type id).
        self.first_seen: dict[tuple[int, int], str] = {}

    def entities(self, split_id: int) -> dict[str, int]:
        """Number of entities of each type in a split: one begins at each B and U."""
        tag_KB = self.tag_SK[split_id, 1:].reshape(-1, 4)
        return {name: int(begins) for name, begins in zip(self.entity_types, tag_KB[:, 0] + tag_KB[:, 3])}

    def add(self, block: SentenceIds, split_N: np.ndarray, path: Path) -> None:
        """Count a block of the file `path`; its tags are BILOU ids."""
        tag_M, length_N = block.tag_M, block.length_N
        split_M = np.repeat(split_N, length_N)
        for counts, values in ((self.token_SV, block.token_M), (self.tag_SK, tag_M), (self.pos_SP, block.pos_M)):
            if counts.size and len(values):
                add_counts(counts.reshape(-1), split_M * counts.shape[1] + values)
        width = max(self.length_SL.shape[1], int(length_N.max()) + 1)
        self.length_SL = np.pad(self.length_SL, ((0, 0), (0, width - self.length_SL.shape[1])))
        flat = np.bincount(split_N * width + length_N, minlength=self.length_SL.size)
        self.length_SL += flat.reshape(self.length_SL.shape)

        start_N = np.cumsum(length_N) - length_N
        for split_id in np.unique(split_N):
            mine = np.flatnonzero((split_M == split_id) & (tag_M > 0))
            types, first = np.unique((tag_M[mine] - 1) // 4, return_index=True)
            for type_id, i in zip(types, mine[first]):
                self.first_seen.setdefault((int(split_id), int(type_id)), f"{path}:{block.line_M[i]}")
            longest = int(np.argmax(np.where(split_N == split_id, length_N, -1)))
            if length_N[longest] > self.longest[split_id][0]:
                self.longest[split_id] = (int(length_N[longest]), f"{path}:{block.line_M[start_N[longest]]}")


def add_counts(counts: np.ndarray, id_M: np.ndarray) -> None:
    """Add to `counts`, in place, how often each id occurs."""
    if len(counts) < 8 * len(id_M):
        counts += np.bincount(id_M, minlength=len(counts))
    else:
        # A block contains only little of a large vocabulary.
        ids, times = np.unique(id_M, return_counts=True)
        counts[ids] += times


def resolve_tags(
    corpus: IdCorpus, sources: list[Path], splits: list[str], settings: Settings, path: Path, problems: Problems
) -> TaggedCorpus:
    """Read the first pass's file, write `path` for the third pass, and count.

    Its chunks are token, tag (BILOU id) and pos of M tokens, length and split id of N sentences.
    """
    tagged = TaggedCorpus(path, splits, corpus)
    chooser = SplitChooser(corpus, settings)
    with open(path, "wb") as spill:
        for *columns, source in read_chunks(corpus.path):
            block, source_path = SentenceIds(*columns), sources[source[0]]
            split_N = chooser.next_ids(len(block.length_N))
            tag_M = to_bilou(block, source_path, corpus.tag_table, corpus.scheme.name, settings, problems)
            block = block._replace(tag_M=tag_M)
            if block.length_N.max() > settings.max_tokens:
                block, pieces_N = cut_sentences(block, source_path, settings, problems)
                split_N = np.repeat(split_N, pieces_N)
            tagged.add(block, split_N, source_path)
            append_chunk(spill, [block.token_M, block.tag_M, block.pos_M, block.length_N, split_N])
    _check_types(tagged, settings, problems)
    if not problems.num_errors:
        _check_splits(tagged, str(sources[0]), settings, problems)
    count_duplicates(chooser, splits, problems)
    return tagged


def _check_types(tagged: TaggedCorpus, settings: Settings, problems: Problems) -> None:
    """Entity types of dev or test that do not occur in train."""
    for (split_id, type_id), where in sorted(tagged.first_seen.items()):
        if split_id == 0 or (0, type_id) in tagged.first_seen:
            continue
        what = f"entity type {tagged.entity_types[type_id]!r} occurs in {tagged.splits[split_id]} but not in train"
        if settings.on_unseen_type == "keep":
            problems.warn("types_not_in_train", where, what)
        else:
            problems.error(where, f"{what}; pass --on-unseen-type keep to go on (first seen here)")


def _check_splits(tagged: TaggedCorpus, where: str, settings: Settings, problems: Problems) -> None:
    num_sentences_S = tagged.length_SL.sum(1)
    for split, num_sentences in zip(tagged.splits, num_sentences_S):
        if not num_sentences:
            what = f"none of the {int(num_sentences_S.sum())} sentences falls to {split}"
            problems.error(where, f"{what}; use a larger corpus or other --split fractions")
    if num_sentences_S[0] and not tagged.tag_SK[0, 1:].any():
        problems.error(where, "train holds no entities")
    if 0 < num_sentences_S[0] < settings.num_shards:
        what = f"--num-shards {settings.num_shards} is more than the {num_sentences_S[0]} sentences of train"
        problems.error(where, what)
