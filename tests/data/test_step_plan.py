"""The plan of an epoch, over any geometry of shards, any batch size and any number of ranks."""

from __future__ import annotations

import itertools
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ner_dist.data.chapters import num_chapter_rows
from ner_dist.data.step_plan import Step, epoch_steps, owned_shards, steps_per_epoch
from ner_dist.errors import UserError


@st.composite
def geometries(draw: st.DrawFn) -> np.ndarray:
    """Sentences by shard and bucket, (S, B): any numbers, many of them 0, very uneven."""
    num_shards, num_buckets = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    number = st.sampled_from([0, 0, 1, 2, 3, 5, 8, 20, 33])
    rows = draw(st.lists(number, min_size=num_shards * num_buckets, max_size=num_shards * num_buckets))
    return np.array(rows, np.int64).reshape(num_shards, num_buckets)


def plan(rows_SB: np.ndarray, batch: int, num_ranks: int, chapters: int = 1) -> list[list[Step]]:
    """All steps of each rank."""
    return [list(epoch_steps(rows_SB, batch, 1, 0, num_ranks, rank, 0, chapters)) for rank in range(num_ranks)]


def sentences(step: Step) -> list[tuple[int, int, int, int]]:
    """(chapter, shard, bucket, row) of each sentence of a step, in order."""
    return [(step.chapter, shard, step.bucket_id, row) for shard, rows in step.parts for row in rows.tolist()]


def order(rows_SB: np.ndarray, batch: int, seed: int, epoch: int) -> list[list[tuple[int, int, int, int]]]:
    return [sentences(step) for step in epoch_steps(rows_SB, batch, seed, epoch, 1, 0)]


GEOMETRY = geometries()
BATCH = st.sampled_from([1, 2, 3, 4, 7, 32, 1000])
CHAPTERS = st.sampled_from([1, 1, 2, 3, 10])
# Eight shards whose buckets differ by at most one sentence, as data_prep deals them.
EVEN = np.array([[26, 3, 0], [26, 3, 0], [26, 2, 0], [26, 2, 0], [25, 2, 0], [25, 2, 0], [25, 2, 0], [25, 2, 1]])


@settings(max_examples=80)
@given(GEOMETRY, BATCH, CHAPTERS)
@example(EVEN, 32, 1)
@example(np.zeros((3, 2), np.int64), 4, 2)
def test_all_ranks_make_the_same_steps(rows_SB: np.ndarray, batch: int, chapters: int) -> None:
    parts = [num_chapter_rows(rows_SB, chapters, chapter) for chapter in range(chapters)]
    expected = steps_per_epoch(rows_SB, batch, chapters)
    assert expected == sum(-(-total // batch) for part_SB in parts for total in part_SB.sum(axis=0).tolist())
    alone = plan(rows_SB, batch, 1, chapters)[0]
    for num_ranks in range(1, len(rows_SB) + 1):
        for steps in plan(rows_SB, batch, num_ranks, chapters):
            assert [(*step[:3], step.chapter) for step in steps] == [(*step[:3], step.chapter) for step in alone]
            assert [step.step_id for step in steps] == list(range(expected))


@settings(max_examples=80)
@given(GEOMETRY, BATCH, CHAPTERS)
@example(EVEN, 32, 1)
def test_each_sentence_comes_once_an_epoch_and_on_the_rank_that_owns_it(
    rows_SB: np.ndarray, batch: int, chapters: int
) -> None:
    every = {
        (chapter, shard, bucket, row)
        for chapter in range(chapters)
        for (shard, bucket), rows in np.ndenumerate(num_chapter_rows(rows_SB, chapters, chapter))
        for row in range(rows)
    }
    assert len(every) == rows_SB.sum()
    for num_ranks in range(1, len(rows_SB) + 1):
        seen: Counter[tuple[int, int, int, int]] = Counter()
        for rank, steps in enumerate(plan(rows_SB, batch, num_ranks, chapters)):
            mine = [sentence for step in steps for sentence in sentences(step)]
            assert {shard % num_ranks for _, shard, _, _ in mine} <= {rank}
            seen.update(mine)
        assert set(seen) == every
        assert max(seen.values(), default=1) == 1


@settings(max_examples=80)
@given(GEOMETRY, BATCH, CHAPTERS)
@example(EVEN, 32, 1)
def test_what_is_in_a_step_does_not_depend_on_the_number_of_ranks(
    rows_SB: np.ndarray, batch: int, chapters: int
) -> None:
    alone = [sorted(sentences(step)) for step in plan(rows_SB, batch, 1, chapters)[0]]
    for num_ranks in range(2, len(rows_SB) + 1):
        ranks = plan(rows_SB, batch, num_ranks, chapters)
        together = [sorted(sentence for step in steps for sentence in sentences(step)) for steps in zip(*ranks)]
        assert together == alone


@settings(max_examples=80)
@given(GEOMETRY, BATCH, CHAPTERS)
@example(EVEN, 32, 1)
def test_a_step_is_a_whole_batch_but_for_the_last_of_a_bucket_in_a_chapter(
    rows_SB: np.ndarray, batch: int, chapters: int
) -> None:
    sizes: dict[tuple[int, int], list[int]] = {}
    for step in plan(rows_SB, batch, 1, chapters)[0]:
        assert step.num_sentences == len(sentences(step)) > 0
        sizes.setdefault((step.chapter, step.bucket_id), []).append(step.num_sentences)
    for chapter in range(chapters):
        for bucket, total in enumerate(num_chapter_rows(rows_SB, chapters, chapter).sum(axis=0).tolist()):
            whole, rest = divmod(total, batch)
            assert sorted(sizes.get((chapter, bucket), [])) == sorted([batch] * whole + [rest] * (rest > 0))


@settings(max_examples=60)
@given(GEOMETRY, BATCH, CHAPTERS, st.integers(0, 1000), st.integers(0, 20))
def test_a_resumed_epoch_is_the_tail_of_the_whole_one(
    rows_SB: np.ndarray, batch: int, chapters: int, seed: int, first: int
) -> None:
    for num_ranks in {1, len(rows_SB)}:
        for rank in range(num_ranks):
            whole = list(epoch_steps(rows_SB, batch, seed, 3, num_ranks, rank, 0, chapters))
            tail = list(epoch_steps(rows_SB, batch, seed, 3, num_ranks, rank, first, chapters))
            assert [(step[:3], sentences(step)) for step in tail] == [
                (step[:3], sentences(step)) for step in whole[first:]
            ]


def test_chapters_follow_each_other_and_are_shuffled_apart() -> None:
    steps = plan(np.full((2, 2), 40), 8, 1, 5)[0]
    assert [step.chapter for step in steps] == sorted(step.chapter for step in steps)
    orders = {
        chapter: [(step.bucket_id, sentences(step)[0][1:]) for step in steps if step.chapter == chapter]
        for chapter in range(5)
    }
    assert {len(found) for found in orders.values()} == {4}
    assert len(set(map(tuple, orders.values()))) == 5


@pytest.mark.parametrize("num_ranks", [1, 3])
def test_the_plan_s_order_is_that_of_the_definition(num_ranks: int) -> None:
    rows_SB = np.array([[5, 0, 3], [9, 1, 3], [2, 0, 4], [9, 2, 3]])
    # Bucket by bucket: row j of all shards before row j + 1 of any.
    dealt = [sorted((row, shard) for shard in range(4) for row in range(rows_SB[shard, b])) for b in range(3)]
    slots = [(b, dealt[b][i : i + 4]) for b in range(3) for i in range(0, len(dealt[b]), 4)]
    expected = []
    for place in np.random.default_rng([7, 2, 0]).permutation(len(slots)):
        bucket, slot = slots[place]
        shuffled = [np.random.default_rng([7, 2, 1, s, bucket]).permutation(rows_SB[s, bucket]) for s in range(4)]
        expected.append(sorted((shard, int(shuffled[shard][row])) for row, shard in slot))
    ranks = zip(*(epoch_steps(rows_SB, 4, 7, 2, num_ranks, rank) for rank in range(num_ranks)))
    found = [sorted((s, int(row)) for step in steps for s, rows in step.parts for row in rows) for steps in ranks]
    assert found == expected


@settings(max_examples=50)
@given(st.integers(1, 9), st.integers(1, 40), BATCH)
def test_of_equal_shards_a_step_takes_equally_give_or_take_one(num_shards: int, rows: int, batch: int) -> None:
    for step in plan(np.full((num_shards, 2), rows), batch, 1)[0]:
        taken = Counter(shard for _, shard, _, _ in sentences(step))
        assert max(taken.values()) - min(taken[shard] for shard in range(num_shards)) <= 1


def test_seeds_and_epochs_change_the_order_of_steps_and_of_sentences() -> None:
    base = order(EVEN, 8, 1, 0)
    assert order(EVEN, 8, 1, 0) == base
    others = [order(EVEN, 8, 2, 0), order(EVEN, 8, 1, 1), order(EVEN, 8, 0, 1)]
    for other in others:
        assert other != base
        assert sorted(map(len, other)) == sorted(map(len, base))
        # Not only the steps are in another order: other sentences share one.
        assert {frozenset(step) for step in other}.isdisjoint({frozenset(step) for step in base if len(step) == 8})
        assert [step[0][2] for step in other] != [step[0][2] for step in base]
    assert others[0] != others[1]
    assert others[1] != others[2]


def test_shuffling_reaches_every_place() -> None:
    rows_SB = np.array([[40]])
    first = {order(rows_SB, 1, seed, 0)[0][0][3] for seed in range(400)}
    assert first == set(range(40))


@pytest.mark.parametrize("num_shards", [1, 5, 8])
def test_shards_are_dealt_to_ranks_and_none_is_left(num_shards: int) -> None:
    for num_ranks in range(1, num_shards + 1):
        owned = [owned_shards(num_shards, num_ranks, rank) for rank in range(num_ranks)]
        assert sorted(shard for shards in owned for shard in shards) == list(range(num_shards))
        assert max(map(len, owned)) - min(map(len, owned)) <= 1


def test_more_ranks_than_shards_is_refused_with_what_to_do() -> None:
    message = (
        "3 ranks but only 2 shards, and a rank needs at least one; "
        "start at most 2 ranks or rebuild with --num-shards 3 or more"
    )
    with pytest.raises(UserError) as caught:
        list(epoch_steps(np.array([[4], [4]]), 2, 1, 0, 3, 0))
    assert str(caught.value) == message


def test_a_rank_holds_its_own_part_of_a_large_plan_alone() -> None:
    # A billion sentences in 4,096 shards, of which a rank of 1,024 has 1 in 1,024, in 50 chapters.
    rows_SB = np.full((4096, 4), 61_035)
    tracemalloc.start()
    steps = list(itertools.islice(epoch_steps(rows_SB, 32_768, 1, 0, 1024, 7, 20_000, 50), 3))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [step.step_id for step in steps] == [20_000, 20_001, 20_002]
    assert [sum(len(rows) for _, rows in step.parts) for step in steps] == [32, 32, 32]
    assert peak_bytes < 5_000_000


def test_a_step_names_only_shards_that_it_takes_from() -> None:
    rows_SB = np.array([[3, 1], [0, 2], [5, 0]])
    for step in itertools.chain(*plan(rows_SB, 4, 2)):
        assert all(len(rows) for _, rows in step.parts)


def test_an_epoch_is_one_chapter_unless_it_is_told_otherwise() -> None:
    rows_SB = np.array([[3, 1], [4, 2]])
    assert steps_per_epoch(rows_SB, 6) == steps_per_epoch(rows_SB, 6, 1) == 3
    assert steps_per_epoch(rows_SB, 6, 2) == 4
