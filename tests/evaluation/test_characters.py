"""The score over characters: what a comparison of plain sets of spans finds, on any number of ranks."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_shards import NUM_WORDS, TYPES, TextRow, WordNetwork, write_text_shards
from thread_comm import ThreadComm, on_ranks

from ner_dist import config
from ner_dist.contract.shard_format import read_index
from ner_dist.contract.tag_schemes import Spans, spans_to_bilou
from ner_dist.data.raw_rows import open_texts
from ner_dist.data.shard_reader import open_split
from ner_dist.evaluation.characters import (
    CharacterCounts,
    character_scores,
    compare_spans,
    score_with_characters,
)
from ner_dist.evaluation.f1 import Counts
from ner_dist.model.viterbi import decode
from ner_dist.ranks.comm import Solo

NETWORK = WordNetwork()


def predicted_tags(words: list[int]) -> list[int]:
    """Of one sentence alone."""
    emission_TK = NETWORK.emission_VK[words] + NETWORK.before_VK[[0, *words[:-1]]]
    return decode(emission_TK[:, None], np.array([len(words)]), NETWORK.transition_scores)[:, 0].tolist()


def random_row(rng: np.random.Generator, sentence_id: int, is_raw: bool, recut: bool) -> TextRow:
    """A sentence somewhere in a text. Gold of raw rows is any spans; that of others is what their tags say."""
    length = int(rng.integers(1, 12))
    words, sizes, gaps = (rng.integers(low, high, length) for low, high in ((1, NUM_WORDS), (1, 5), (0, 2)))
    starts = int(rng.integers(0, 50)) + np.cumsum(gaps + np.append(0, sizes[:-1]))
    ends = starts + sizes
    # Beyond the basic plane and before a combining mark: one code point each.
    tokens = ["".join(rng.choice(list("aé\u0301\U0001f600"), size)) for size in sizes]
    tags = predicted_tags(words.tolist())
    if rng.random() < 0.5:
        bounds = np.unique(rng.integers(0, length + 1, rng.integers(0, 7)))
        bounds = bounds[: len(bounds) // 2 * 2].reshape(-1, 2)
        types = rng.integers(0, len(TYPES), len(bounds))
        tags = spans_to_bilou(Spans(bounds[:, 0], bounds[:, 1], types), length).tolist()
    fitting = [(int(starts[first]), int(ends[last]), type_id) for first, last, type_id in spans_of_tags(tags)]
    if is_raw:
        # Overlapping, off the borders of tokens, some of them twice.
        others = rng.integers(starts[0], ends[-1], (rng.integers(0, 4), 2))
        odd = [(int(min(pair)), int(max(pair)) + 1, int(rng.integers(len(TYPES)))) for pair in others]
        fitting = rng.permutation(np.array([*fitting, *odd, *odd[:1]], int).reshape(-1, 3)).tolist()
    return TextRow(sentence_id, words.tolist(), tags, tokens, starts.tolist(), [tuple(s) for s in fitting], recut)


def random_rows(seed: int, num_main: int = 60, num_raw: int = 45) -> tuple[list[TextRow], list[TextRow]]:
    rng = np.random.default_rng(seed)
    main = [random_row(rng, i, is_raw=False, recut=bool(rng.random() < 0.4)) for i in range(num_main)]
    return main, [random_row(rng, i, is_raw=True, recut=True) for i in range(num_raw)]


def spans_of_tags(tags: list[int]) -> list[tuple[int, int, int]]:
    """(first token, last token, type id) of valid BILOU ids, in a plain loop."""
    found, first = [], 0
    for i, tag in enumerate(tags):
        letter = "OBILU"[0 if tag == 0 else (tag - 1) % 4 + 1]
        if letter in "BU":
            first = i
        if letter in "LU":
            found.append((first, i, (tag - 1) // 4))
    return found


def plain_counts(main: list[TextRow], raw: list[TextRow]) -> list[list[int]]:
    """Right, predicted and gold by type: each sentence alone, sets of plain tuples."""
    totals = [Counter[int](), Counter[int](), Counter[int]()]
    for row in [*(row for row in main if not row.recut), *raw]:
        predicted = {
            (row.starts[first], row.starts[last] + len(row.tokens[last]), type_id)
            for first, last, type_id in spans_of_tags(predicted_tags(row.words))
        }
        for total, spans in zip(totals, (predicted & set(row.spans), predicted, set(row.spans))):
            total.update(type_id for _, _, type_id in spans)
    return [[total[i] for i in range(len(TYPES))] for total in totals]


def scored(
    shards: Path, comm: Solo | ThreadComm, batch: int = 7, memory_mb: float = 0
) -> tuple[Counts, CharacterCounts | None]:
    index, settings = read_index(shards), config.parse(["--data.memory_mb", str(memory_mb)])[0]
    part = (settings, index, "dev", shards, comm.num_ranks, comm.rank)
    reader = open_split(*part)
    texts, batches = open_texts(*part, reader), reader.scoring_batches(batch)
    return score_with_characters(NETWORK, batches, texts, len(TYPES), batch, comm)


@pytest.fixture(scope="module")
def rows() -> tuple[list[TextRow], list[TextRow]]:
    return random_rows(0)


@pytest.fixture(scope="module")
def shards(rows: tuple[list[TextRow], list[TextRow]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("texts") / "shards"
    write_text_shards(place, *rows, 4, inexpressible={"X": 3, "Y": 2})
    return place


@pytest.mark.parametrize("seed", range(4))
def test_counts_are_those_of_plain_sets(seed: int, tmp_path: Path) -> None:
    main, raw = random_rows(seed)
    write_text_shards(tmp_path / "shards", main, raw, 3)
    _, counts = scored(tmp_path / "shards", Solo())
    assert counts is not None
    expected = plain_counts(main, raw)
    assert [values.tolist() for values in counts] == expected
    assert all(values.dtype == np.int64 for values in counts)
    # Some of everything, or this would say little.
    assert all(10 < right < predicted for right, predicted in zip(*expected[:2]))


@given(st.data())
def test_sets_of_spans_are_compared_like_sets(data: st.DataObject) -> None:
    span = st.tuples(*(st.integers(0, most) for most in (2, 3, 3, 2)))
    gold, predicted = (data.draw(st.sets(span, max_size=20)) for _ in range(2))
    arrays = (np.array(sorted(side), np.int64).reshape(-1, 4) for side in (gold, predicted))
    counts = compare_spans(*arrays, 3)
    for found, side in zip(counts, (gold & predicted, predicted, gold)):
        assert found.tolist() == [sum(type_id == i for *_, type_id in side) for i in range(3)]


@pytest.mark.parametrize("num_ranks", [2, 3, 4])
def test_ranks_add_up_to_one_rank(shards: Path, num_ranks: int) -> None:
    expected = scored(shards, Solo())
    for counts, characters in on_ranks(num_ranks, lambda comm: scored(shards, comm)):
        np.testing.assert_array_equal(counts.to_vector(), expected[0].to_vector())
        assert characters is not None
        assert expected[1] is not None
        np.testing.assert_array_equal(characters.to_vector(), expected[1].to_vector())


@pytest.mark.parametrize(("batch", "memory_mb"), [(1, 0), (1000, 0), (5, 0.0002)])
def test_neither_batches_nor_chapters_matter(shards: Path, batch: int, memory_mb: float) -> None:
    expected, found = scored(shards, Solo())[1], scored(shards, Solo(), batch, memory_mb=memory_mb)[1]
    assert expected is not None
    assert found is not None
    np.testing.assert_array_equal(found.to_vector(), expected.to_vector())


def test_the_score_over_tokens_does_not_see_raw_rows(
    rows: tuple[list[TextRow], list[TextRow]], shards: Path, tmp_path: Path
) -> None:
    write_text_shards(tmp_path / "shards", rows[0], None, 4)
    without, with_raw = scored(tmp_path / "shards", Solo()), scored(shards, Solo())
    np.testing.assert_array_equal(without[0].to_vector(), with_raw[0].to_vector())
    # Without raw rows, only what is not recut is left.
    assert without[1] is not None
    assert [values.tolist() for values in without[1]] == plain_counts(rows[0], [])


def test_where_nothing_is_recut_both_scores_have_the_same_counts(tmp_path: Path) -> None:
    main = [row._replace(recut=False) for row in random_rows(1)[0]]
    write_text_shards(tmp_path / "shards", main, None, 2)
    counts, characters = scored(tmp_path / "shards", Solo())
    assert characters is not None
    assert characters.right.tolist() == np.diag(counts.spans)[:-1].tolist()
    assert characters.gold.tolist() == counts.spans.sum(1)[:-1].tolist()


def test_shards_without_texts_have_no_such_score(shards: Path, tmp_path: Path) -> None:
    index = read_index(shards)
    part = (config.parse([])[0], index, "dev", shards, 1, 0)
    reader = open_split(*part)
    assert open_texts(part[0], dataclasses.replace(index, has_text=False), *part[2:], reader) is None


def test_result_has_micro_scores_types_and_what_fits_no_tokens(shards: Path) -> None:
    index = read_index(shards)
    counts = CharacterCounts(np.array([1, 0, 2]), np.array([2, 0, 2]), np.array([4, 1, 2]))
    found = character_scores(counts, index, "dev")
    assert (found["right"], found["predicted"], found["gold"], found["inexpressible"]) == (3, 4, 7, 5)
    assert (found["precision"], found["recall"]) == (3 / 4, 3 / 7)
    assert found["per_type"]["X"] == {
        "precision": 0.5, "recall": 0.25, "f1": pytest.approx(1 / 3), "right": 1, "predicted": 2, "gold": 4
    }  # fmt: skip
    assert list(found["per_type"]) == TYPES
