"""Second pass: tags -> BILOU ids, sentences -> splits; all counts for vocabularies, buckets and reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from data_prep.passes.chunk_file import append_fields, read_fields
from data_prep.passes.chunk_tokens import BY_SENTENCE, blank_to_drop, block_of, chunk_without, facts_of
from data_prep.passes.origin_file import read_origins
from data_prep.passes.read_pass import IdCorpus, ReadChunk
from data_prep.passes.repair_tags import cut_sentences, to_bilou
from data_prep.passes.splits import SplitChooser, count_duplicates
from data_prep.problems import Problems
from data_prep.sentences.block import NOTHING, SentenceIds, add_counts
from data_prep.settings import Settings
from ner_dist.contract.visible_text import shown


class TaggedChunk(NamedTuple):
    """N sentences of M tokens in this pass's file."""

    # [number of the source].
    source: np.ndarray
    token_M: np.ndarray
    # BILOU ids.
    tag_M: np.ndarray
    length_N: np.ndarray
    # The split's id; that of its raw sentences follows after all splits'.
    split_N: np.ndarray
    line_M: np.ndarray
    # As in ReadChunk.
    document_N: np.ndarray
    recut_N: np.ndarray
    origin_place_N: np.ndarray
    origin_size_N: np.ndarray
    feature_FM: list[np.ndarray]

    @property
    def line_N(self) -> np.ndarray:
        """Line of the first token of each sentence."""
        return self.line_M[np.cumsum(self.length_N) - self.length_N]


class TaggedCorpus:
    """The corpus after this pass, and its counts: S splits, V distinct tokens, K BILOU tags.

    Counts are of what is trained on and scored by tokens; raw sentences count in raw_SL alone.
    """

    def __init__(self, path: Path, splits: list[str], corpus: IdCorpus):
        # A file of chunks, each a TaggedChunk.
        self.path, self.splits = path, splits
        self.scheme, self.entity_types = corpus.scheme, corpus.entity_types
        self.token_SV = np.zeros((len(splits), len(corpus.token_V)), np.int64)
        self.tag_SK = np.zeros((len(splits), 1 + 4 * len(self.entity_types)), np.int64)
        # Of each value of each feature.
        self.features = {
            name: np.zeros((len(splits), len(values)), np.int64) for name, values in corpus.features.items()
        }
        # Sentences of each length, from 0 to the longest; and raw ones.
        self.length_SL = np.zeros((len(splits), 1), np.int64)
        self.raw_SL = np.zeros((len(splits), 1), np.int64)
        self.documents_S = np.zeros(len(splits), np.int64)
        # By split: whether its sentences have texts; and of each type the entities that raw tokens do not express.
        self.has_text_S = np.zeros(len(splits), bool)
        self.inexpressible: list[Counter[str]] = [Counter() for _ in splits]
        # Length and place of the longest sentence of each split.
        self.longest = [(0, "") for _ in splits]
        # Place of the first token with this (split id, type id).
        self.first_seen: dict[tuple[int, int], str] = {}

    def of_train(self, counts_SX: np.ndarray) -> np.ndarray:
        """The row of train, which is the first if there is one; else zeros."""
        return counts_SX[0] if self.splits[0] == "train" else np.zeros_like(counts_SX[0])

    def entities(self, split_id: int) -> dict[str, int]:
        """Number of entities of each type in a split: one begins at each B and U."""
        tag_KB = self.tag_SK[split_id, 1:].reshape(-1, 4)
        return {name: int(begins) for name, begins in zip(self.entity_types, tag_KB[:, 0] + tag_KB[:, 3])}

    def add(self, block: SentenceIds, split_N: np.ndarray, path: str) -> None:
        """Count a block of the file `path`; its tags are BILOU ids."""
        tag_M, length_N = block.tag_M, block.length_N
        split_M = np.repeat(split_N, length_N)
        counted = ((self.token_SV, block.token_M), (self.tag_SK, tag_M), *zip(self.features.values(), block.feature_FM))
        for counts, values in counted:
            if counts.size and len(values):
                add_counts(counts.reshape(-1), split_M * counts.shape[1] + values)
        self.length_SL = _with_lengths(self.length_SL, split_N, length_N)

        start_N = np.cumsum(length_N) - length_N
        for split_id in np.unique(split_N):
            mine = np.flatnonzero((split_M == split_id) & (tag_M > 0))
            types, first = np.unique((tag_M[mine] - 1) // 4, return_index=True)
            for type_id, i in zip(types, mine[first]):
                self.first_seen.setdefault((int(split_id), int(type_id)), f"{path}:{block.line_M[i]}")
            longest = int(np.argmax(np.where(split_N == split_id, length_N, -1)))
            if length_N[longest] > self.longest[split_id][0]:
                self.longest[split_id] = (int(length_N[longest]), f"{path}:{block.line_M[start_N[longest]]}")


def _with_lengths(histogram_SL: np.ndarray, split_N: np.ndarray, length_N: np.ndarray) -> np.ndarray:
    """The histogram with more sentences, wider if need be."""
    width = max(histogram_SL.shape[1], int(length_N.max()) + 1)
    wide_SL = np.pad(histogram_SL, ((0, 0), (0, width - histogram_SL.shape[1])))
    return wide_SL + np.bincount(split_N * width + length_N, minlength=wide_SL.size).reshape(wide_SL.shape)


def resolve_tags(
    corpus: IdCorpus,
    splits: list[str],
    settings: Settings,
    path: Path,
    problems: Problems,
    known_types: Sequence[str] | None = None,
) -> TaggedCorpus:
    """Read the first pass's file, write `path` for the third pass, and count.

    known_types: of the model that it is built like, if there is one.
    """
    tagged = TaggedCorpus(path, splits, corpus)
    chooser = SplitChooser(corpus, splits, settings)
    if chooser.single and corpus.documents.any_long and settings.split_by == "auto" and not chooser.by_document:
        what = f"only {corpus.documents.num_documents} documents, so it is split by sentence, not by document"
        problems.warn("few_documents", str(corpus.sources[0].file), what)
    last_document = (-1, 0)
    split_N = NOTHING
    with open(path, "wb") as spill:
        for chunk in read_fields(corpus.path, ReadChunk):
            source_id, is_raw, has_text = chunk.kind.tolist()
            name = str(corpus.sources[source_id].file)
            # Raw sentences follow those of their records.
            split_N = split_N[chunk.of_N] if is_raw else chooser.next_ids(len(chunk.length_N))
            blank_P = blank_to_drop(chunk, corpus, settings) if not is_raw else NOTHING
            tag_M = to_bilou(
                block_of(chunk), name, corpus.tags[source_id], settings, problems, blank_P, facts_of(chunk, corpus)
            )
            chunk, whole_N = chunk._replace(tag_M=tag_M), split_N
            if len(blank_P):
                chunk, sentence_N = chunk_without(chunk, blank_P)
                whole_N = split_N[sentence_N]
                if not len(sentence_N):
                    continue
            if is_raw:
                _count_raw(tagged, corpus, chunk, split_N)
                _append(spill, chunk, split_N + len(splits))
                continue
            last_document = _count_documents(tagged, chunk, whole_N, last_document)
            if has_text:
                tagged.has_text_S[np.unique(whole_N)] = True
            if chunk.length_N.max() > settings.max_tokens:
                chunk, pieces_N = _cut_long(chunk, name, settings, problems)
                whole_N = np.repeat(whole_N, pieces_N)
            tagged.add(block_of(chunk), whole_N, name)
            _append(spill, chunk, whole_N)
    _check_types(tagged, settings, problems, known_types or ())
    if known_types is not None:
        _report_new_types(tagged, known_types, problems)
    if not problems.num_errors:
        _check_splits(tagged, str(corpus.sources[0].file), settings, problems)
    count_duplicates(chooser, splits, problems)
    return tagged


def _cut_long(chunk: ReadChunk, name: str, settings: Settings, problems: Problems) -> tuple[ReadChunk, np.ndarray]:
    """The chunk with its long sentences cut, and the number of pieces of each."""
    block, pieces_N = cut_sentences(block_of(chunk), name, settings, problems)
    repeated = {
        field: np.repeat(values, pieces_N) if len(values := getattr(chunk, field)) else values for field in BY_SENTENCE
    }
    return chunk._replace(tag_M=block.tag_M, length_N=block.length_N, **repeated), pieces_N  # type: ignore[arg-type]


def _append(spill: BinaryIO, chunk: ReadChunk, split_N: np.ndarray) -> None:
    tagged = TaggedChunk(
        chunk.kind[:1],
        chunk.token_M,
        chunk.tag_M,
        chunk.length_N,
        split_N,
        chunk.line_M,
        chunk.document_N,
        chunk.recut_N,
        chunk.origin_place_N,
        chunk.origin_size_N,
        chunk.feature_FM,
    )
    append_fields(spill, tagged)


def _count_documents(
    tagged: TaggedCorpus, chunk: ReadChunk, split_N: np.ndarray, last: tuple[int, int]
) -> tuple[int, int]:
    """Count the documents that begin in a chunk; `last` is the source and number of the last one before it."""
    if not len(chunk.document_N):
        return last
    source_id = int(chunk.kind[0])
    before_N = np.append(last[1] if last[0] == source_id else 0, chunk.document_N[:-1])
    begins_N = (chunk.document_N != before_N) & (chunk.document_N > 0)
    tagged.documents_S += np.bincount(split_N[begins_N], minlength=len(tagged.splits))
    return source_id, int(chunk.document_N[-1])


def _count_raw(tagged: TaggedCorpus, corpus: IdCorpus, chunk: ReadChunk, split_N: np.ndarray) -> None:
    tagged.raw_SL = _with_lengths(tagged.raw_SL, split_N, chunk.length_N)
    origins = read_origins(corpus.origin_path, chunk.origin_place_N, chunk.origin_size_N)
    ends = np.cumsum(chunk.length_N).tolist()
    for split_id, origin, begin, end in zip(split_N.tolist(), origins, [0, *ends], ends):
        if origin.spans:
            lengths = (len(corpus.token_V[token]) for token in chunk.token_M[begin:end].tolist())
            token_ends = {start + length for start, length in zip(origin.starts, lengths)}
            starts = set(origin.starts)
            lost = (span.type for span in origin.spans if span.start not in starts or span.end not in token_ends)
            tagged.inexpressible[split_id].update(lost)


def _check_types(tagged: TaggedCorpus, settings: Settings, problems: Problems, known_types: Sequence[str]) -> None:
    """Entity types of dev or test that do not occur in train, if there is one, and that no model knows."""
    for (split_id, type_id), where in sorted(tagged.first_seen.items()):
        if split_id == 0 or (0, type_id) in tagged.first_seen or tagged.splits[0] != "train":
            continue
        if type_id < len(known_types):
            continue
        what = f"entity type {shown(tagged.entity_types[type_id])} occurs in {tagged.splits[split_id]} but not in train"
        if settings.on_unseen_type == "keep":
            problems.warn("types_not_in_train", where, what)
        else:
            problems.error(where, f"{what}; pass --on-unseen-type keep to go on (first seen here)", "unseen_type")


def _report_new_types(tagged: TaggedCorpus, known_types: Sequence[str], problems: Problems) -> None:
    """Types that the model does not know, in one warning: how many entities of each."""
    by_split = [tagged.entities(split_id) for split_id in range(len(tagged.splits))]
    new = tagged.entity_types[len(known_types) :]
    counts = {name: sum(entities[name] for entities in by_split) for name in new}
    if counts:
        named = ", ".join(f"{shown(name)} ({_counted(count, 'entity', 'entities')})" for name, count in counts.items())
        where = min(place for (_, type_id), place in tagged.first_seen.items() if type_id >= len(known_types))
        what = f"{_counted(len(counts), 'type', 'types')} that the model does not know: {named}"
        problems.warn("types_not_in_model", where, what, sum(counts.values()))


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _check_splits(tagged: TaggedCorpus, where: str, settings: Settings, problems: Problems) -> None:
    num_sentences_S = tagged.length_SL.sum(1)
    for split, num_sentences in zip(tagged.splits, num_sentences_S):
        if not num_sentences:
            what = f"none of the {int(num_sentences_S.sum())} sentences falls to {split}"
            problems.error(where, f"{what}; use a larger corpus or other --split fractions", "empty_split")
    if tagged.splits[0] != "train":
        return
    if num_sentences_S[0] and not tagged.tag_SK[0, 1:].any():
        problems.error(where, "train holds no entities", "no_entities")
    if 0 < num_sentences_S[0] < settings.num_shards:
        what = f"--num-shards {settings.num_shards} is more than the {num_sentences_S[0]} sentences of train"
        problems.error(where, what, "too_few_sentences")
