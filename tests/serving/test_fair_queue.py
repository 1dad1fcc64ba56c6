"""Who waits is served in turn, by the characters that each has had."""

from __future__ import annotations

from ner_dist.serving.fair_queue import FairQueue


def order(queue: FairQueue[str], most: int = 1, most_characters: int = 1000) -> str:
    found = []
    while taken := queue.take(most, most_characters):
        found.append("".join(taken))
    return " ".join(found)


def test_owners_take_turns() -> None:
    queue: FairQueue[str] = FairQueue()
    for owner, sizes in {"a": [9, 9, 9], "b": [9], "c": [9, 9]}.items():
        queue.add(owner, sizes)
    assert queue.num_waiting == 6
    assert order(queue, 2) == "ab ca ca"
    assert queue.num_waiting == 0


def test_long_texts_get_fewer_turns_than_short_ones() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add("l", [950] * 3)
    queue.add("s", [50] * 12)
    assert order(queue) == " ".join("lssssssssss" + "l" + "ss" + "l")


def test_who_comes_late_is_served_at_once_but_not_for_what_it_has_missed() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add("a", [900] * 10)
    assert queue.take(4, 10_000) == ["a"] * 4
    queue.add("b", [900] * 3)
    assert order(queue) == "b a b a b a a a a"


def test_a_batch_is_filled_in_turn_up_to_its_characters() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add("a", [60, 2000])
    queue.add("b", [40])
    queue.add("c", [1])
    assert queue.take(9, 100) == ["a", "b"]
    assert order(queue, 9, 100) == "c a"


def test_what_is_removed_does_not_count() -> None:
    queue: FairQueue[str] = FairQueue()
    for owner in "abc":
        queue.add(owner, [1, 1])
    queue.remove("b")
    queue.remove("nobody")
    assert queue.num_waiting == 4
    assert sorted(queue.clear()) == ["a", "c"]
    assert (queue.num_waiting, queue.take(9, 9)) == (0, [])
