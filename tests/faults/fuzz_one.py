"""One target in a process of its own, for fuzz.py: atheris makes inputs from those that have reached new code."""

from __future__ import annotations

import copy
import hashlib
import importlib
import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris

_CPU_S = 1.0
_MOST_BYTES = 1 << 30
# What a field may be instead of what is expected.
_OTHERS: list[Any] = [
    None, True, 0, 1, -1, 2, 255, 65536, 2**31, 2**53 + 1, 10**12, 10**30, -(10**12), 0.5, 1e308, float("nan"), "", "x",
    "\x00", "../../x", "/etc/passwd", "é\u2028", "a" * 300, [], [0], [[]], [None], {}, {"": 0}, {"path": ".."},
]  # fmt: skip


class Slow(BaseException):
    """An input that takes too long."""


def find_targets() -> tuple[dict[str, Callable[[bytes], object]], dict[str, Any], set[str]]:
    """Functions by name, their first inputs or what makes these, and which of them read records."""
    targets, seeds, records = {}, {}, set()
    for path in sorted(Path(__file__).parent.glob("fuzz_targets_*.py")):
        module = importlib.import_module(f"faults.{path.stem}")
        seeds.update(getattr(module, "SEEDS", {}))
        records.update(getattr(module, "RECORDS", ()))
        for name, value in vars(module).items():
            if name.startswith("fuzz_") and callable(value) and value.__module__ == module.__name__:
                targets[name[len("fuzz_") :]] = value
    return targets, seeds, records


def change_record(data: bytes, most_bytes: int, seed: int) -> bytes:
    """A JSON text with some of its fields replaced, dropped, doubled or swapped; or other bytes."""
    rng = random.Random(seed)
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, (dict, list)) or rng.random() < 0.3:
        return bytes(atheris.Mutate(data, most_bytes))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        places = list(_places(record))
        if not places:
            break
        holder, key = rng.choice(places)
        action = rng.random()
        if action < 0.2:
            del holder[key]
        elif action < 0.4:
            other, from_key = rng.choice(places)
            holder[key] = json.loads(json.dumps(other[from_key]))
        elif isinstance(holder, list) and action < 0.5:
            holder.insert(key, copy.deepcopy(holder[key]))
        elif isinstance(holder, dict) and action < 0.5:
            holder[rng.choice(["", "x", "path", f"{key}2"])] = copy.deepcopy(holder[key])
        elif isinstance(holder[key], (int, float)) and action < 0.75:
            holder[key] = holder[key] + rng.choice((-1, 1, 7, -100, 2**31))
        else:
            holder[key] = copy.deepcopy(rng.choice(_OTHERS))
    changed = json.dumps(record, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    return changed[:most_bytes]


def _places(record: Any, depth: int = 0) -> Any:
    """Every (holder, key) in a record."""
    if depth < 50 and isinstance(record, (dict, list)):
        for key in list(record) if isinstance(record, dict) else range(len(record)):
            yield record, key
            yield from _places(record[key], depth + 1)


class Run:
    """A target, how many inputs it has had, and what was found."""

    def __init__(self, name: str, target: Callable[[bytes], object], out: Path, number: int, seconds: float) -> None:
        from ner_dist.errors import UserError

        self._name, self._target, self._out, self._number = name, target, out, number
        self._expected = UserError
        self._inputs, self._ends_s = 0, time.monotonic() + seconds

    def __call__(self, data: bytes) -> None:
        self._inputs += 1
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, _CPU_S)
            self._target(data)
        except self._expected:
            pass
        except (Exception, SystemExit, Slow) as error:
            self._note(data, error)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if self._inputs >= self._number or time.monotonic() > self._ends_s:
            (self._out / f"{self._name}.json").write_text(json.dumps({"inputs": self._inputs}))
            sys.stdout.flush()
            os._exit(0)

    def _note(self, data: bytes, error: BaseException) -> None:
        """Once for each place of the project's code that it comes from."""
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/ner_dist/" in frame.filename or "/data_prep/" in frame.filename
               or "/launch/" in frame.filename]  # fmt: skip
        place = f"{own[-1].filename}:{own[-1].lineno}" if own else str(frames[-1])
        key = hashlib.sha256(f"{type(error).__name__} {place}".encode()).hexdigest()[:8]
        text = self._out / f"{self._name}-{key}.txt"
        if not text.exists():
            text.with_suffix(".bin").write_bytes(data)
            text.write_text("".join(traceback.format_exception(type(error), error, error.__traceback__)))


def _too_slow(*_: object) -> None:
    raise Slow(f"more than {_CPU_S} s of processor time")


def main(argv: list[str]) -> None:
    what, work, *_ = argv
    if what == "names":
        print(json.dumps(sorted(find_targets()[0])))
        return
    _, name, work, out, number, seed, seconds = argv
    os.environ["FUZZ_WORK"] = f"{work}/{name}"
    Path(work, name).mkdir(exist_ok=True)
    with atheris.instrument_imports(include=["ner_dist", "data_prep", "launch"]):
        targets, seeds, records = find_targets()
    corpus = Path(work, name, "corpus")
    corpus.mkdir(exist_ok=True)
    first = seeds.get(name, [b""])
    first = first() if callable(first) else first
    for i, content in enumerate(first):
        (corpus / str(i)).write_bytes(content)
    signal.signal(signal.SIGVTALRM, _too_slow)
    run = Run(name, targets[name], Path(out), int(number), float(seconds))
    # Above the 4300 digits that Python reads of a number.
    most = max([8192, *(2 * len(content) for content in first)])
    # Everything has been loaded once before memory is limited.
    for content in first:
        run(content)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MOST_BYTES, resource.RLIM_INFINITY))
    options = [f"-seed={seed}", f"-max_len={most}", "-timeout=60", "-rss_limit_mb=0", "-verbosity=0", str(corpus)]
    mutator = {"custom_mutator": change_record} if name in records else {}
    atheris.Setup([sys.argv[0], *options], run, **mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
