"""Hashes of documents: one for all sentences of a document, the same for its copies, in the order of the corpus."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.passes.document_hashes import DocumentHashes
from data_prep.sentences.block import NOTHING, SentenceIds

# Of a sentence: the number of its document, 0 if it has none, and a hash.
Sentence = tuple[int, int]


class Hashed(NamedTuple):
    keys: list[int]
    num_documents: int
    any_long: bool


def hashed(
    path: Path,
    sources: list[list[list[Sentence]]],
    names: Mapping[int, str] | None = None,
    seed: int = 0,
) -> Hashed:
    """The hashes that are written for the blocks of some sources; the names of documents are those of all sources."""
    with path.open("wb") as file:
        documents = DocumentHashes(file, seed)
        seen: set[int] = set()
        for blocks in sources:
            for block in blocks:
                number_N = np.array([number for number, _ in block], np.int32)
                begin = {number: name for number, name in (names or {}).items() if number in number_N}
                new = {number: name for number, name in begin.items() if number not in seen}
                seen |= new.keys()
                ids = SentenceIds(
                    *(NOTHING, NOTHING, [], NOTHING, NOTHING),
                    document_N=number_N if number_N.any() else NOTHING,
                    document_names=new,
                )
                documents.add(ids, np.array([value for _, value in block], np.uint64))
            documents.end_source()
            seen.clear()
    return Hashed(np.fromfile(path, np.uint64).tolist(), documents.num_documents, documents.any_long)


def test_all_sentences_of_a_document_have_one_hash_across_blocks_and_others_have_their_own(tmp_path: Path) -> None:
    found = hashed(tmp_path / "d", [[[(0, 7), (1, 8), (1, 9)], [(1, 10), (0, 11)], [(0, 12)], [(2, 13)]]])
    one, two = found.keys[1], found.keys[6]
    assert found.keys == [7, one, one, one, 11, 12, two]
    assert len({*found.keys}) == 5
    assert (found.num_documents, found.any_long) == (2, True)


def test_a_document_ends_with_its_source(tmp_path: Path) -> None:
    found = hashed(tmp_path / "d", [[[(1, 5)]], [[(1, 6)]]])
    assert found.keys[0] != found.keys[1]
    assert (found.num_documents, found.any_long) == (2, False)


def test_copies_of_a_document_have_its_hash_and_others_do_not(tmp_path: Path) -> None:
    found = hashed(tmp_path / "d", [[[(1, 5), (1, 6), (2, 5), (2, 6), (3, 6), (3, 5), (4, 5), (4, 6), (4, 6)]]])
    assert found.keys[0] == found.keys[2] == found.keys[4]
    assert found.keys[6] != found.keys[0]


def test_a_name_is_the_document_wherever_its_sentences_are(tmp_path: Path) -> None:
    names = {1: "a", 2: "b", 3: "a"}
    found = hashed(tmp_path / "d", [[[(1, 5), (2, 5)], [(3, 9), (4, 5)]], [[(1, 1)]]], names)
    assert found.keys[0] == found.keys[2] == found.keys[4]
    assert len({*found.keys}) == 3
    other = hashed(tmp_path / "d", [[[(1, 5)]]], names, seed=1)
    assert other.keys[0] != found.keys[0], "the seed decides where named documents go, too"


def test_sums_may_wrap_around(tmp_path: Path) -> None:
    most = (1 << 64) - 1
    found = hashed(tmp_path / "d", [[[(1, most), (1, most - 1)], [(1, most - 7), (2, most)]]])
    assert len({*found.keys}) == 2


@given(
    number_N=st.lists(st.integers(0, 3), max_size=12),
    ends=st.sets(st.integers(0, 12)),
)
def test_blocks_do_not_matter(number_N: list[int], ends: set[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    # Runs are numbered as they come.
    runs = np.cumsum([i > 0 and number_N[i] != number_N[i - 1] for i in range(len(number_N))]).tolist()
    sentences = [(run + 1 if number else 0, 100 + i) for i, (run, number) in enumerate(zip(runs, number_N))]
    bounds = [0, *sorted(end for end in ends if end <= len(sentences)), len(sentences)]
    blocks = [sentences[begin:end] for begin, end in zip(bounds, bounds[1:]) if begin < end]
    assert hashed(folder / "d", [blocks]) == hashed(folder / "d", [[sentences]])
