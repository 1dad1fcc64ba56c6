"""Second pass, a part of it: tags -> BILOU ids, sentences -> splits, and counts."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from data_prep.passes.carried import Carried, spill_file
from data_prep.passes.chunk_file import append_fields
from data_prep.passes.chunk_tokens import BY_SENTENCE, blank_to_drop, block_of, chunk_without, facts_of
from data_prep.passes.id_corpus import CorpusPart, ReadChunk
from data_prep.passes.origin_file import Origins
from data_prep.passes.recorded_problems import Listener, RecordedProblems, Told
from data_prep.passes.repair_tags import cut_sentences, to_bilou
from data_prep.passes.splits import SplitRule
from data_prep.passes.tag_collector import SourceTags
from data_prep.passes.tagged_corpus import TaggedChunk, TaggedCounts, TaggedPart, count_by_split, with_lengths
from data_prep.problems import Problems
from data_prep.sentences.block import NOTHING
from data_prep.settings import Settings
from data_prep.sources.mojibake import OddText, find_odd_text
from ner_dist.engines.executor import Advance


class Tagging(NamedTuple):
    """What all parts have in common."""

    settings: Settings
    heard_by: Listener
    # Of each source.
    names: list[str]
    tags: list[SourceTags]
    rule: SplitRule
    num_splits: int
    # BILOU tags, and the values of each token feature.
    num_tags: int
    features: dict[str, int]
    origins: Origins


class TagTask(NamedTuple):
    tagging: Carried[Tagging]
    part: CorpusPart
    # The beginning of the names of what is written.
    path: Path


class TagResult(NamedTuple):
    part: TaggedPart
    counts: Carried[TaggedCounts]
    # Tokens of one character, and those that look odd.
    num_characters: int
    odd: OddText
    told: Told


def tag_part(task: TagTask, advance: Advance) -> TagResult:
    tagging, path = task.tagging.get(), task.path
    problems = RecordedProblems(tagging.heard_by, path.with_name(f"{path.name}-problems"))
    tagger = _Tagger(tagging, task.part, problems)
    with spill_file(path) as file:
        tagger.run(file)
    counts, token_V, count_V = tagger.counts, tagger.token_V, tagger.token_SV.sum(0)
    is_character_V = np.fromiter((len(token) == 1 for token in token_V), bool, len(token_V))
    token_SV = Carried(tagger.token_SV, path.with_name(f"{path.name}-token-counts"))
    return TagResult(
        TaggedPart(path, counts.length_SL, counts.raw_SL, token_SV),
        Carried(counts, path.with_name(f"{path.name}-counts")),
        int(count_V[is_character_V].sum()),
        find_odd_text(token_V, count_V),
        problems.told(),
    )


class _Tagger:
    def __init__(self, tagging: Tagging, part: CorpusPart, problems: Problems) -> None:
        self.tagging, self.settings, self.part, self.problems = tagging, tagging.settings, part, problems
        self.token_V, self._blank = part.tokens.get()
        self.counts = TaggedCounts(tagging.num_splits, tagging.num_tags, tagging.features)
        self.token_SV = np.zeros((tagging.num_splits, len(self.token_V)), np.int64)
        # Source and number of the last document.
        self._last_document = (part.sources[0][0], part.last_document) if part.sources else (-1, 0)

    def run(self, file: BinaryIO) -> None:
        split_ids = self.tagging.rule.of_part(self.part)
        split_N = NOTHING
        for chunk in self.part.chunks():
            source_id, is_raw, _ = chunk.kind.tolist()
            # Raw sentences follow those of their records.
            split_N = split_N[chunk.of_N] if is_raw else split_ids.next_ids(source_id, len(chunk.length_N))
            self._tag(chunk, split_N, file)

    def _tag(self, chunk: ReadChunk, split_N: np.ndarray, file: BinaryIO) -> None:
        source_id, is_raw, has_text = chunk.kind.tolist()
        tagging, settings, name = self.tagging, self.settings, self.tagging.names[source_id]
        blank_P = blank_to_drop(chunk, self._blank, tagging.origins, settings) if not is_raw else NOTHING
        facts = facts_of(chunk, self.token_V, tagging.origins)
        tag_M = to_bilou(block_of(chunk), name, tagging.tags[source_id], settings, self.problems, blank_P, facts)
        chunk, whole_N = chunk._replace(tag_M=tag_M), split_N
        if len(blank_P):
            chunk, sentence_N = chunk_without(chunk, blank_P)
            whole_N = split_N[sentence_N]
            if not len(sentence_N):
                return
        if is_raw:
            self._count_raw(chunk, split_N)
            self._append(file, chunk, split_N + tagging.num_splits)
            return
        self._count_documents(chunk, whole_N)
        if has_text:
            self.counts.has_text_S[np.unique(whole_N)] = True
        if chunk.length_N.max() > settings.max_tokens:
            chunk, pieces_N = _cut_long(chunk, name, settings, self.problems)
            whole_N = np.repeat(whole_N, pieces_N)
        self.counts.add(block_of(chunk), whole_N, name)
        count_by_split(self.token_SV, np.repeat(whole_N, chunk.length_N), chunk.token_M)
        self._append(file, chunk, whole_N)

    def _append(self, file: BinaryIO, chunk: ReadChunk, split_N: np.ndarray) -> None:
        line_N = chunk.line_N
        tagged = TaggedChunk(
            chunk.kind[:1],
            chunk.token_M,
            chunk.tag_M,
            chunk.length_N,
            split_N,
            line_N,
            chunk.line_M - np.repeat(line_N, chunk.length_N),
            chunk.document_N,
            chunk.recut_N,
            chunk.origin_place_N,
            chunk.origin_size_N,
            chunk.feature_FM,
        )
        append_fields(file, tagged)

    def _count_documents(self, chunk: ReadChunk, split_N: np.ndarray) -> None:
        """Count the documents that begin in a chunk."""
        if not len(chunk.document_N):
            return
        source_id, last = int(chunk.kind[0]), self._last_document
        before_N = np.append(last[1] if last[0] == source_id else 0, chunk.document_N[:-1])
        begins_N = (chunk.document_N != before_N) & (chunk.document_N > 0)
        self.counts.documents_S += np.bincount(split_N[begins_N], minlength=self.tagging.num_splits)
        self._last_document = (source_id, int(chunk.document_N[-1]))

    def _count_raw(self, chunk: ReadChunk, split_N: np.ndarray) -> None:
        counts, token_V = self.counts, self.token_V
        counts.raw_SL = with_lengths(counts.raw_SL, split_N, chunk.length_N)
        origins = self.tagging.origins.read(chunk.origin_place_N, chunk.origin_size_N)
        ends = np.cumsum(chunk.length_N).tolist()
        for split_id, origin, begin, end in zip(split_N.tolist(), origins, [0, *ends], ends):
            if origin.spans:
                lengths = (len(token_V[token]) for token in chunk.token_M[begin:end].tolist())
                token_ends = {start + length for start, length in zip(origin.starts, lengths)}
                starts = set(origin.starts)
                lost = (span.type for span in origin.spans if span.start not in starts or span.end not in token_ends)
                counts.inexpressible[split_id].update(lost)


def _cut_long(chunk: ReadChunk, name: str, settings: Settings, problems: Problems) -> tuple[ReadChunk, np.ndarray]:
    """The chunk with its long sentences cut, and the number of pieces of each."""
    block, pieces_N = cut_sentences(block_of(chunk), name, settings, problems)
    repeated = {
        field: np.repeat(values, pieces_N) if len(values := getattr(chunk, field)) else values for field in BY_SENTENCE
    }
    return chunk._replace(tag_M=block.tag_M, length_N=block.length_N, **repeated), pieces_N  # type: ignore[arg-type]
