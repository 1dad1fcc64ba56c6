"""First pass: text -> integers. Every distinct string gets a number; the numbers go to disk, block by block."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.formats import tag_strings
from data_prep.formats.block import Block, starts_mask
from data_prep.formats.numbering import Numbering, no_strings
from data_prep.formats.read_corpus import read_corpus
from data_prep.formats.text_source import Progress
from data_prep.passes.chunk_file import append_chunk
from data_prep.problems import Problems
from data_prep.settings import Settings

# Arrays of a chunk of the first pass: token, tag, pos and line of M tokens, length of N sentences, [source id].
NUM_ARRAYS = 6
MAX_TYPES = 1000


class Intake(NamedTuple):
    """What the first pass knows of all sources together; V distinct tokens, K distinct tags."""

    path: Path
    token_V: list[str]
    pos: list[str]
    tag_table: tag_strings.TagTable
    # Counts of tag pairs, for telling the scheme; see tag_strings.count_pairs.
    pairs: np.ndarray
    # File of a keyed 64-bit hash (uint64) of each sentence's tokens, in corpus order, source after source.
    hash_path: Path
    sentences_by_source: list[int]


def _mix(x: np.ndarray) -> np.ndarray:
    """Spread every bit of uint64 over all bits (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def hash_sentences(token_hash_M: np.ndarray, length_N: np.ndarray) -> np.ndarray:
    """64-bit hash of each sentence from the hashes of its tokens and their order: uint64 (N,)."""
    length_N = length_N.astype(np.int64)
    start_N = np.cumsum(length_N) - length_N
    place_M = (np.arange(len(token_hash_M)) - np.repeat(start_N, length_N) + 1).astype(np.uint64)
    mixed_M = _mix(token_hash_M ^ (place_M * np.uint64(0x9E3779B97F4A7C15)))
    return _mix(np.add.reduceat(mixed_M, start_N) + length_N.astype(np.uint64))


class _Tokens:
    """Keyed hashes of the distinct tokens, and which of them no corpus should hold."""

    def __init__(self, numbering: Numbering, settings: Settings):
        self.numbering, self.settings = numbering, settings
        # With room for more: it grows by doubling.
        self.hash_V = np.zeros(1 << 16, np.uint64)
        self.num_known = 0
        self.blank: dict[int, str] = {}
        self.long: dict[int, str] = {}

    def update(self, block: Block) -> None:
        """Look at the tokens that are new; those of the sentence that is still open may be among them."""
        known, self.num_known = self.num_known, len(self.numbering)
        new = self.numbering.since(known)
        key = self.settings.seed.to_bytes(8, "little")
        digests = b"".join([hashlib.blake2b(text.encode(), digest_size=8, key=key).digest() for text in new])
        while self.num_known > len(self.hash_V):
            self.hash_V = np.append(self.hash_V, np.zeros_like(self.hash_V))
        self.hash_V[known : self.num_known] = np.frombuffer(digests, "<u8")
        for number, text in enumerate(new, known):
            if not text.strip():
                self.blank[number] = text
            elif len(text) > self.settings.max_chars:
                self.long[number] = text

    def report(self, block: Block, path: Path, problems: Problems) -> None:
        for i, text in _found(block.token_M, self.blank):
            what = repr(text) if text else "nothing at all"
            problems.error(f"{path}:{block.line_M[i]}", f"the token is {what}: empty or only white space")
        for i, text in _found(block.token_M, self.long):
            where, what = f"{path}:{block.line_M[i]}", f"token {text[:30]!r}... has {len(text)} characters"
            if self.settings.on_long_word == "cut":
                problems.warn("long_words_cut", where, f"{what}; the character model sees its two ends")
            else:
                limit = self.settings.max_chars
                problems.error(where, f"{what}, more than --max-chars {limit}; pass --on-long-word cut or raise it")


class _Tags:
    """The table of the distinct tags, which of them are malformed, and counts of pairs of them."""

    def __init__(self, numbering: Numbering):
        self.numbering = numbering
        self.table = tag_strings.tag_table([])
        self.malformed: dict[int, str] = {}
        # For telling the scheme; see tag_strings.count_pairs.
        self.pairs = np.zeros((5, 5, 2), np.int64)

    def update(self, block: Block) -> None:
        known = len(self.table.prefix_K)
        if len(self.numbering) > known:
            new = enumerate(self.numbering.since(known), known)
            self.malformed.update((number, name) for number, name in new if not tag_strings.is_well_formed(name))
            self.table = tag_strings.tag_table(list(self.numbering))
        prefix_M, type_M = self.table.prefix_K[block.tag_M], self.table.type_K[block.tag_M]
        self.pairs += tag_strings.count_pairs(prefix_M, type_M, starts_mask(block.length_N))

    def report(self, block: Block, path: Path, problems: Problems) -> None:
        for i, name in _found(block.tag_M, self.malformed):
            if problems.full:
                problems.more_errors(1)
                continue
            what = f"tag {name!r} is neither O nor one of B I E L S U, a hyphen and a type"
            problems.error(f"{path}:{block.line_M[i]}", what)


def _found(number_M: np.ndarray, texts: dict[int, str]) -> Iterator[tuple[int, str]]:
    """Where the numbers are some of these, and their texts."""
    if texts:
        for i in np.flatnonzero(np.isin(number_M, list(texts))):
            yield int(i), texts[int(number_M[i])]


def take_in(
    sources: list[Path], settings: Settings, spill_path: Path, problems: Problems, progress: Progress | None = None
) -> Intake:
    """Read all sources into the file `spill_path`; see NUM_ARRAYS for its chunks.

    Problems of single lines go to `problems`. Raises CorpusError for files that cannot be read at all.
    """
    strings = no_strings()
    tokens, tag_names = _Tokens(strings.token, settings), _Tags(strings.tag)
    sentences_by_source, with_pos = [], []
    hash_path = spill_path.with_name(spill_path.name + "-hashes")
    with open(spill_path, "wb") as spill, open(hash_path, "wb") as hashes:
        for source_id, path in enumerate(sources):
            num_sentences, has_pos = 0, False
            for block in read_corpus(path, settings, problems, strings, progress):
                if not len(block.length_N):
                    continue
                for distinct in (tokens, tag_names):
                    distinct.update(block)
                    distinct.report(block, path, problems)
                has_pos = bool(len(block.pos_M))
                hash_sentences(tokens.hash_V[block.token_M], block.length_N).tofile(hashes)
                append_chunk(spill, [*block, np.array([source_id])])
                num_sentences += len(block.length_N)
            if not num_sentences and not problems.num_errors:
                problems.error(str(path), "the file holds no sentences")
            sentences_by_source.append(num_sentences)
            with_pos.append(has_pos)
    _check_sources(sources, with_pos, tag_names.table, problems)
    return Intake(
        spill_path,
        list(strings.token),
        list(strings.pos),
        tag_names.table,
        tag_names.pairs,
        hash_path,
        sentences_by_source,
    )


def _check_sources(sources: list[Path], with_pos: list[bool], table: tag_strings.TagTable, problems: Problems) -> None:
    for path, has_pos in zip(sources, with_pos):
        if has_pos != with_pos[0] and not problems.num_errors:
            has, lacks = (path, sources[0]) if has_pos else (sources[0], path)
            problems.error(
                str(lacks), f"no parts of speech, unlike {has}; --pos-column none leaves them out of conll files"
            )
    if len(table.entity_types) > MAX_TYPES:
        problems.error(
            str(sources[0]),
            f"{len(table.entity_types):,} entity types, such as {table.entity_types[0]!r}; "
            "is this the column of the tags?",
        )
    elif not table.entity_types and not problems.num_errors:
        problems.error(str(sources[0]), "no entities at all: every tag is O; is this the column of the tags?")
