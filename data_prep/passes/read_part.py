"""First pass, a part of it: some corpus files -> ids of distinct strings on disk, and hashes of their sentences."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.cutting.cutter import Cutter
from data_prep.formats.read_corpus import read_as, recognise
from data_prep.passes.carried import Carried, spill_file
from data_prep.passes.chunk_file import append_fields
from data_prep.passes.document_edges import DocumentEdges
from data_prep.passes.document_hashes import DocumentHashes
from data_prep.passes.id_corpus import CorpusPart, FirstSentence, PartStrings, PartTokens, ReadChunk, ReadSource
from data_prep.passes.origin_file import OriginWriter
from data_prep.passes.recorded_problems import Listener, RecordedProblems, Told
from data_prep.passes.sentence_hashes import hash_sentences
from data_prep.passes.source_counts import PartTags
from data_prep.passes.tag_collector import TagCollector
from data_prep.passes.token_collector import TokenCollector
from data_prep.problems import CorpusError, Problems
from data_prep.sentences.block import NOTHING, SentenceIds
from data_prep.sentences.string_ids import CorpusStrings, FeatureState, FeatureStrings, StringIds
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile
from ner_dist.contract.tokenizers import TokenizerChoice
from ner_dist.engines.executor import Advance
from ner_dist.errors import UserError


class ReadState(NamedTuple):
    """What the reading of a file takes over from the files before it."""

    # None: no file had any sentences.
    features: FeatureState | None = None
    # Of the texts; None: there were none, so that the next ones decide.
    tokenizer: TokenizerChoice | None = None


class NumberedFile(NamedTuple):
    """A source, or a piece of one."""

    source_id: int
    split: str
    file: SourceFile


class ReadTask(NamedTuple):
    settings: Settings
    heard_by: Listener
    # In order.
    files: Sequence[NumberedFile]
    before: ReadState
    # The beginning of the names of what is written.
    path: Path


class FileResult(NamedTuple):
    of: NumberedFile
    # None if there is a failure.
    source: ReadSource | None
    # What is wrong with it, and why all of the corpus cannot be read, after that.
    told: Told
    failure: UserError | None = None
    # Its documents; and those of the first and the last sentence that may go on in another piece: their names, or "".
    num_documents: int = 0
    first_document: str = ""
    last_document: str = ""
    # The kinds of problems in its lines; and whether pieces of it must not be told for the whole, whatever these are.
    kinds: frozenset[str] = frozenset()
    is_odd: bool = False


class ReadResult(NamedTuple):
    part: CorpusPart
    files: list[FileResult]
    tags: Carried[PartTags]
    num_origin_bytes: int
    num_documents: int
    any_long: bool
    after: ReadState
    # Whether a text was cut, and whether some text came without tokens.
    cut_texts: bool
    made_tokens: bool


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
        self.tokens, self.tags = TokenCollector(settings), TagCollector()
        self.features = FeatureStrings(task.before.features)
        self.cutter = Cutter(settings.tokenizer, settings.language, task.before.tokenizer)
        self.paths = [task.path.with_name(task.path.name + end) for end in ("", "-hash", "-origin", "-documents")]
        self._chunks, self._hashes, origins, documents = (stack.enter_context(spill_file(path)) for path in self.paths)
        self.origins = OriginWriter(origins)
        self.documents = DocumentHashes(documents, settings.seed)
        self.num_sentences: list[tuple[int, int]] = []

    def read(self, of: NumberedFile, problems: RecordedProblems, advance: Advance) -> FileResult:
        source_id, split, file = of
        strings = CorpusStrings(self.tokens.ids, self.tags.ids, self.features)
        found = recognise(file, self.settings.read_options)
        num_sentences, first, documents, has_long = 0, None, DocumentEdges(), False
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
            num_sentences += len(block.length_N)
            documents.add(block)
            has_long = has_long or block.length_N.max() > self.settings.max_tokens
        self.documents.end_source()
        self.num_sentences.append((source_id, num_sentences))
        return FileResult(
            of,
            ReadSource(split, file.whole, found.format.name, found.evidence, num_sentences, first),
            problems.told(),
            None,
            *documents.found(found.cut_at in ("lines", "rows")),
            # Where blocks end decides in which order different kinds of problems are found.
            frozenset(problems.kinds),
            has_long,
        )

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
        return PartStrings(self.tags.ids.texts, {name: ids.texts for name, ids in self.features.items()})


def state_after(before: ReadState, features: FeatureStrings, cutter: Cutter) -> ReadState:
    return ReadState(features.state(), cutter.choice() if cutter.was_used else before.tokenizer)


def read_part(task: ReadTask, advance: Advance) -> ReadResult:
    """The files up to the first one that cannot be read at all."""
    results: list[FileResult] = []
    with ExitStack() as stack:
        reading = _Reading(task, stack)
        for number, of in enumerate(task.files):
            path = task.path.with_name(f"{task.path.name}-problems-{number}")
            problems = RecordedProblems(task.heard_by, path, str(of.file))
            try:
                results.append(reading.read(of, problems, advance))
            except UserError as error:
                results.append(FileResult(of, None, problems.told(), error, is_odd=True))
                break
    path, hash_path, origin_path, document_path = reading.paths
    tokens = PartTokens(reading.tokens.ids.texts, reading.tokens.blank)
    return ReadResult(
        CorpusPart(
            *(path, origin_path, hash_path, document_path, reading.num_sentences, 0, 0, 0),
            tokens=Carried(tokens, task.path.with_name(f"{task.path.name}-strings")),
            num_tokens=len(tokens.token_V),
            strings=Carried(reading.strings(), task.path.with_name(f"{task.path.name}-values")),
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
        found = recognise(file, settings.read_options)
        for _ in read_as(found, file.whole, settings.read_options, Problems(), strings, cutter):
            break
    except UserError:
        return before
    return state_after(before, strings.features, cutter)
