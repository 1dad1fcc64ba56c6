"""First pass: corpus files -> ids of distinct strings on disk, and hashes of all sentences and documents."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.cutting.cutter import Cutter
from data_prep.formats.read_corpus import Recognised, read_as, recognise
from data_prep.passes.blank_tokens import report_blank_tokens
from data_prep.passes.chunk_file import append_fields
from data_prep.passes.document_hashes import DocumentHashes
from data_prep.passes.like_settings import tokenizer_like
from data_prep.passes.origin_file import OriginWriter
from data_prep.passes.tag_collector import Scheme, SourceTags, TagCollector, describe_schemes, occurrences
from data_prep.problems import CorpusError, Problems
from data_prep.sentences.block import NOTHING, SentenceIds, ragged_positions
from data_prep.sentences.string_ids import CorpusStrings, FeatureStrings, StringIds
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile
from data_prep.sources.text_source import Progress
from ner_dist.contract.like_model import Like
from ner_dist.contract.mixing_hash import GAMMA, mix_bits
from ner_dist.contract.visible_text import is_blank_text, shown


class ReadChunk(NamedTuple):
    """A block of N sentences of M tokens in the spill file; all from one source."""

    # [number of the source, whether these are raw sentences, which follow the block whose records they are of, whether
    # records with a text are among them].
    kind: np.ndarray
    token_M: np.ndarray
    tag_M: np.ndarray
    line_M: np.ndarray
    length_N: np.ndarray
    # Empty if the source has no documents.
    document_N: np.ndarray
    # Empty if no sentence was recut.
    recut_N: np.ndarray
    # Of raw sentences: the sentence of the block before with which each belongs to a split.
    of_N: np.ndarray
    # Where each origin lies in the file of origins, and its size; see origin_file.
    origin_place_N: np.ndarray
    origin_size_N: np.ndarray
    feature_FM: list[np.ndarray]


class FirstSentence(NamedTuple):
    """The first sentence of a source, as it was read."""

    tokens: list[str]
    tags: list[str]
    features: dict[str, list[str]]


class ReadSource(NamedTuple):
    """What is known about a source after it was read."""

    split: str
    file: SourceFile
    found: Recognised
    num_sentences: int
    first: FirstSentence | None


class IdCorpus(NamedTuple):
    """All sources together after this pass; V distinct tokens."""

    # A file of chunks, each a ReadChunk; and that of the origins.
    path: Path
    origin_path: Path
    sources: list[ReadSource]
    token_V: list[str]
    # Those of them that are empty or cannot be seen.
    blank: dict[int, str]
    # The distinct values of each token feature.
    features: dict[str, list[str]]
    entity_types: list[str]
    # What the tags of each source mean, and their schemes in words.
    tags: list[SourceTags]
    scheme: Scheme
    # File of a keyed 64-bit hash (uint64) of each sentence's tokens, in corpus order, source after source; without raw
    # sentences.
    hash_path: Path
    # The same of each sentence's document.
    documents: DocumentHashes
    cutter: Cutter


def hash_sentences(token_hash_M: np.ndarray, length_N: np.ndarray) -> np.ndarray:
    """64-bit hash of each sentence, from the hashes of its tokens and their order: uint64 (N,)."""
    length_N = length_N.astype(np.int64)
    # 1, 2, ... within each sentence.
    place_M = ragged_positions(np.ones_like(length_N), length_N).astype(np.uint64)
    mixed_M = mix_bits(token_hash_M ^ (place_M * GAMMA))
    return mix_bits(np.add.reduceat(mixed_M, np.cumsum(length_N) - length_N) + length_N.astype(np.uint64))


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


class _Reading:
    """The state of this pass: what all sources share."""

    def __init__(
        self, settings: Settings, spill_path: Path, problems: Problems, stack: ExitStack, like: Like | None
    ) -> None:
        self.settings, self.problems = settings, problems
        self.tokens, self.tags, self.features = _TokenCollector(settings), TagCollector(), FeatureStrings()
        given = None if like is None else tokenizer_like(settings, like)
        self.cutter = Cutter(settings.tokenizer, settings.language, given)
        self.paths = [spill_path, *(spill_path.with_name(f"{spill_path.name}-{name}") for name in ("hash", "origin"))]
        self._chunks, self._hashes, origins = (stack.enter_context(path.open("wb")) for path in self.paths)
        self._origins = OriginWriter(origins)
        self.documents = DocumentHashes(spill_path.with_name(f"{spill_path.name}-documents"), settings.seed, stack)

    def read(self, source_id: int, split: str, file: SourceFile, progress: Progress | None) -> ReadSource:
        strings = CorpusStrings(self.tokens.ids, self.tags.ids, self.features)
        found = recognise(file, self.settings.read_options)
        num_sentences, first = 0, None
        options = self.settings.read_options
        for block in read_as(found, file, options, self.problems, strings, self.cutter, progress):
            if not len(block.length_N):
                continue
            self._check_distinct(file)
            self.tokens.add_new()
            self.tokens.report(block, str(file), self.problems)
            self.tags.add(block, source_id)
            hash_N = hash_sentences(self.tokens.hash_V[block.token_M], block.length_N)
            hash_N.tofile(self._hashes)
            self.documents.add(block, hash_N)
            self._append(source_id, block, is_raw=False)
            if block.raw is not None:
                self._append(source_id, block.raw._replace(raw_of_R=block.raw_of_R), is_raw=True)
            first = first or self._first_sentence(block)
            num_sentences += len(block.length_N)
        self.documents.end_source()
        if not num_sentences and not self.problems.num_errors:
            self.problems.error(str(file), "the file holds no sentences", "no_sentences")
        return ReadSource(split, file, found, num_sentences, first)

    def _check_distinct(self, file: SourceFile) -> None:
        """Raise CorpusError if what is to be held in memory would be too much."""
        for what, ids in {"tokens": self.tokens.ids, "tags": self.tags.ids, **self.features}.items():
            if len(ids.texts) > self.settings.max_distinct:
                raise CorpusError(
                    f"{file}: there are more than {self.settings.max_distinct:,} different {what}; is this the right "
                    "column? If it is, allow more with --max-distinct N"
                )

    def _append(self, source_id: int, block: SentenceIds, is_raw: bool) -> None:
        place_N, size_N = self._origins.append(block.origins, len(block.length_N))
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


def read_sources(
    sources: list[tuple[str, SourceFile]],
    settings: Settings,
    spill_path: Path,
    problems: Problems,
    progress: Progress | None = None,
    like: Like | None = None,
) -> IdCorpus:
    """Read all sources, each of a split, into the file `spill_path`; invalid lines go to `problems`.

    like: the model whose tokenizer and entity types apply. Raises CorpusError if a whole file is unreadable.
    """
    with ExitStack() as stack:
        reading = _Reading(settings, spill_path, problems, stack, like)
        read = [reading.read(i, split, file, progress) for i, (split, file) in enumerate(sources)]
    tags, where = reading.tags, str(sources[0][1])
    names, splits = [str(file) for _, file in sources], [split for split, _ in sources]
    known = () if like is None else like.vocabularies.entity_types
    found = tags.choose_schemes(names, settings, "--scheme", problems, not problems.num_errors, splits, known)
    if not tags.entity_types and not problems.num_errors:
        what = "no entities at all: every tag is O; is this the column of the tags?"
        problems.error(where, what, "no_entities")
    spill_path, hash_path, origin_path = reading.paths
    return IdCorpus(
        spill_path,
        origin_path,
        read,
        reading.tokens.ids.texts,
        reading.tokens.blank,
        {name: ids.texts for name, ids in reading.features.items()},
        tags.entity_types,
        found,
        describe_schemes(names, found),
        hash_path,
        reading.documents,
        reading.cutter,
    )
