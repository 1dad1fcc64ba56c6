"""Where the time of a step goes: parts, operators and the flame chart, against made cases and on real steps."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from processes import alone, run

from bench.speed import profile, timeline
from bench.speed.flame import Frame, Panel, svg
from bench.speed.parts import PART_OF, PLACES, REST, Clock, Operator, call_name, owner, share_operators, watching
from ner_dist.errors import UserError

SVG = "{http://www.w3.org/2000/svg}"


# Parts


@pytest.mark.parametrize("place", [place for places in PLACES.values() for place in places])
def test_each_named_place_exists(place: str) -> None:
    held_by, attribute = owner(place)
    assert callable(getattr(held_by, attribute))


def test_each_call_belongs_to_one_part() -> None:
    parts_of: dict[str, set[str]] = {}
    for part, places in PLACES.items():
        for place in places:
            parts_of.setdefault(call_name(place), set()).add(part)
    assert {name for name, found in parts_of.items() if len(found) > 1} == set()
    assert set(PART_OF.values()) == set(PLACES) == set(profile.COLOURS)


def test_watched_places_are_as_before_afterwards() -> None:
    def found() -> list[Any]:
        return [getattr(*owner(place)) for places in PLACES.values() for place in places]

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
        Operator("dot", 15, 25),
        Operator("dot", 95, 105),
        Operator("copy", 55, 65),
        Operator("copy", 100, 110),
        Operator("late", 160, 175),
    ]
    assert share_operators(operators, moves, 200) == {
        (a, "dot"): (2, pytest.approx(0.2)),
        (b, "copy"): (1, pytest.approx(0.25)),
        (a, "copy"): (1, pytest.approx(0.1)),
        ((), "late"): (1, pytest.approx(0.25)),
    }


# What a child has printed: a step of 10 ms.
LINE = json.dumps(
    {
        "sentences": 10,
        "tokens": 150.0,
        "calls": [
            [[], 1.0],
            [["Sentences.step_batch"], 2.0],
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
)


def test_parts_and_operators_worked_out_by_hand() -> None:
    found = profile.read(LINE)
    assert found.ms == 10
    used = {part: ms for part, ms in found.parts_ms.items() if ms}
    assert used == {"reader": 2, "host to device": 2.5, "forward": 4, REST: 1.5}
    assert found.operators == [("RNN", "forward", 2, 3), ("take", REST, 5, 0.75)]
    assert sum(row.ratio for row in profile.rows(found)) == pytest.approx(1)
    step = found.frame.children[1]
    assert (step.name, step.ms) == ("Learner.step", 7)
    assert [child.name for child in step.children] == ["TrainingEmissions", "on_device", "take"]
    assert [child.name for child in step.children[0].children] == ["on_device", "RNN", "take"]
    assert "25.0%" in profile.table([found])
    assert "7.5%" in profile.operator_table(found)


@pytest.mark.parametrize("likelihood", ["token", "sentence"])
def test_shares_of_real_steps_add_up(
    likelihood: str, rich_shards: Path, tiny_knobs: list[str], everything_on: list[str], tmp_path: Path
) -> None:
    knobs = [*tiny_knobs, "--data.shards", str(rich_shards), "--train.batch_sentences", "32"]
    knobs += everything_on if likelihood == "sentence" else ["--loss.likelihood", "token"]
    ended = run(alone("bench.speed.parts", *knobs), tmp_path, OMP_NUM_THREADS="1")
    assert ended.code == 0, ended.err
    found = profile.read(ended.out.splitlines()[-1])
    assert sum(found.parts_ms.values()) == pytest.approx(found.ms)
    assert found.frame.ms == pytest.approx(found.ms)
    used = {part for part, ms in found.parts_ms.items() if ms}
    assert used == set(PLACES) - ({"loss (CRF)", "average"} if likelihood == "token" else set())
    assert {"RNN", "_backward_RNN"} <= {operator.name for operator in found.operators}
    where = {operator.name: operator.part for operator in found.operators}
    assert (where["RNN"], where["_backward_RNN"]) == ("forward", "backward")
    # Raises if operators do not fit into the calls they run in.
    ElementTree.fromstring(profile.chart([found]))


# Flame chart


def test_the_chart_is_xml_whose_widths_add_up() -> None:
    found = profile.read(LINE)
    root = ElementTree.fromstring(profile.chart([found]))
    width: dict[str, list[float]] = {}
    left: dict[str, list[float]] = {}
    for group in root.iter(f"{SVG}g"):
        title, rectangle = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert title.text is not None
        assert rectangle is not None
        name = title.text.split(":")[0]
        # A pixel between neighbours.
        width.setdefault(name, []).append(float(rectangle.attrib["width"]) + 1)
        left.setdefault(name, []).append(float(rectangle.attrib["x"]))
    (whole,) = width["a step"]
    assert width["Sentences.step_batch"] == pytest.approx([0.2 * whole])
    assert width["Learner.step"] == pytest.approx([0.7 * whole])
    assert width["TrainingEmissions"] == pytest.approx([0.45 * whole])
    assert width["on_device"] == pytest.approx([0.05 * whole, 0.2 * whole])
    assert width["take"] == pytest.approx([0.025 * whole, 0.05 * whole])
    (start,) = left["a step"]
    assert left["Learner.step"] == pytest.approx([start + 0.2 * whole])
    assert left["on_device"] == pytest.approx([start + 0.2 * whole, start + 0.65 * whole])


def test_names_are_escaped() -> None:
    frame = Frame("<&>", "x", 1.0, [])
    root = ElementTree.fromstring(svg("a < b", "", [Panel("p & q", frame)], {"x": "#ffffff"}))
    texts = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert texts[0] == "a < b"
    assert any(text.startswith("<&>") for text in texts)


def test_what_is_longer_than_the_whole_is_refused() -> None:
    frame = Frame("whole", "x", 1.0, [Frame("part", "x", 2.0, [])])
    with pytest.raises(UserError, match="whole took 1 ms, less than what it is made of"):
        svg("", "", [Panel("", frame)], {"x": "#ffffff"})


def test_benchmarks_are_known_by_their_names() -> None:
    from bench.run import BENCHMARKS

    assert (BENCHMARKS["profile"], BENCHMARKS["timeline"]) == (profile.profile, timeline.timeline)
