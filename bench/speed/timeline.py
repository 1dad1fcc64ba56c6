"""What Horovod's timeline says of the exchanges between ranks: how often, how many bytes, how long, and for what.

python -m bench.speed.timeline timeline.json

reads a file that `horovodrun --timeline-filename` has written; `python -m bench.run timeline` makes one, of two ranks.
Rank 0 writes it: all times are as it saw them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.speed import steps
from bench.speed.rows import Options, Row
from ner_dist.errors import UserError

_BATCHES = (32, 128)
# Exchanged once a step (ner_dist/ranks/comm.py).
_STEP = "gradients"
# A group's arrays are exchanged together: horovod_allreduce.gradients_1of3.
_NAME = re.compile(r"^(?:horovod_)?[a-z]+\.(.+?)(?:_\d+of\d+)?$")
# What an exchange consists of, and Horovod's names of it; any other is the exchange proper (GLOO_ALLREDUCE, ...).
_PHASES = {
    # From the first rank that is ready to the last.
    "ranks": re.compile(r"NEGOTIATE_"),
    "data": re.compile(r"WAIT_|QUEUE"),
    "copies": re.compile(r"MEMCPY_|INIT_|ALLOCATE_"),
}
_START, _EXCHANGE = "start", "exchange"
_HEADINGS = {
    "ranks": "late rank",
    _START: "agreeing",
    "data": "data",
    "copies": "copies",
    _EXCHANGE: "exchange",
}


class Span(NamedTuple):
    """A phase of the exchange of one array, in microseconds; the outermost of a thread of the timeline has depth 0."""

    array: str
    phase: str
    depth: int
    begin_us: int
    end_us: int
    num_bytes: int


class Collective(NamedTuple):
    """All exchanges of one name."""

    name: str
    num_times: int
    # Of each: what rank 0 has after it, and the mean of each phase and of the whole.
    num_bytes: float
    phases_ms: dict[str, float]
    whole_ms: float
    # Of the time looked at, in which it was under way.
    share: float


class Summary(NamedTuple):
    num_steps: int
    elapsed_ms: float
    collectives: list[Collective]


def read(text: str) -> list[Span]:
    """The complete phases of a timeline, also of one whose end is missing, as when its ranks have ended in a hurry."""
    names: dict[int, str] = {}
    begun: dict[int, list[tuple[str, int]]] = defaultdict(list)
    spans = []
    for event in _events(text):
        pid, kind = event["pid"], event["ph"]
        if kind == "M" and "name" in event["args"]:
            names[pid] = event["args"]["name"]
        elif kind == "B":
            begun[pid].append((event["name"], event["ts"]))
        elif kind == "E" and begun[pid]:
            phase, begin_us = begun[pid].pop()
            spans.append(Span(names[pid], phase, len(begun[pid]), begin_us, event["ts"], _num_bytes(event)))
    return spans


def _events(text: str) -> Iterator[dict[str, Any]]:
    """Those that are there as a whole."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            event, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            return
        yield event
        at = text.find("{", at)


def _num_bytes(event: dict[str, Any]) -> int:
    """Of the array that an exchange ends with; 0 if it does not say."""
    about = event.get("args", {})
    if not about.get("dtype"):
        return 0
    sizes = [int(size) for size in re.findall(r"\d+", about.get("shape", ""))]
    return int(np.prod(sizes)) * np.dtype(about["dtype"]).itemsize


def summarise(spans: list[Span], skipped_steps: int = 0) -> Summary:
    """From the end of a step on, or from the beginning, to the end of the last step."""
    ends_us = _step_ends(spans)
    if len(ends_us) <= skipped_steps:
        raise UserError(f"the timeline has {len(ends_us)} steps, expected more than {skipped_steps}")
    first_us = ends_us[skipped_steps - 1] if skipped_steps else min(span.begin_us for span in spans)
    inside = [span for span in spans if span.begin_us >= first_us and span.end_us <= ends_us[-1]]
    by_name: dict[str, list[Span]] = defaultdict(list)
    for span in inside:
        found = _NAME.match(span.array)
        by_name[found[1] if found else span.array].append(span)
    elapsed_us = ends_us[-1] - first_us
    collectives = [_collective(name, of_name, elapsed_us) for name, of_name in by_name.items()]
    collectives.sort(key=lambda collective: -collective.share)
    return Summary(len(ends_us) - skipped_steps, elapsed_us / 1e3, collectives)


def _step_ends(spans: list[Span]) -> list[int]:
    """When the gradients of each step had been exchanged."""
    ends_us: dict[str, list[int]] = defaultdict(list)
    for span in spans:
        found = _NAME.match(span.array)
        if found and found[1] == _STEP and span.depth == 0 and not _PHASES["ranks"].match(span.phase):
            ends_us[span.array].append(span.end_us)
    return [max(of_step) for of_step in zip(*ends_us.values())]


def _collective(name: str, spans: list[Span], elapsed_us: int) -> Collective:
    """Arrays of a group are under way together: time counts once, bytes add up."""
    times_us: dict[str, list[tuple[int, int]]] = defaultdict(list)
    whole_us: list[tuple[int, int]] = []
    agreed_us: dict[str, int] = {}
    counts: dict[str, int] = defaultdict(int)
    for span in sorted(spans, key=lambda span: span.begin_us):
        phase = next((phase for phase, pattern in _PHASES.items() if pattern.match(span.phase)), _EXCHANGE)
        if span.depth or phase == "ranks":
            times_us[phase].append((span.begin_us, span.end_us))
        else:
            counts[span.array] += 1
            # Rank 0 has told the others to begin, and all have.
            if span.array in agreed_us:
                times_us[_START].append((agreed_us[span.array], span.begin_us))
        if phase == "ranks":
            agreed_us[span.array] = span.end_us
        whole_us.append((span.begin_us, span.end_us))
    count = max(counts.values(), default=0)
    phases_ms = {phase: covered(times_us[phase]) / 1e3 / max(count, 1) for phase in _HEADINGS}
    under_way_us = covered(whole_us + times_us[_START])
    num_bytes = sum(span.num_bytes for span in spans) / max(count, 1)
    return Collective(name, count, num_bytes, phases_ms, under_way_us / 1e3 / max(count, 1), under_way_us / elapsed_us)


def covered(intervals: list[tuple[int, int]]) -> int:
    """The length of their union."""
    length, until = 0, -1
    for begin, end in sorted(intervals):
        length += max(0, end - max(begin, until))
        until = max(until, end)
    return length


def table(found: Summary) -> str:
    step_ms = found.elapsed_ms / found.num_steps
    lines = [
        f"{found.num_steps} steps of {step_ms:.2f} ms; of each exchange, mean ms",
        f"{'name':14}{'count':>7}{'bytes':>12}"
        + "".join(f"{heading:>11}" for heading in [*_HEADINGS.values(), "in all", "share"]),
    ]
    for one in found.collectives:
        numbers = [*(one.phases_ms[phase] for phase in _HEADINGS), one.whole_ms]
        cells = "".join(f"{ms:11.3f}" for ms in numbers)
        lines.append(f"{one.name:14}{one.num_times:7}{one.num_bytes:12,.0f}{cells}{one.share:11.1%}")
    return "\n".join(lines)


def timeline(options: Options) -> list[Row]:
    """Share of the exchanges in the time of steps, on two ranks of this machine."""
    rows = []
    for batch in _BATCHES:
        runs = [record(options.shards, batch) for _ in range(options.repeats)]
        found = sorted(runs, key=lambda run: run.elapsed_ms)[(len(runs) - 1) // 2]
        print(f"\n2 ranks, {batch} sentences a step: {table(found)}", flush=True)
        for one in found.collectives:
            name = f"timeline, {one.name}, {batch} sentences on 2 ranks"
            step_ms = found.elapsed_ms / found.num_steps
            rows.append(Row(name, one.share, one.share * step_ms, step_ms, "ms a step"))
    return rows


def record(shards: str, batch_sentences: int) -> Summary:
    """Of the timed steps of bench.speed.steps."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "timeline.json"
        start = [str(Path(sys.executable).with_name("horovodrun")), "-np", "2", "--timeline-filename", str(path)]
        command = [*start, sys.executable, "-m", "bench.speed.steps", "--config", "job/conll2003.yaml"]
        command += ["--data.shards", shards, "--model.vectors", "auto", "--train.batch_sentences", str(batch_sentences)]
        subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, check=True)
        return summarise(read(path.read_text(encoding="utf-8")), steps.WARM_UP_STEPS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.speed.timeline", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="that horovodrun --timeline-filename has written")
    parser.add_argument("--skip", type=int, default=0, metavar="STEPS", help="leave out so many steps at first (0)")
    arguments = parser.parse_args()
    try:
        print(table(summarise(read(arguments.file.read_text(encoding="utf-8")), arguments.skip)))
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
