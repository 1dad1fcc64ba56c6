"""Horovod's timeline made readable, against one worked out by hand."""

from __future__ import annotations

import pytest

from bench.speed import timeline
from ner_dist.errors import UserError


def made_timeline() -> str:
    """Two steps of 100 us: gradients in two arrays, and one announcement; Horovod's way of writing it."""
    names = {1: "horovod_allreduce.gradients_1of2", 2: "horovod_allreduce.gradients_2of2", 3: "horovod_allgather.int64"}
    lines = ["[", '{"name": "process_name", "ph": "M", "pid": 0, "args": {"start_time_since_epoch_in_micros":17}},']
    for pid, name in names.items():
        lines.append(f'{{"name": "process_name", "ph": "M", "pid": {pid}, "args": {{"name": "{name}"}}}},')
        lines.append(f'{{"name": "process_sort_index", "ph": "M", "pid": {pid}, "args": {{"sort_index": {pid}}}}},')

    def exchange(pid: int, start: int, phases: list[tuple[str, int]], shape: str, dtype: str) -> None:
        """Ready at start, the other rank 10 later, agreed upon 3 later; then phases."""
        kind = "ALLGATHER" if pid == 3 else "ALLREDUCE"
        lines.append(f'{{"ph": "B", "name": "NEGOTIATE_{kind}", "ts": {start}, "pid": {pid}}},')
        lines.append(f'{{"ph": "X", "name": "1", "ts": {start + 10}, "pid": {pid}, "dur": 0}},')
        lines.append(f'{{"ph": "E", "ts": {start + 10}, "pid": {pid}}},')
        at = start + 13
        lines.append(f'{{"ph": "B", "name": "{kind}", "ts": {at}, "pid": {pid}}},')
        for phase, length in phases:
            lines.append(f'{{"ph": "B", "name": "{phase}", "ts": {at}, "pid": {pid}}},')
            at += length
            lines.append(f'{{"ph": "E", "ts": {at}, "pid": {pid}}},')
        lines.append(f'{{"ph": "E", "ts": {at}, "pid": {pid}, "args": {{"dtype": "{dtype}", "shape": "{shape}"}}}},')

    exchange(3, 0, [("ALLOCATE_OUTPUT", 1), ("GLOO_ALLGATHER", 6)], "[5]", "int64")
    for start in (50, 150):
        phases = [("WAIT_FOR_DATA", 2), ("MEMCPY_IN_FUSION_BUFFER", 4), ("GLOO_ALLREDUCE", 20), ("MEMCPY_OUT", 4)]
        exchange(1, start, phases, "[3, 4]", "float32")
        exchange(2, start, phases, "[1]", "float32")
    # As Horovod writes them: several events on a line.
    return "\n".join(lines[:9]) + "".join(lines[9:])


def test_a_timeline_worked_out_by_hand() -> None:
    found = timeline.summarise(timeline.read_timeline(made_timeline() + "\n]"))
    # From 0 to the end of the second step: 150 + 13 + 30.
    assert (found.num_steps, found.elapsed_ms) == (2, 0.193)
    gradients, announced = found.collectives
    assert (gradients.name, gradients.num_times, gradients.num_bytes) == ("gradients", 2, 52)
    expected = {"ranks": 0.010, "start": 0.003, "data": 0.002, "copies": 0.008, "exchange": 0.020}
    assert gradients.phases_ms == pytest.approx(expected)
    assert gradients.whole_ms == pytest.approx(0.043)
    assert gradients.share == pytest.approx(86 / 193)
    assert (announced.name, announced.num_times, announced.num_bytes) == ("int64", 1, 40)
    expected = {"ranks": 0.010, "start": 0.003, "data": 0, "copies": 0.001, "exchange": 0.006}
    assert announced.phases_ms == pytest.approx(expected)
    assert "44.6%" in timeline.collective_table(found)


def test_the_exchange_by_which_ranks_agree_on_devices_is_no_step() -> None:
    name = '{"name": "process_name", "ph": "M", "pid": 9, "args": {"name": "horovod_allreduce.gradients"}},'
    alone = '{"ph": "B", "name": "ALLREDUCE", "ts": 1, "pid": 9},{"ph": "E", "ts": 2, "pid": 9},'
    found = timeline.summarise(timeline.read_timeline(name + alone + made_timeline()), skipped_steps=1)
    assert found == timeline.summarise(timeline.read_timeline(made_timeline()), skipped_steps=1)


def test_steps_of_warming_up_are_left_out() -> None:
    found = timeline.summarise(timeline.read_timeline(made_timeline()), skipped_steps=1)
    assert (found.num_steps, found.elapsed_ms) == (1, 0.1)
    assert [(one.name, one.num_times) for one in found.collectives] == [("gradients", 1)]
    assert found.collectives[0].share == pytest.approx(0.43)
    with pytest.raises(UserError, match="has 2 steps, expected more than 2"):
        timeline.summarise(timeline.read_timeline(made_timeline()), skipped_steps=2)


def test_a_truncated_timeline_gives_what_is_complete() -> None:
    whole = made_timeline()
    spans = timeline.read_timeline(whole)
    for cut in range(0, len(whole), 7):
        found = timeline.read_timeline(whole[:cut])
        assert found == spans[: len(found)]
    # In the midst of the last event, the end of the second step's second array.
    found = timeline.summarise(timeline.read_timeline(whole[:-9]))
    assert (found.num_steps, found.elapsed_ms) == (1, 0.093)


def test_intervals_count_once() -> None:
    assert timeline.covered([]) == 0
    assert timeline.covered([(5, 9), (0, 2), (1, 4), (6, 7)]) == 8
