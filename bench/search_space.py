"""What a sweep looks for: the file that declares it, read and checked against the knobs of training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union

from bench import sets
from bench.command_line import mapping, read_yaml
from ner_dist import config as knobs
from ner_dist.errors import UserError

Sampler = Literal["tpe", "random"]
Pruner = Literal["median", "halving", "hyperband", "none"]

_NAMES = {"job", "trials", "budget", "epochs", "min_epochs", "seed", "sampler", "pruner", "knobs", "ranges"}
_BOUNDS, _CHOICE = {"low", "high", "step", "log"}, {"values"}
_SHAPE = "{low: ..., high: ...}, with log: true or step: ..., or {values: [...]}"
# What the file says elsewhere, or what would make trials no longer comparable.
_FIXED = {"run", "data.shards", "data.train_on", "train.seed", "train.epochs", "train.resume", "train.score_test"}


class Bounds(NamedTuple):
    """A knob between low and high, both included."""

    low: float
    high: float
    step: float | None
    log: bool
    # Of a knob that is an int.
    whole: bool

    def suggest(self, trial: Any, name: str) -> Any:
        if self.whole:
            return trial.suggest_int(name, self.low, self.high, step=self.step or 1, log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)


class Choice(NamedTuple):
    """A knob that takes one of these values."""

    values: list[Any]

    def suggest(self, trial: Any, name: str) -> Any:
        # As JSON, because a knob's value may be a list or a mapping, which Optuna does not store.
        return json.loads(trial.suggest_categorical(name, [json.dumps(value, sort_keys=True) for value in self.values]))


Range = Union[Bounds, Choice]


class Sweep(NamedTuple):
    """A sweep as declared."""

    name: str
    job: Path
    # Ends when there are so many trials, or, if not 0, when they have trained so many epochs together.
    trials: int
    budget: int
    # Of a trial that is not pruned; none is before min_epochs.
    epochs: int
    min_epochs: int
    # Of the sampling, and of each training.
    seed: int
    sampler: Sampler
    pruner: Pruner
    knobs: dict[str, Any]
    ranges: dict[str, Range]
    # The job with its fixed knobs; what it trains on.
    base: sets.SeedSet

    def run(self, number: int) -> Path:
        """Where a trial's run is."""
        return self.base.folder / f"trial-{number}"

    def words(self, params: dict[str, Any]) -> list[str]:
        """The command line of a trial with these knobs."""
        return [*self.base.arguments, "--train.seed", str(self.seed), *sets.words(params)]

    def declared(self) -> dict[str, Any]:
        """What may not change while a sweep goes on."""
        ranges = {name: {type(found).__name__: list(found)} for name, found in self.ranges.items()}
        kept = {"seed": self.seed, "sampler": self.sampler, "pruner": self.pruner, "min_epochs": self.min_epochs}
        # Those that are not at their defaults, so that a knob which training has got since changes nothing.
        defaults = knobs.flat(knobs.Config())
        changed = {name: value for name, value in self.base.identity.items() if value != defaults[name]}
        record = {**kept, "ranges": ranges, "knobs": changed, "shards": self.base.shards.fingerprint()}
        # As it comes back from the disk.
        return json.loads(json.dumps(record))


def read(path: Path) -> Sweep:
    """The sweep that a file declares. Raises UserError that names the file and what is wrong in it."""
    content = read_yaml(path, _NAMES)
    try:
        base = _base(content, path.stem)
        ranges = {name: _range(base, name, found) for name, found in mapping(content, "ranges").items()}
        if not ranges:
            raise UserError(f"ranges is empty, expected section.knob: {_SHAPE}")
        return Sweep(
            name=path.stem,
            job=Path(content["job"]),
            trials=_count(content, "trials", 20),
            budget=_count(content, "budget", 0),
            epochs=base.config.train.epochs,
            min_epochs=_count(content, "min_epochs", 1),
            seed=_count(content, "seed", 1),
            sampler=_one_of(content, "sampler", ["tpe", "random"]),
            pruner=_one_of(content, "pruner", ["median", "halving", "hyperband", "none"]),
            knobs=mapping(content, "knobs"),
            ranges=ranges,
            base=base,
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _base(content: dict[str, Any], name: str) -> sets.SeedSet:
    """The job with what is the same in all trials."""
    if not isinstance(content.get("job"), str):
        raise UserError(f"job is {content.get('job')}, expected the path of a job file")
    fixed = mapping(content, "knobs")
    ours = {"train.score_test": False, **({"train.epochs": content["epochs"]} if "epochs" in content else {})}
    clash = sorted(set(fixed) & set(ours))
    if clash:
        raise UserError(f"{clash[0]} stands under knobs, which a sweep sets by itself (epochs: N)")
    folder = Path("runs") / "sweeps" / name
    base = sets.seed_set(Path(content["job"]), sets.words({**fixed, **ours}), range(1, 2), folder)
    if base.config.data.train_on != "train":
        raise UserError(f"the job trains on {base.config.data.train_on}, which leaves no dev to choose by")
    return base


def _one_of(content: dict[str, Any], name: str, known: list[str]) -> Any:
    value = content.get(name, known[0])
    if value not in known:
        raise UserError(f"{name} is {value}, expected one of {', '.join(known)}")
    return value


def _count(content: dict[str, Any], name: str, default: int) -> int:
    value = content.get(name, default)
    if type(value) is not int or value < min(default, 1):
        raise UserError(f"{name} is {value}, expected a whole number above 0")
    return value


def _range(base: sets.SeedSet, name: str, found: Any) -> Range:
    """A range whose ends, or whose values, were all taken by the knob."""
    if name in _FIXED:
        raise UserError(
            f"ranges: {name} cannot be swept: trials would not be comparable, or the file says it elsewhere"
        )
    if not isinstance(found, dict) or not (set(found) <= _CHOICE or {"low", "high"} <= set(found) <= _BOUNDS):
        raise UserError(f"ranges: {name} is {found}, expected {_SHAPE}")
    if "values" in found or not found:
        values = found.get("values")
        if not isinstance(values, list) or not values:
            raise UserError(f"ranges: {name} has no values, expected {{values: [one, another]}}")
        return Choice([_taken(base, name, value) for value in values])
    low, high = _taken(base, name, found["low"]), _taken(base, name, found["high"])
    step, log = found.get("step"), found.get("log", False)
    numbers = [low, high, *([] if step is None else [step])]
    if not all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in numbers):
        raise UserError(f"ranges: {name} goes from {low} to {high} in steps of {step}, expected numbers; or use values")
    whole = isinstance(low, int)
    if not low < high:
        raise UserError(f"ranges: {name} is empty, from {low} to {high}; low must be below high")
    if log not in (True, False) or (log and (step is not None or low <= 0)):
        raise UserError(f"ranges: {name}: log: true needs a low above 0 and no step")
    if step is not None and (step <= 0 or (whole and not isinstance(step, int))):
        raise UserError(f"ranges: {name}: step is {step}, expected {'a whole number' if whole else 'a number'} above 0")
    return Bounds(low, high, step, log, whole)


def _taken(base: sets.SeedSet, name: str, value: Any) -> Any:
    """The value as the knob holds it, which may refuse it."""
    config, _ = knobs.parse([*base.arguments, *sets.words({name: value})])
    return knobs.flat(config)[name]
