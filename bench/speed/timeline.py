"""Horovod's timeline as a table of the exchanges between ranks: number, bytes, and duration of each phase.

python -m bench.speed.timeline FILE reads what `horovodrun --timeline-filename` has written. All times are rank 0's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.command_line import one_sentence, parse, read_text
from bench.speed.measurement import BenchOptions, Measurement, child_json
from bench.speed.step_speed import WARM_UP_STEPS
from ner_dist.cli.options import option
from ner_dist.cli.text_table import text_table
from ner_dist.errors import UserError

_BATCHES = (32, 128)
# Exchanged once a step (ner_dist/ranks/horovod_comm.py).
_STEP = "gradients"
# The arrays of a group are exchanged together: horovod_allreduce.gradients_1of3.
_NAME = re.compile(r"^(?:horovod_)?[a-z]+\.(.+?)(?:_\d+of\d+)?$")
# The kinds of phases, by Horovod's names; any other name is the exchange proper (GLOO_ALLREDUCE, ...).
_KINDS = {
    # From the first ready rank to the last.
    "ranks": re.compile(r"NEGOTIATE_"),
    "data": re.compile(r"WAIT_|QUEUE"),
    "copies": re.compile(r"MEMCPY_|INIT_|ALLOCATE_"),
}
_START, _EXCHANGE = "start", "exchange"
_HEADINGS = {"ranks": "late rank", _START: "agreeing", "data": "data", "copies": "copies", _EXCHANGE: "exchange"}


@dataclasses.dataclass(frozen=True)
class TimelineOptions:
    """Show the exchanges of a timeline as a table."""

    file: Path = option(positional=True, metavar="FILE")
    """what horovodrun --timeline-filename has written"""
    skip: int = option(0, least=0, metavar="STEPS")
    """steps at the beginning to leave out"""


class Phase(NamedTuple):
    """A phase of the exchange of one array, in microseconds; phases that are not within another have depth 0."""

    # Arrays of one name are exchanged together.
    name: str
    array: str
    kind: str
    depth: int
    begin_us: int
    end_us: int
    num_bytes: int


class Collective(NamedTuple):
    """All exchanges of one name."""

    name: str
    num_times: int
    # Means: bytes that rank 0 has afterwards, duration of each phase and of the whole.
    num_bytes: float
    phases_ms: dict[str, float]
    whole_ms: float
    # Share of the elapsed time in which it was running.
    share: float


class TimelineSummary(NamedTuple):
    num_steps: int
    elapsed_ms: float
    collectives: list[Collective]


def read_timeline(text: str) -> list[Phase]:
    """The complete phases of a timeline, whose end may be missing, as when its ranks were killed."""
    names: dict[int, str] = {}
    begun: dict[int, list[tuple[str, int]]] = defaultdict(list)
    phases = []
    for event in _events(text):
        pid, about = event["pid"], event.get("args", {})
        if event["ph"] == "M" and "name" in about:
            names[pid] = about["name"]
        elif event["ph"] == "B":
            begun[pid].append((event["name"], event["ts"]))
        elif event["ph"] == "E" and begun[pid]:
            name, begin_us = begun[pid].pop()
            kind = next((kind for kind, pattern in _KINDS.items() if pattern.match(name)), _EXCHANGE)
            group, num_bytes = _NAME.match(names[pid]), 0
            # The array that results from an exchange, if the event states it.
            if about.get("dtype"):
                sizes = [int(size) for size in re.findall(r"\d+", about.get("shape", ""))]
                num_bytes = int(np.prod(sizes)) * np.dtype(about["dtype"]).itemsize
            array = group[1] if group else names[pid], names[pid]
            phases.append(Phase(*array, kind, len(begun[pid]), begin_us, event["ts"], num_bytes))
    return phases


def _events(text: str) -> Iterator[dict[str, Any]]:
    decoder, at = json.JSONDecoder(), text.find("{")
    with contextlib.suppress(json.JSONDecodeError):
        while at >= 0:
            event, at = decoder.raw_decode(text, at)
            yield event
            at = text.find("{", at)


def summarise(phases: list[Phase], skipped_steps: int = 0) -> TimelineSummary:
    """All exchanges from the end of the skipped steps to the end of the last step. Raises UserError if none is left."""
    # By array, when the gradients of each step had been exchanged.
    ends_of: dict[str, list[int]] = defaultdict(list)
    for phase in phases:
        # An array alone is exchanged at the start, when the ranks agree on their devices.
        if phase.name == _STEP and phase.depth == 0 and phase.kind != "ranks" and not phase.array.endswith(_STEP):
            ends_of[phase.array].append(phase.end_us)
    ends_us = [max(of_step) for of_step in zip(*ends_of.values())]
    if len(ends_us) <= skipped_steps:
        raise UserError(f"the timeline has {len(ends_us)} steps, expected more than {skipped_steps}")
    first_us = ends_us[skipped_steps - 1] if skipped_steps else min(phase.begin_us for phase in phases)
    by_name: dict[str, list[Phase]] = defaultdict(list)
    for phase in phases:
        if phase.begin_us >= first_us and phase.end_us <= ends_us[-1]:
            by_name[phase.name].append(phase)
    elapsed_us = ends_us[-1] - first_us
    collectives = [_collective(name, of_name, elapsed_us) for name, of_name in by_name.items()]
    collectives.sort(key=lambda collective: -collective.share)
    return TimelineSummary(len(ends_us) - skipped_steps, elapsed_us / 1e3, collectives)


def _collective(name: str, phases: list[Phase], elapsed_us: int) -> Collective:
    """The arrays of a group are exchanged at the same time: their time counts once, their bytes add up."""
    times_us: dict[str, list[tuple[int, int]]] = defaultdict(list)
    agreed_us: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for phase in sorted(phases, key=lambda phase: phase.begin_us):
        if phase.depth or phase.kind == "ranks":
            times_us[phase.kind].append((phase.begin_us, phase.end_us))
        else:
            counts[phase.array] += 1
            # The ranks have agreed, and rank 0 has told the others to begin.
            if phase.array in agreed_us:
                times_us[_START].append((agreed_us[phase.array], phase.begin_us))
        if phase.kind == "ranks":
            agreed_us[phase.array] = phase.end_us
    count = max(counts.values(), default=0)
    each = max(count, 1)
    phases_ms = {kind: covered(times_us[kind]) / 1e3 / each for kind in _HEADINGS}
    running_us = covered([*((phase.begin_us, phase.end_us) for phase in phases), *times_us[_START]])
    num_bytes = sum(phase.num_bytes for phase in phases) / each
    return Collective(name, count, num_bytes, phases_ms, running_us / 1e3 / each, running_us / elapsed_us)


def covered(intervals: list[tuple[int, int]]) -> int:
    """The length of their union."""
    length, until = 0, -1
    for begin, end in sorted(intervals):
        length += max(0, end - max(begin, until))
        until = max(until, end)
    return length


def collective_table(found: TimelineSummary) -> str:
    step_ms = found.elapsed_ms / found.num_steps
    rows = []
    for one in found.collectives:
        phases = [f"{ms:.3f}" for ms in (*(one.phases_ms[phase] for phase in _HEADINGS), one.whole_ms)]
        rows.append([one.name, str(one.num_times), f"{one.num_bytes:,.0f}", *phases, f"{one.share:.1%}"])
    lines = text_table(["name", "count", "bytes", *_HEADINGS.values(), "in all", "share"], rows)
    return "\n".join([f"{found.num_steps} steps of {step_ms:.2f} ms; of each exchange, mean ms", *lines])


def timeline(options: BenchOptions) -> Iterator[Measurement]:
    """Share of the exchanges in the time of steps, on two ranks of this machine."""
    for batch in _BATCHES:
        runs = [_record(options.shards, batch) for _ in range(options.repeats)]
        found = sorted(runs, key=lambda run: run.elapsed_ms)[(len(runs) - 1) // 2]
        print(f"\n2 ranks, {batch} sentences a step: {collective_table(found)}", flush=True)
        step_ms = found.elapsed_ms / found.num_steps
        for one in found.collectives:
            name = f"timeline, {one.name}, {batch} sentences on 2 ranks"
            yield Measurement(name, one.share * step_ms, step_ms, "ms a step")


def _record(shards: str, batch_sentences: int) -> TimelineSummary:
    """The timeline of the timed steps of bench.speed.step_speed."""
    knobs = ["--config", "job/conll2003.yaml", "--data.shards", shards, "--model.vectors", "auto"]
    knobs += ["--train.batch_sentences", str(batch_sentences)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "timeline.json"
        child_json("bench.speed.step_speed", *knobs, ranks=2, variables={"HOROVOD_TIMELINE": str(path)})
        return summarise(read_timeline(path.read_text(encoding="utf-8")), WARM_UP_STEPS)


def main() -> None:
    options, _, _ = parse(TimelineOptions, "bench.speed.timeline", None, "timeline.json --skip 32", ("file", "skip"))
    with one_sentence():
        print(collective_table(summarise(read_timeline(read_text(options.file)), options.skip)))


if __name__ == "__main__":
    main()
