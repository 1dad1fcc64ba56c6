"""Where the time of a training step goes: a table of parts, one of MXNet's operators, and a flame chart for speedscope.

python -m bench.speed.profile --config job/gmb.yaml takes the knobs of ner_dist.train, and records nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.speed.measurement import BenchOptions, Measurement, child_json
from bench.speed.step_parts import PART_OF, PLACES, REST, Calls
from ner_dist import config
from ner_dist.atomic_file import whole_file
from ner_dist.cli.text_table import text_table
from ner_dist.errors import UserError

CHART = Path("bench/profile/step.speedscope.json")
_BATCHES = (10, 32, 128)
_TOP = 15


class Operator(NamedTuple):
    """All runs of one operator in a step."""

    name: str
    # The part with most of its time.
    part: str
    num_calls: float
    ms: float


class Profile(NamedTuple):
    """A step, in milliseconds of CPU."""

    sentences: int
    tokens: float
    ms: float
    # All parts, in the order of PLACES; 0 for a part that is not used.
    parts_ms: dict[str, float]
    # The longest first.
    operators: list[Operator]
    # Of each call, in the order of their first: its time without the calls within it, and what of that each of its
    # operators takes.
    own_ms: dict[Calls, float]
    operators_ms: dict[Calls, dict[str, float]]


def profile(options: BenchOptions) -> Iterator[Measurement]:
    """Share of each part in steps of 10, 32 and 128 sentences, on one rank and thread."""
    # The shards may have no vectors.
    knobs = ["--config", "job/conll2003.yaml", "--model.vectors", "auto", "--data.shards", options.shards]
    for found in _measure(knobs, options.repeats):
        yield from shares(found)


def shares(found: Profile) -> Iterator[Measurement]:
    for part, ms in found.parts_ms.items():
        yield Measurement(f"profile, {part}, {found.sentences} sentences", ms, found.ms, "ms of CPU a step")


def _measure(knobs: list[str], repeats: int) -> list[Profile]:
    """A profile for each batch size, shown as tables and written as a chart.

    It is the one whose step takes the median time; a mean of several would be none of them.
    """
    profiles = []
    for batch in _BATCHES:
        child = "bench.speed.step_parts", *knobs, "--train.batch_sentences", str(batch)
        found = sorted((read_profile(child_json(*child)) for _ in range(repeats)), key=lambda one: one.ms)
        profiles.append(found[(repeats - 1) // 2])
    print(part_table(profiles))
    for one in profiles:
        print(f"\n{operator_table(one)}")
    CHART.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(CHART) as file:
        json.dump(chart(profiles), file)
    print(f"\nflame chart: open {CHART} in https://www.speedscope.app", flush=True)
    return profiles


def read_profile(found: dict[str, Any]) -> Profile:
    """The profile of what bench.speed.step_parts has printed."""
    own_ms: dict[Calls, float] = {tuple(within): ms for within, ms in found["calls"]}
    parts_ms = dict.fromkeys(PLACES, 0.0)
    for within, ms in own_ms.items():
        parts_ms[_part(within)] += ms
    runs: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    operators_ms: dict[Calls, dict[str, float]] = defaultdict(dict)
    for calls, name, num_calls, ms in found["operators"]:
        runs[name].append((ms, num_calls, _part(tuple(calls))))
        operators_ms[tuple(calls)][name] = ms
    operators = [
        Operator(name, max(of_name)[2], sum(calls for _, calls, _ in of_name), sum(ms for ms, _, _ in of_name))
        for name, of_name in runs.items()
    ]
    operators.sort(key=lambda operator: -operator.ms)
    return Profile(found["sentences"], found["tokens"], sum(own_ms.values()), parts_ms, operators, own_ms, operators_ms)


def _part(within: Calls) -> str:
    return PART_OF[within[-1]] if within else REST


def part_table(profiles: list[Profile]) -> str:
    """Parts down, batches across."""
    header = ["CPU of a step, ms and share", *(cell for p in profiles for cell in (f"{p.sentences} sentences", ""))]
    rows = [["tokens a step", *(cell for p in profiles for cell in (f"{p.tokens:.0f}", ""))]]
    for part in PLACES:
        cells = ((p.parts_ms[part], p.parts_ms[part] / p.ms) for p in profiles)
        rows.append([part, *(cell for ms, share in cells for cell in (f"{ms:.3f}", f"{share:.1%}"))])
    rows.append(["in all", *(cell for p in profiles for cell in (f"{p.ms:.3f}", "100.0%"))])
    rows.append(["tokens / s of CPU", *(cell for p in profiles for cell in (f"{1e3 * p.tokens / p.ms:,.0f}", ""))])
    return "\n".join(text_table(header, rows))


def operator_table(found: Profile) -> str:
    """MXNet's operators that take the longest."""

    calls, ms = sum(o.num_calls for o in found.operators), sum(o.ms for o in found.operators)
    shown = [*found.operators[:_TOP], Operator(f"all {len(found.operators)}", "", calls, ms)]
    rows = [[o.name, o.part, f"{o.num_calls:.1f}", f"{o.ms:.3f}", f"{o.ms / found.ms:.1%}"] for o in shown]
    header = [f"operators, {found.sentences} sentences", "mostly in", "calls", "ms", "share"]
    return "\n".join(text_table(header, rows, num_left=2))


def chart(profiles: list[Profile]) -> dict[str, Any]:
    """A speedscope file with one profile for each batch; the "file" of a frame is its part, which decides its colour.

    Raises UserError if the operators of a call take longer than the call.
    """
    numbers: dict[tuple[str, str], int] = {}
    charts = []
    for found in profiles:
        order = {within: number for number, within in enumerate(found.own_ms)}
        samples, weights = [], []
        # Each call before the calls within it, so that a call is one box.
        for within in sorted(order, key=lambda calls: [order[calls[: n + 1]] for n in range(len(calls))]):
            frames = [("a step", REST), *((name, PART_OF[name]) for name in within)]
            operators = sorted(found.operators_ms.get(within, {}).items(), key=lambda operator: -operator[1])
            rest_ms = found.own_ms[within] - sum(ms for _, ms in operators)
            if rest_ms < -1e-6 * found.own_ms[within]:
                raise UserError(f"{frames[-1][0]} took {found.own_ms[within]:g} ms, less than its operators")
            own = [([*frames, (name, _part(within))], ms) for name, ms in operators]
            for stack, ms in [(frames, max(rest_ms, 0.0)), *own]:
                samples.append([numbers.setdefault(frame, len(numbers)) for frame in stack])
                weights.append(ms)
        name = f"{found.sentences} sentences, {found.tokens:.0f} tokens: {found.ms:.1f} ms of CPU"
        span = {"unit": "milliseconds", "startValue": 0, "endValue": found.ms}
        charts.append({"type": "sampled", "name": name, **span, "samples": samples, "weights": weights})
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": "A training step on one rank and thread, MXNet's engine synchronous",
        "shared": {"frames": [{"name": name, "file": part} for name, part in numbers]},
        "profiles": charts,
    }


def main() -> None:
    try:
        config.parse(sys.argv[1:])
        _measure(sys.argv[1:], repeats=1)
    except UserError as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError:
        # child_json has shown why.
        sys.exit(1)


if __name__ == "__main__":
    main()
