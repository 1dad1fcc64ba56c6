"""First pass: corpus files -> ids of distinct strings on disk, block by block, and a hash of every sentence."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.formats.block import SentenceIds, ragged_positions
from data_prep.formats.read_corpus import read_corpus
from data_prep.formats.string_ids import CorpusStrings, StringIds
from data_prep.formats.tag_strings import Scheme, TagTable
from data_prep.formats.text_source import Progress
from data_prep.passes.chunk_file import append_chunk
from data_prep.passes.tag_collector import TagCollector, occurrences
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.contract.mixing_hash import GAMMA, mix_bits


class IdCorpus(NamedTuple):
    """All sources together after this pass; V distinct tokens, P parts of speech."""

    # A file of chunks: the arrays of SentenceIds, [source id].
    path: Path
    token_V: list[str]
    pos_P: list[str]
    tag_table: TagTable
    scheme: Scheme
    # File of a keyed 64-bit hash (uint64) of each sentence's tokens, in corpus order, source after source.
    hash_path: Path
    sentences_by_source: list[int]


def hash_sentences(token_hash_M: np.ndarray, length_N: np.ndarray) -> np.ndarray:
    """64-bit hash of each sentence, from the hashes of its tokens and their order: uint64 (N,)."""
    length_N = length_N.astype(np.int64)
    # 1, 2, ... within each sentence.
    place_M = ragged_positions(np.ones_like(length_N), length_N).astype(np.uint64)
    mixed_M = mix_bits(token_hash_M ^ (place_M * GAMMA))
    return mix_bits(np.add.reduceat(mixed_M, np.cumsum(length_N) - length_N) + length_N.astype(np.uint64))


def report_blank_token(text: str, where: str, problems: Problems) -> None:
    problems.error(where, f"token {text!r} is empty or only white space")


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
            if not text.strip():
                self.blank[token_id] = text
            elif len(text) > self.settings.max_chars:
                self.long[token_id] = text

    def report(self, block: SentenceIds, path: Path, problems: Problems) -> None:
        for i, text in occurrences(block.token_M, self.blank):
            report_blank_token(text, f"{path}:{block.line_M[i]}", problems)
        for i, text in occurrences(block.token_M, self.long):
            where, what = f"{path}:{block.line_M[i]}", f"token {text[:30]!r}... has {len(text)} characters"
            if self.settings.on_long_word == "cut":
                problems.warn("long_words_cut", where, f"{what}; the character model sees only its two ends")
            else:
                limit = self.settings.max_chars
                problems.error(where, f"{what}, more than --max-chars {limit}; pass --on-long-word cut or raise it")


def read_sources(
    sources: list[Path], settings: Settings, spill_path: Path, problems: Problems, progress: Progress | None = None
) -> IdCorpus:
    """Read all sources into the file `spill_path`; invalid lines go to `problems`.

    Raises CorpusError if a whole file is unreadable.
    """
    tokens, tags, pos = _TokenCollector(settings), TagCollector(), StringIds()
    strings = CorpusStrings(tokens.ids, tags.ids, pos)
    sentences_by_source, with_pos = [], []
    hash_path = spill_path.with_name(spill_path.name + "-hashes")
    with open(spill_path, "wb") as spill, open(hash_path, "wb") as hashes:
        for source_id, path in enumerate(sources):
            num_sentences, has_pos = 0, False
            for block in read_corpus(path, settings.read_options, problems, strings, progress):
                if not len(block.length_N):
                    continue
                tokens.add_new()
                tokens.report(block, path, problems)
                tags.add(block)
                tags.report_malformed(block, path, problems)
                has_pos = bool(len(block.pos_M))
                hash_sentences(tokens.hash_V[block.token_M], block.length_N).tofile(hashes)
                append_chunk(spill, [*block, np.array([source_id])])
                num_sentences += len(block.length_N)
            if not num_sentences and not problems.num_errors:
                problems.error(str(path), "the file holds no sentences")
            sentences_by_source.append(num_sentences)
            with_pos.append(has_pos)
    for path, has_pos in zip(sources, with_pos):
        if has_pos != with_pos[0] and not problems.num_errors:
            has, lacks = (path, sources[0]) if has_pos else (sources[0], path)
            what = f"no parts of speech, unlike {has}; --pos-column none ignores those of conll files"
            problems.error(str(lacks), what)
    tags.report_many_types(sources[0], problems)
    if not tags.table.entity_types and not problems.num_errors:
        problems.error(str(sources[0]), "no entities at all: every tag is O; is this the column of the tags?")
    scheme = tags.choose_scheme(settings, "--scheme", sources[0], problems, report=not problems.num_errors)
    return IdCorpus(spill_path, tokens.ids.texts, pos.texts, tags.table, scheme, hash_path, sentences_by_source)
