"""First pass: text -> integers. Every distinct string gets a number; the numbers go to disk, block by block."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep import tags
from data_prep.block import Block
from data_prep.chunks import append_chunk, starts_mask
from data_prep.corpus import read_corpus
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.source import Progress

# Arrays of a chunk of the first pass: token, tag, pos and line of M tokens, length of N sentences, [source id].
NUM_ARRAYS = 6
MAX_TYPES = 1000


class Intake(NamedTuple):
    """What the first pass knows of all sources together; V distinct tokens, K distinct tags."""

    path: Path
    token_V: list[str]
    pos: list[str]
    tag_table: tags.TagTable
    # Counts of tag pairs, for telling the scheme; see tags.count_pairs.
    pairs: np.ndarray
    # File of a keyed 64-bit hash (uint64) of each sentence's tokens, in corpus order, source after source.
    hash_path: Path
    sentences_by_source: list[int]


class Numbering(dict):
    """String -> number in order of first appearance; looking up a new string numbers it."""

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self)
        return number

    def numbers(self, texts: Sequence[str]) -> np.ndarray:
        return np.fromiter(map(self.__getitem__, texts), np.int32, len(texts))


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
    """Distinct tokens, their keyed hashes, and which of them no corpus should hold."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.numbering = Numbering()
        self.hash_V = np.zeros(0, np.uint64)
        self.blank: list[int] = []
        self.long: dict[int, int] = {}

    def update(self, texts: list[str]) -> np.ndarray:
        """Number the tokens of a block: int32 (M,)."""
        known = len(self.numbering)
        token_M = self.numbering.numbers(texts)
        # Numbers follow the order of insertion, so the new strings are the last ones.
        new = list(itertools.islice(reversed(self.numbering), len(self.numbering) - known))[::-1]
        key = self.settings.seed.to_bytes(8, "little")
        digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8, key=key).digest() for text in new)
        self.hash_V = np.append(self.hash_V, np.frombuffer(digests, "<u8"))
        for number, text in enumerate(new, known):
            if not text.strip():
                self.blank.append(number)
            elif len(text) > self.settings.max_chars:
                self.long[number] = len(text)
        return token_M

    def report(self, token_M: np.ndarray, block: Block, path: Path, problems: Problems) -> None:
        if self.blank:
            for i in np.flatnonzero(np.isin(token_M, self.blank)):
                what = repr(block.token_M[i]) if block.token_M[i] else "nothing at all"
                problems.error(f"{path}:{block.line_M[i]}", f"the token is {what}: empty or only white space")
        if self.long:
            for i in np.flatnonzero(np.isin(token_M, list(self.long))):
                where = f"{path}:{block.line_M[i]}"
                what = f"token {block.token_M[i][:30]!r}... has {self.long[int(token_M[i])]} characters"
                if self.settings.on_long_word == "cut":
                    problems.warn("long_words_cut", where, f"{what}; the character model sees its two ends")
                else:
                    limit = self.settings.max_chars
                    problems.error(where, f"{what}, more than --max-chars {limit}; pass --on-long-word cut or raise it")


def _report_tags(
    tag_M: np.ndarray, malformed: list[int], names: list[str], block: Block, path: Path, problems: Problems
) -> None:
    for i in np.flatnonzero(np.isin(tag_M, malformed)):
        if problems.full:
            problems.more_errors(1)
            continue
        shown = repr(names[tag_M[i]])
        problems.error(
            f"{path}:{block.line_M[i]}", f"tag {shown} is neither O nor one of B I E L S U, a hyphen and a type"
        )


def take_in(
    sources: list[Path], settings: Settings, spill_path: Path, problems: Problems, progress: Progress | None = None
) -> Intake:
    """Read all sources into the file `spill_path`; see NUM_ARRAYS for its chunks.

    Problems of single lines go to `problems`. Raises CorpusError for files that cannot be read at all.
    """
    tokens, tag_names, pos_names = _Tokens(settings), Numbering(), Numbering()
    malformed: list[int] = []
    pairs = np.zeros((5, 5, 2), np.int64)
    sentences_by_source, with_pos = [], []
    table = tags.tag_table([])
    hash_path = spill_path.with_name(spill_path.name + "-hashes")
    with open(spill_path, "wb") as spill, open(hash_path, "wb") as hashes:
        for source_id, path in enumerate(sources):
            num_sentences, has_pos = 0, False
            for block in read_corpus(path, settings, problems, progress):
                if not block.length_N:
                    continue
                length_N = np.array(block.length_N, np.int32)
                token_M = tokens.update(block.token_M)
                tokens.report(token_M, block, path, problems)
                num_tags = len(tag_names)
                tag_M = tag_names.numbers(block.tag_M)
                if len(tag_names) > num_tags:
                    names = list(tag_names)
                    malformed += [i for i in range(num_tags, len(names)) if not tags.is_well_formed(names[i])]
                    table = tags.tag_table(names)
                if malformed:
                    _report_tags(tag_M, malformed, list(tag_names), block, path, problems)
                pairs += tags.count_pairs(table.prefix_K[tag_M], table.type_K[tag_M], starts_mask(length_N))
                has_pos = bool(block.pos_M)
                pos_M = pos_names.numbers(block.pos_M)
                hash_sentences(tokens.hash_V[token_M], length_N).tofile(hashes)
                arrays = [token_M, tag_M, pos_M, np.array(block.line_M), length_N, np.array([source_id])]
                append_chunk(spill, arrays)
                num_sentences += len(length_N)
            if not num_sentences and not problems.num_errors:
                problems.error(str(path), "the file holds no sentences")
            sentences_by_source.append(num_sentences)
            with_pos.append(has_pos)
    _check_sources(sources, with_pos, table, problems)
    return Intake(spill_path, list(tokens.numbering), list(pos_names), table, pairs, hash_path, sentences_by_source)


def _check_sources(sources: list[Path], with_pos: list[bool], table: tags.TagTable, problems: Problems) -> None:
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
