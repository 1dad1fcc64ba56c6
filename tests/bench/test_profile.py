"""Where the time of a step goes: parts, operators and the flame chart, against made cases and on real steps."""

from __future__ import annotations

import json
import pkgutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from processes import run

from bench.speed import profile, timeline
from bench.speed.step_parts import (
    PART_OF,
    PLACES,
    REST,
    Clock,
    OperatorRun,
    call_name,
    share_operators,
    watching,
)
from ner_dist.cli.options import docstrings
from ner_dist.errors import UserError

# Parts


@pytest.mark.parametrize("place", [place for places in PLACES.values() for place in places])
def test_each_named_place_exists(place: str) -> None:
    assert callable(pkgutil.resolve_name(place))


def test_each_call_belongs_to_one_part() -> None:
    parts_of: dict[str, set[str]] = {}
    for part, places in PLACES.items():
        for place in places:
            parts_of.setdefault(call_name(place), set()).add(part)
    assert {name for name, found in parts_of.items() if len(found) > 1} == set()
    assert set(PART_OF.values()) == set(PLACES)


def test_watched_places_are_as_before_afterwards() -> None:
    def found() -> list[Any]:
        return [pkgutil.resolve_name(place) for places in PLACES.values() for place in places]

    before = found()
    with watching(Clock()):
        assert not any(new is old for new, old in zip(found(), before))
    assert all(new is old for new, old in zip(found(), before))


def test_time_is_charged_to_the_innermost_call(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "process_time", lambda: now[0])

    def work(seconds: float) -> None:
        now[0] += seconds

    clock = Clock()
    inner = clock.watch("inner", work)

    def both() -> None:
        work(1)
        inner(2)
        work(4)

    clock.watch("outer", both)()
    inner(8)
    work(16)
    clock.move(())
    assert clock.cpu_s == {(): 16, ("outer",): 5, ("outer", "inner"): 2, ("inner",): 8}


def test_an_exception_leaves_the_calls_it_passes() -> None:
    clock = Clock()

    def fail() -> None:
        raise UserError("as asked")

    with pytest.raises(UserError, match="as asked"):
        clock.watch("outer", clock.watch("inner", fail))()
    clock.move(())
    assert clock.moves[-2][1] == ()


def test_operators_share_the_time_of_the_call_they_run_in() -> None:
    a, b = ("a",), ("a", "b")
    # 100 us in a, 60 of a step before and after it; b takes 40 out of its midst.
    moves: list[tuple[float, tuple[str, ...]]] = [(0, ()), (10, a), (50, b), (90, a), (150, ())]
    operators = [
        OperatorRun("dot", 15, 25),
        OperatorRun("dot", 95, 105),
        OperatorRun("copy", 55, 65),
        OperatorRun("copy", 100, 110),
        OperatorRun("late", 160, 175),
    ]
    assert share_operators(operators, moves, 200) == {
        (a, "dot"): (2, pytest.approx(0.2)),
        (b, "copy"): (1, pytest.approx(0.25)),
        (a, "copy"): (1, pytest.approx(0.1)),
        ((), "late"): (1, pytest.approx(0.25)),
    }


# What a child has printed: a step of 10 ms.
LINE: dict[str, Any] = {
    "sentences": 10,
    "tokens": 150.0,
    "calls": [
        [[], 1.0],
        [["ShardReader.step_batch"], 2.0],
        [["Learner.step"], 0.5],
        [["Learner.step", "TrainingEmissions"], 4.0],
        [["Learner.step", "TrainingEmissions", "on_device"], 0.5],
        [["Learner.step", "on_device"], 2.0],
    ],
    "operators": [
        [["Learner.step", "TrainingEmissions"], "take", 4.0, 0.25],
        [["Learner.step", "TrainingEmissions"], "RNN", 2.0, 3.0],
        [["Learner.step"], "take", 1.0, 0.5],
    ],
}


def test_parts_and_operators_worked_out_by_hand() -> None:
    found = profile.read_profile(LINE)
    assert found.ms == 10
    used = {part: ms for part, ms in found.parts_ms.items() if ms}
    assert used == {"reader": 2, "host to device": 2.5, "forward": 4, REST: 1.5}
    assert found.operators == [("RNN", "forward", 2, 3), ("take", REST, 5, 0.75)]
    assert sum(share.ratio for share in profile.shares(found)) == pytest.approx(1)
    assert "25.0%" in profile.part_table([found])
    assert "7.5%" in profile.operator_table(found)


@pytest.mark.parametrize("likelihood", ["token", "sentence"])
def test_shares_of_real_steps_add_up(
    likelihood: str, rich_shards: Path, tiny_knobs: list[str], everything_on: list[str], tmp_path: Path
) -> None:
    knobs = [*tiny_knobs, "--data.shards", str(rich_shards), "--train.batch_sentences", "32"]
    knobs += everything_on if likelihood == "sentence" else ["--loss.likelihood", "token"]
    # So many that every part comes, and fewer than for a figure.
    few = "from bench.speed import step_parts as parts; parts._WARM_UP, parts._TIMED, parts._TRACED = 16, 32, 16; "
    ended = run([sys.executable, "-c", f"{few}parts.main()", *knobs], tmp_path, OMP_NUM_THREADS="1")
    assert ended.code == 0, ended.err
    found = profile.read_profile(json.loads(ended.out.splitlines()[-1]))
    assert sum(found.parts_ms.values()) == pytest.approx(found.ms)
    used = {part for part, ms in found.parts_ms.items() if ms}
    assert used == set(PLACES) - ({"loss (CRF)", "average"} if likelihood == "token" else set())
    assert {"RNN", "_backward_RNN"} <= {operator.name for operator in found.operators}
    where = {operator.name: operator.part for operator in found.operators}
    assert (where["RNN"], where["_backward_RNN"]) == ("forward", "backward")
    # Raises UserError if operators do not fit into the calls they run in.
    (made,) = profile.chart([found])["profiles"]
    assert sum(made["weights"]) == pytest.approx(found.ms)


# Flame chart


def test_the_chart_is_a_speedscope_file_whose_weights_add_up() -> None:
    found = profile.read_profile(LINE)
    made = json.loads(json.dumps(profile.chart([found, found])))
    assert made["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = made["shared"]["frames"]
    assert all(frame.keys() == {"name", "file"} for frame in frames)
    assert {(frame["name"], frame["file"]) for frame in frames} >= {("a step", REST), ("RNN", "forward")}
    first, second = made["profiles"]
    assert first == second
    assert (first["type"], first["unit"]) == ("sampled", "milliseconds")
    assert (first["startValue"], first["endValue"]) == (0, 10)
    assert len(first["samples"]) == len(first["weights"])
    assert sum(first["weights"]) == pytest.approx(10)
    # In the order of time: each box of the chart is a run of samples that share the frames up to it.
    stacks = [[frames[number]["name"] for number in sample] for sample in first["samples"]]
    assert {stack[0] for stack in stacks} == {"a step"}
    begun_ms, boxes = 0.0, dict[tuple[str, ...], list[float]]()
    for stack, ms in zip(stacks, first["weights"]):
        for depth in range(1, len(stack) + 1):
            box = boxes.setdefault(tuple(stack[:depth]), [begun_ms, begun_ms])
            assert box[1] == pytest.approx(begun_ms), "a call is one box"
            box[1] = begun_ms + ms
        begun_ms += ms
    step = ("a step", "Learner.step")
    emissions = (*step, "TrainingEmissions")
    expected = {
        ("a step",): (0, 10),
        ("a step", "ShardReader.step_batch"): (1, 3),
        step: (3, 10),
        (*step, "take"): (3, 3.5),
        emissions: (3.5, 8),
        (*emissions, "RNN"): (4.25, 7.25),
        (*emissions, "take"): (7.25, 7.5),
        (*emissions, "on_device"): (7.5, 8),
        (*step, "on_device"): (8, 10),
    }
    for stack, limits in expected.items():
        # A call's own time comes first, then its operators, then the calls within it.
        assert boxes[stack] == pytest.approx(list(limits)), stack
    assert boxes.keys() == expected.keys()


def test_operators_that_take_longer_than_their_call_are_refused() -> None:
    found = profile.read_profile({**LINE, "operators": [[["Learner.step"], "take", 1.0, 2.0]]})
    with pytest.raises(UserError, match=r"Learner\.step took 0\.5 ms, less than its operators"):
        profile.chart([found])


def test_benchmarks_are_known_by_their_names() -> None:
    from bench.run import BENCHMARKS, RunOptions, benchmark

    named = docstrings(RunOptions)["names"].partition("): ")[2]
    assert named.split(", ") == list(BENCHMARKS)
    assert (benchmark("profile"), benchmark("timeline")) == (profile.profile, timeline.timeline)
    assert all(map(callable, map(benchmark, BENCHMARKS)))
