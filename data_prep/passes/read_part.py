"""First pass, a part of it: some corpus files -> ids of distinct strings on disk, and hashes of their sentences."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.cutting.cutter import Cutter
from data_prep.engines.executor import Advance
from data_prep.formats.read_corpus import read_as, recognise
from data_prep.passes.blank_tokens import report_blank_tokens
from data_prep.passes.carried import Carried, spill_file
from data_prep.passes.chunk_file import append_fields
from data_prep.passes.document_hashes import DocumentHashes
from data_prep.passes.id_corpus import CorpusPart, FirstSentence, PartStrings, ReadChunk, ReadSource
from data_prep.passes.origin_file import OriginWriter
from data_prep.passes.recorded_problems import Listener, RecordedProblems, Told
from data_prep.passes.sentence_hashes import hash_sentences
from data_prep.passes.source_counts import PartTags
from data_prep.passes.tag_collector import TagCollector, occurrences
from data_prep.problems import CorpusError, Problems
from data_prep.sentences.block import NOTHING, SentenceIds
from data_prep.sentences.string_ids import CorpusStrings, FeatureState, FeatureStrings, StringIds
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile
from ner_dist.contract.tokenizers import TokenizerChoice
from ner_dist.contract.visible_text import is_blank_text, shown
from ner_dist.errors import UserError


class ReadState(NamedTuple):
    """What the reading of a file takes over from the files before it."""

    # None: no file had any sentences.
    features: FeatureState | None = None
    # Of the texts; None: there were none, so that the next ones decide.
    tokenizer: TokenizerChoice | None = None


class ReadTask(NamedTuple):
    settings: Settings
    heard_by: Listener
    # Number, split and file of each source, or of the pieces of one, in order.
    sources: Sequence[tuple[int, str, SourceFile]]
    before: ReadState
    # The beginning of the names of what is written.
    path: Path


class SourceResult(NamedTuple):
    source: ReadSource | None
    # What is wrong with it, and why all of the corpus cannot be read, after that.
    told: Told
    failure: UserError | None = None


class ReadResult(NamedTuple):
    part: CorpusPart
    sources: list[SourceResult]
    tags: Carried[PartTags]
    num_origin_bytes: int
    num_documents: int
    any_long: bool
    after: ReadState
    # Whether a text was cut, and whether some text came without tokens.
    cut_texts: bool
    made_tokens: bool


class _TokenCollector:
    """The distinct tokens: their keyed hashes, and which are blank or too long."""

    def __init__(self, settings: Settings):
        self.settings = settings
        # The reader numbers the tokens here.
        self.ids = StringIds()
        # Longer than needed: it grows by doubling.
        self.hash_V = np.zeros(1 << 16, np.uint64)
        self.blank: dict[int, str] = {}
        self.long: dict[int, str] = {}

    def add_new(self) -> None:
        """Hash and check the new tokens, possibly including some of the sentence that is still open."""
        first_id, new = self.ids.take_new()
        key = self.settings.seed.to_bytes(8, "little")
        digests = b"".join([hashlib.blake2b(text.encode(), digest_size=8, key=key).digest() for text in new])
        while first_id + len(new) > len(self.hash_V):
            self.hash_V = np.append(self.hash_V, np.zeros_like(self.hash_V))
        self.hash_V[first_id : first_id + len(new)] = np.frombuffer(digests, "<u8")
        for token_id, text in enumerate(new, first_id):
            if is_blank_text(text):
                self.blank[token_id] = text
            elif len(text) > self.settings.max_chars:
                self.long[token_id] = text

    def report(self, block: SentenceIds, path: str, problems: Problems) -> None:
        report_blank_tokens(block, self.blank, path, self.settings.policies, problems)
        for i, text in occurrences(block.token_M, self.long):
            where, what = f"{path}:{block.line_M[i]}", f"token {shown(text[:30])}... has {len(text)} characters"
            if self.settings.on_long_word == "cut":
                problems.warn("long_words_cut", where, f"{what}; the character model sees only its two ends")
            else:
                limit = self.settings.max_chars
                advice = f"more than --max-chars {limit}; pass --on-long-word cut or raise it"
                problems.error(where, f"{what}, {advice}", "long_word")


def check_distinct(file: SourceFile, sizes: dict[str, int], settings: Settings) -> None:
    """Raise CorpusError if what is to be held in memory would be too much. sizes: by what they are."""
    for what, number in sizes.items():
        if number > settings.max_distinct:
            raise CorpusError(
                f"{file}: there are more than {settings.max_distinct:,} different {what}; is this the right "
                "column? If it is, allow more with --max-distinct N"
            )


class _Reading:
    """The state of this pass: what all sources share."""

    def __init__(self, task: ReadTask, stack: ExitStack) -> None:
        settings = self.settings = task.settings
        self.tokens, self.tags = _TokenCollector(settings), TagCollector()
        self.features = FeatureStrings(task.before.features)
        self.cutter = Cutter(settings.tokenizer, settings.language, task.before.tokenizer)
        self.paths = [task.path.with_name(task.path.name + end) for end in ("", "-hash", "-origin", "-documents")]
        self._chunks, self._hashes, origins, documents = (stack.enter_context(spill_file(path)) for path in self.paths)
        self.origins = OriginWriter(origins)
        self.documents = DocumentHashes(documents, settings.seed)
        self.num_sentences: list[tuple[int, int]] = []

    def read(self, source_id: int, split: str, file: SourceFile, problems: Problems, advance: Advance) -> ReadSource:
        strings = CorpusStrings(self.tokens.ids, self.tags.ids, self.features)
        found = recognise(file.whole, self.settings.read_options)
        num_sentences, first, has_documents = 0, None, False
        for block in read_as(found, file, self.settings.read_options, problems, strings, self.cutter, advance):
            if not len(block.length_N):
                continue
            check_distinct(file, self._sizes(), self.settings)
            self.tokens.add_new()
            self.tokens.report(block, str(file), problems)
            self.tags.add(block, source_id)
            hash_N = hash_sentences(self.tokens.hash_V[block.token_M], block.length_N)
            self._hashes.write(hash_N.tobytes())
            self.documents.add(block, hash_N)
            self._append(source_id, block, is_raw=False)
            if block.raw is not None:
                self._append(source_id, block.raw._replace(raw_of_R=block.raw_of_R), is_raw=True)
            first = first or self._first_sentence(block)
            has_documents = has_documents or bool(block.document_N.any())
            num_sentences += len(block.length_N)
        self.documents.end_source()
        self.num_sentences.append((source_id, num_sentences))
        return ReadSource(split, file, found.format.name, found.evidence, num_sentences, first, has_documents)

    def _sizes(self) -> dict[str, int]:
        known = {"tokens": self.tokens.ids, "tags": self.tags.ids, **self.features}
        return {what: len(ids.texts) for what, ids in known.items()}

    def _append(self, source_id: int, block: SentenceIds, is_raw: bool) -> None:
        place_N, size_N = self.origins.append(block.origins, len(block.length_N))
        chunk = ReadChunk(
            np.array([source_id, is_raw, block.has_text]),
            block.token_M,
            block.tag_M,
            block.line_M,
            block.length_N,
            block.document_N,
            block.recut_N if block.recut_N.any() else NOTHING,
            block.raw_of_R,
            place_N,
            size_N,
            block.feature_FM,
        )
        append_fields(self._chunks, chunk)

    def _first_sentence(self, block: SentenceIds) -> FirstSentence:
        place = slice(int(block.length_N[0]))
        return FirstSentence(
            self.tokens.ids.strings(block.token_M[place]),
            self.tags.ids.strings(block.tag_M[place]),
            {
                name: ids.strings(feature_M[place])
                for (name, ids), feature_M in zip(self.features.items(), block.feature_FM)
            },
        )

    def strings(self) -> PartStrings:
        return PartStrings(
            self.tokens.ids.texts,
            self.tokens.blank,
            self.tags.ids.texts,
            {name: ids.texts for name, ids in self.features.items()},
        )


def state_after(before: ReadState, features: FeatureStrings, cutter: Cutter) -> ReadState:
    return ReadState(features.state(), cutter.choice() if cutter.was_used else before.tokenizer)


def read_part(task: ReadTask, advance: Advance) -> ReadResult:
    """The sources up to the first one that cannot be read at all."""
    results: list[SourceResult] = []
    with ExitStack() as stack:
        reading = _Reading(task, stack)
        for source_id, split, file in task.sources:
            path = task.path.with_name(f"{task.path.name}-problems-{len(results)}")
            problems = RecordedProblems(task.heard_by, path)
            source, failure = None, None
            try:
                source = reading.read(source_id, split, file, problems, advance)
            except UserError as error:
                failure = error
            results.append(SourceResult(source, problems.told(), failure))
            if failure is not None:
                break
    path, hash_path, origin_path, document_path = reading.paths
    return ReadResult(
        CorpusPart(
            *(path, origin_path, hash_path, document_path, reading.num_sentences, 0),
            strings=Carried(reading.strings(), task.path.with_name(f"{task.path.name}-strings")),
        ),
        results,
        Carried(reading.tags.part(), task.path.with_name(f"{task.path.name}-tags")),
        reading.origins.end,
        reading.documents.num_documents,
        reading.documents.any_long,
        state_after(task.before, reading.features, reading.cutter),
        reading.cutter.was_used,
        reading.cutter.made_tokens,
    )


def first_look(file: SourceFile, settings: Settings, before: ReadState) -> ReadState:
    """The state after the beginning of a file; `before` if it cannot be read."""
    strings = CorpusStrings(StringIds(), StringIds(), FeatureStrings(before.features))
    cutter = Cutter(settings.tokenizer, settings.language, before.tokenizer)
    try:
        found = recognise(file.whole, settings.read_options)
        for _ in read_as(found, file, settings.read_options, Problems(), strings, cutter):
            break
    except UserError:
        return before
    return state_after(before, strings.features, cutter)
