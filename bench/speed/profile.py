"""Where the time of a training step goes: a table of parts, one of MXNet's operators, and a flame chart.

python -m bench.speed.profile --config job/gmb.yaml --loss.likelihood token

takes the knobs of ner_dist.train and records nothing; `python -m bench.run profile` is the model of job/conll2003.yaml.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from bench.speed.flame import Frame, Panel, svg
from bench.speed.parts import PART_OF, REST, Calls
from bench.speed.rows import Options, Row
from ner_dist import config
from ner_dist.errors import UserError

CHART = Path("bench/profile/step.svg")
_BATCHES = (10, 32, 128)
_TOP = 15
# From Tableau's palette: blue is what comes in, yellow to pink the network, green what is learnt.
COLOURS = {
    "reader": "#4e79a7",
    "hiding": "#76a3cf",
    "masks": "#a0cbe8",
    "host to device": "#86bcb6",
    "device to host": "#499894",
    "character CNN": "#f1ce63",
    "forward": "#f28e2b",
    "loss (CRF)": "#e15759",
    "backward": "#d37295",
    "exchange": "#b07aa1",
    "update, dense": "#59a14f",
    "update, words": "#8cd17d",
    "average": "#b6992d",
    REST: "#dad6d2",
}


class Operators(NamedTuple):
    """The runs of one operator in a step."""

    name: str
    # Where most of their time is spent.
    part: str
    num_calls: float
    ms: float


class Profile(NamedTuple):
    """A step, in milliseconds of CPU."""

    sentences: int
    tokens: float
    ms: float
    # All of COLOURS, in that order; 0 where a part is not used.
    parts_ms: dict[str, float]
    # The longest first.
    operators: list[Operators]
    frame: Frame


def profile(options: Options) -> list[Row]:
    """Share of each part in steps of 10, 32 and 128 sentences, on one rank and thread."""
    # Shards need not have vectors.
    knobs = ["--config", "job/conll2003.yaml", "--model.vectors", "auto", "--data.shards", options.shards]
    profiles = [_median(knobs, batch, options.repeats) for batch in _BATCHES]
    _show(profiles)
    return [row for found in profiles for row in rows(found)]


def rows(found: Profile) -> list[Row]:
    """A part's share of the step, each part a row."""
    return [
        Row(f"profile, {part}, {found.sentences} sentences", ms / found.ms, ms, found.ms, "ms of CPU a step")
        for part, ms in found.parts_ms.items()
    ]


def measure(knobs: list[str], batch_sentences: int) -> Profile:
    """Of one process, which chooses its engine before it imports MXNet."""
    command = [sys.executable, "-m", "bench.speed.parts", *knobs, "--train.batch_sentences", str(batch_sentences)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return read(done.stdout.splitlines()[-1])


def read(line: str) -> Profile:
    """What bench.speed.parts has printed."""
    found = json.loads(line)
    own_ms: dict[Calls, float] = {tuple(within): ms for within, ms in found["calls"]}
    parts_ms = dict.fromkeys(COLOURS, 0.0)
    for within, ms in own_ms.items():
        parts_ms[_part(within)] += ms
    runs: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    inside: dict[Calls, list[Frame]] = defaultdict(list)
    for calls, name, num_calls, ms in found["operators"]:
        within = tuple(calls)
        runs[name].append((ms, num_calls, _part(within)))
        inside[within].append(Frame(name, _part(within), ms, [], leaf=True))
    operators = [
        Operators(name, max(of_name)[2], sum(calls for _, calls, _ in of_name), sum(ms for ms, _, _ in of_name))
        for name, of_name in runs.items()
    ]
    operators.sort(key=lambda operator: -operator.ms)
    frame = _nest((), own_ms, inside)
    return Profile(found["sentences"], found["tokens"], sum(own_ms.values()), parts_ms, operators, frame)


def _part(within: Calls) -> str:
    return PART_OF[within[-1]] if within else REST


def _nest(within: Calls, own_ms: dict[Calls, float], inside: dict[Calls, list[Frame]]) -> Frame:
    """A call with all within it: calls in the order of their first, then its own operators, the longest first."""
    calls = [_nest(other, own_ms, inside) for other in own_ms if other[:-1] == within and other]
    operators = sorted(inside.get(within, []), key=lambda frame: -frame.ms)
    ms = own_ms[within] + sum(call.ms for call in calls)
    return Frame(within[-1] if within else "a step", _part(within), ms, calls + operators)


def table(profiles: list[Profile]) -> str:
    """Parts down, batches across."""
    lines = ["CPU of a step, ms and share".ljust(28) + "".join(f"{p.sentences:>10} sentences" for p in profiles)]
    lines.append("tokens a step".ljust(28) + "".join(f"{p.tokens:20.0f}" for p in profiles))
    for part in COLOURS:
        cells = [f"{p.parts_ms[part]:12.3f}{p.parts_ms[part] / p.ms:8.1%}" for p in profiles]
        lines.append(part.ljust(28) + "".join(cells))
    lines.append("in all".ljust(28) + "".join(f"{p.ms:12.3f}{1:8.1%}" for p in profiles))
    lines.append("tokens / s of CPU".ljust(28) + "".join(f"{1e3 * p.tokens / p.ms:12,.0f}{'':8}" for p in profiles))
    return "\n".join(lines)


def operator_table(found: Profile) -> str:
    """MXNet's operators that take the longest."""
    lines = [
        f"{'operators, ' + str(found.sentences) + ' sentences':28}{'mostly in':16}{'calls':>8}{'ms':>10}{'share':>8}"
    ]
    for operator in found.operators[:_TOP]:
        numbers = f"{operator.num_calls:8.1f}{operator.ms:10.3f}{operator.ms / found.ms:8.1%}"
        lines.append(f"{operator.name:28}{operator.part:16}{numbers}")
    all_ms = sum(operator.ms for operator in found.operators)
    num_calls = sum(operator.num_calls for operator in found.operators)
    lines.append(f"{'all ' + str(len(found.operators)):44}{num_calls:8.1f}{all_ms:10.3f}{all_ms / found.ms:8.1%}")
    return "\n".join(lines)


def chart(profiles: list[Profile]) -> str:
    panels = [Panel(f"{p.sentences} sentences, {p.tokens:.0f} tokens: {p.ms:.1f} ms of CPU", p.frame) for p in profiles]
    note = "One rank, one thread, MXNet's engine synchronous. Pale: operators. Left free below a call: its own time."
    return svg("Where the time of a training step goes", note, panels, COLOURS)


def _median(knobs: list[str], batch_sentences: int, repeats: int) -> Profile:
    """The profile whose step takes the median; a mean of several would be none of them."""
    return sorted((measure(knobs, batch_sentences) for _ in range(repeats)), key=lambda p: p.ms)[(repeats - 1) // 2]


def _show(profiles: list[Profile]) -> None:
    print(table(profiles))
    for found in profiles:
        print(f"\n{operator_table(found)}")
    CHART.parent.mkdir(parents=True, exist_ok=True)
    CHART.write_text(chart(profiles), encoding="utf-8")
    print(f"\nflame chart: {CHART}", flush=True)


def main() -> None:
    try:
        config.parse(sys.argv[1:])
        _show([measure(sys.argv[1:], batch) for batch in _BATCHES])
    except UserError as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError:
        # It has said why.
        sys.exit(1)


if __name__ == "__main__":
    main()
