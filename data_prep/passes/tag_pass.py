"""Second pass: raw tags -> BILOU ids, sentences -> splits; all counts that vocabularies, buckets and reports need."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.formats import tag_strings
from data_prep.formats.block import starts_mask
from data_prep.passes.chunk_file import append_chunk, read_chunks
from data_prep.passes.read_pass import NUM_ARRAYS as NUM_INTAKE_ARRAYS
from data_prep.passes.read_pass import Intake
from data_prep.passes.repair_tags import Mender
from data_prep.passes.splits import SplitChooser, count_duplicates
from data_prep.problems import Problems
from data_prep.settings import Settings

# Arrays of a chunk of the second pass: token, tag (BILOU id) and pos of M tokens, length and split id of N sentences.
NUM_ARRAYS = 5


class Longest(NamedTuple):
    num_tokens: int
    where: str


class Resolved(NamedTuple):
    """The corpus after the second pass: S splits, V distinct tokens, K BILOU tags, P parts of speech."""

    path: Path
    splits: list[str]
    scheme: tag_strings.Scheme
    entity_types: list[str]
    token_SV: np.ndarray
    tag_SK: np.ndarray
    pos_SP: np.ndarray
    # Sentences of each length, from 0 to the longest.
    length_SL: np.ndarray
    longest: list[Longest]

    def entities(self, split_id: int) -> dict[str, int]:
        """Entities of a split by type: one begins at each B and U."""
        tag_KB = self.tag_SK[split_id, 1:].reshape(-1, 4)
        return {name: int(begins) for name, begins in zip(self.entity_types, tag_KB[:, 0] + tag_KB[:, 3])}


class _Pass:
    """The state of the second pass: counts by split, and what is reported on the way."""

    def __init__(self, intake: Intake, sources: list[Path], splits: list[str], settings: Settings, problems: Problems):
        self.intake, self.sources, self.splits = intake, sources, splits
        self.settings, self.problems = settings, problems
        self.scheme = _choose_scheme(intake, sources, settings, problems)
        num_splits, self.num_tags = len(splits), 1 + 4 * len(intake.tag_table.entity_types)
        self.token_SV = np.zeros((num_splits, len(intake.token_V)), np.int64)
        self.tag_SK = np.zeros((num_splits, self.num_tags), np.int64)
        self.pos_SP = np.zeros((num_splits, len(intake.pos)), np.int64)
        self.length_SL = np.zeros((num_splits, 1), np.int64)
        self.longest = [Longest(0, "") for _ in splits]
        self.first_seen: dict[tuple[int, int], str] = {}

    def count(
        self, token_M: np.ndarray, tag_M: np.ndarray, pos_M: np.ndarray, length_N: np.ndarray, split_N: np.ndarray
    ) -> np.ndarray:
        """Add a block's counts; returns the split of each token."""
        split_M = np.repeat(split_N, length_N)
        for counts, values in ((self.token_SV, token_M), (self.tag_SK, tag_M), (self.pos_SP, pos_M)):
            if counts.size and len(values):
                _count(counts.reshape(-1), split_M * counts.shape[1] + values)
        width = max(self.length_SL.shape[1], int(length_N.max()) + 1)
        self.length_SL = np.pad(self.length_SL, ((0, 0), (0, width - self.length_SL.shape[1])))
        flat = np.bincount(split_N * width + length_N, minlength=self.length_SL.size)
        self.length_SL += flat.reshape(self.length_SL.shape)
        return split_M

    def remember(
        self,
        tag_M: np.ndarray,
        split_M: np.ndarray,
        line_M: np.ndarray,
        length_N: np.ndarray,
        split_N: np.ndarray,
        path: Path,
    ) -> None:
        """Where each split's entity types were first seen, and its longest sentence."""
        start_N = np.cumsum(length_N) - length_N
        for split_id in np.unique(split_N):
            mine = np.flatnonzero((split_M == split_id) & (tag_M > 0))
            types, first = np.unique((tag_M[mine] - 1) // 4, return_index=True)
            for type_id, i in zip(types, mine[first]):
                self.first_seen.setdefault((int(split_id), int(type_id)), f"{path}:{line_M[i]}")
            longest = int(np.argmax(np.where(split_N == split_id, length_N, -1)))
            if length_N[longest] > self.longest[split_id].num_tokens:
                self.longest[split_id] = Longest(int(length_N[longest]), f"{path}:{line_M[start_N[longest]]}")


def _count(counts: np.ndarray, number_M: np.ndarray) -> None:
    """Add how often each number occurs."""
    if len(counts) < 8 * len(number_M):
        counts += np.bincount(number_M, minlength=len(counts))
    else:
        # Of a large vocabulary a block holds little.
        numbers, times = np.unique(number_M, return_counts=True)
        counts[numbers] += times


def _choose_scheme(intake: Intake, sources: list[Path], settings: Settings, problems: Problems) -> tag_strings.Scheme:
    if settings.scheme != "auto":
        return tag_strings.Scheme(settings.scheme, "as --scheme says", clear=True)
    scheme = tag_strings.detect_scheme(intake.pairs, intake.tag_table.letters)
    if not scheme.clear and not problems.num_errors:
        problems.error(str(sources[0]), f"the tag scheme is not clear ({scheme.evidence}); pass --scheme")
    return scheme


def resolve(
    intake: Intake, sources: list[Path], splits: list[str], settings: Settings, path: Path, problems: Problems
) -> Resolved:
    """Read the first pass's file, write `path` (see NUM_ARRAYS for its chunks), and count."""
    state = _Pass(intake, sources, splits, settings, problems)
    chooser = SplitChooser(intake, settings)
    with open(path, "wb") as spill:
        for token_M, tag_M, pos_M, line_M, length_N, source in read_chunks(intake.path, NUM_INTAKE_ARRAYS):
            source_path = sources[source[0]]
            split_N = chooser.next_ids(len(length_N))
            block = Mender(source_path, line_M, settings, problems)
            bilou_M = block.to_bilou(tag_M, starts_mask(length_N), intake.tag_table, state.scheme.name)
            if length_N.max() > settings.max_tokens:
                bilou_M, length_N, pieces_N = block.cut_sentences(bilou_M, length_N)
                split_N = np.repeat(split_N, pieces_N)
            split_M = state.count(token_M, bilou_M, pos_M, length_N, split_N)
            state.remember(bilou_M, split_M, line_M, length_N, split_N, source_path)
            append_chunk(spill, [token_M, bilou_M, pos_M, length_N, split_N])
    _check_types(state)
    _check_splits(state)
    count_duplicates(chooser, splits, problems)
    return Resolved(
        path,
        splits,
        state.scheme,
        intake.tag_table.entity_types,
        state.token_SV,
        state.tag_SK,
        state.pos_SP,
        state.length_SL,
        state.longest,
    )


def _check_types(state: _Pass) -> None:
    """Types that dev or test have and train lacks."""
    names = state.intake.tag_table.entity_types
    for split_id, type_id in sorted(state.first_seen):
        if split_id == 0 or (0, type_id) in state.first_seen:
            continue
        where = state.first_seen[split_id, type_id]
        what = f"entity type {names[type_id]!r} occurs in {state.splits[split_id]} but not in train"
        if state.settings.on_unseen_type == "keep":
            state.problems.warn("types_not_in_train", where, what)
        else:
            state.problems.error(where, f"{what}; pass --on-unseen-type keep to go on (first seen here)")


def _check_splits(state: _Pass) -> None:
    if state.problems.num_errors:
        return
    num_sentences_S = state.length_SL.sum(1)
    for split, num_sentences in zip(state.splits, num_sentences_S):
        if not num_sentences:
            state.problems.error(
                str(state.sources[0]),
                f"{int(num_sentences_S.sum())} sentences, of which none fall to {split}; "
                "a larger corpus or other --split fractions are needed",
            )
    if num_sentences_S[0] and not state.tag_SK[0, 1:].any():
        state.problems.error(str(state.sources[0]), "train holds no entities")
    num_shards = state.settings.num_shards
    if 0 < num_sentences_S[0] < num_shards:
        state.problems.error(
            str(state.sources[0]), f"--num-shards {num_shards} is more than the {num_sentences_S[0]} sentences of train"
        )
