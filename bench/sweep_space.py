"""What a sweep searches: the file that declares it, checked against the knobs of training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench import seed_sets
from bench.command_line import knobs_in, read_yaml
from ner_dist import config as knobs
from ner_dist.errors import UserError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

# Optuna's classes by the names in a file.
SAMPLERS = {"tpe": "TPESampler", "random": "RandomSampler"}
_PRUNERS = ("median", "halving", "hyperband", "none")
_NAMES = {"job", "trials", "budget", "epochs", "min_epochs", "seed", "sampler", "pruner", "knobs", "ranges"}
# Numbers and their defaults.
_COUNTS = {"trials": 20, "budget": 0, "min_epochs": 1, "seed": 1}
_BOUNDS, _CHOICE = {"low", "high", "step", "log"}, {"values"}
_SHAPE = "{low: ..., high: ...}, with log: true or step: ..., or {values: [...]}"
# Declared elsewhere in the file, or would make trials incomparable.
_FIXED = {"run", "data.shards", "data.train_on", "train.seed", "train.epochs", "train.resume", "train.score_test"}


class Sweep(NamedTuple):
    name: str
    job: Path
    # The sweep ends with this many trials, or once they have trained this many epochs together (0: no limit).
    trials: int
    budget: int
    # Of a trial that is not pruned; no trial is pruned before min_epochs.
    epochs: int
    min_epochs: int
    # For sampling and for each training.
    seed: int
    sampler: str
    pruner: str
    knobs: dict[str, Any]
    # By knob; those of a choice are JSON, because Optuna cannot store lists and mappings.
    ranges: dict[str, BaseDistribution]
    # The job with its fixed knobs.
    base: seed_sets.SeedSet

    def run(self, number: int) -> Path:
        return self.base.folder / f"trial-{number}"

    def arguments(self, params: dict[str, Any]) -> list[str]:
        return [*self.base.arguments, "--train.seed", str(self.seed), *seed_sets.as_arguments(params)]

    def declared(self) -> dict[str, Any]:
        """What may not change when a sweep is continued."""
        record = {name: getattr(self, name) for name in ("seed", "sampler", "pruner", "min_epochs")}
        record["ranges"] = {name: repr(found) for name, found in self.ranges.items()}
        record["knobs"] = seed_sets.without_defaults(self.base.identity)
        record["shards"] = self.base.shards.fingerprint()
        # As it is read back from the disk.
        return json.loads(json.dumps(record))


def decoded(params: dict[str, Any]) -> dict[str, Any]:
    """The knobs of a trial's parameters: a choice is JSON, a number itself."""
    return {name: json.loads(value) if isinstance(value, str) else value for name, value in params.items()}


def read_sweep(path: Path) -> Sweep:
    """The sweep that a file declares; needs Optuna. Raises UserError that names the file and the mistake in it."""
    content = read_yaml(path, _NAMES)
    try:
        base = _base(content, path.stem)
        ranges = {name: _range(base, name, found) for name, found in knobs_in(content, "ranges").items()}
        if not ranges:
            raise UserError(f"ranges is empty, expected section.knob: {_SHAPE}")
        return Sweep(
            name=path.stem,
            job=Path(content["job"]),
            epochs=base.config.train.epochs,
            **{name: _count(content, name, default) for name, default in _COUNTS.items()},
            sampler=_one_of(content, "sampler", tuple(SAMPLERS)),
            pruner=_one_of(content, "pruner", _PRUNERS),
            knobs=knobs_in(content, "knobs"),
            ranges=ranges,
            base=base,
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _base(content: dict[str, Any], name: str) -> seed_sets.SeedSet:
    """The job with the knobs that all trials share."""
    if not isinstance(content.get("job"), str):
        raise UserError(f"job is {content.get('job')}, expected the path of a job file")
    fixed = knobs_in(content, "knobs")
    ours = {"train.score_test": False, **({"train.epochs": content["epochs"]} if "epochs" in content else {})}
    clash = sorted(set(fixed) & set(ours))
    if clash:
        raise UserError(f"{clash[0]} is under knobs, but a sweep sets it by itself (epochs: N)")
    folder = Path("runs") / "sweeps" / name
    base = seed_sets.seed_set(Path(content["job"]), seed_sets.as_arguments({**fixed, **ours}), range(1, 2), folder)
    if base.config.data.train_on != "train":
        raise UserError(f"the job trains on {base.config.data.train_on}, which leaves no dev to choose by")
    return base


def _one_of(content: dict[str, Any], name: str, known: tuple[str, ...]) -> Any:
    value = content.get(name, known[0])
    if value not in known:
        raise UserError(f"{name} is {value}, expected one of {', '.join(known)}")
    return value


def _count(content: dict[str, Any], name: str, default: int) -> int:
    value = content.get(name, default)
    if type(value) is not int or value < min(default, 1):
        raise UserError(f"{name} is {value}, expected a whole number above 0")
    return value


def _range(base: seed_sets.SeedSet, name: str, found: Any) -> BaseDistribution:
    """A range whose bounds or values the knob has all accepted."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if name in _FIXED:
        raise UserError(f"ranges: {name} cannot be swept: trials would be incomparable, or the file sets it elsewhere")
    if not isinstance(found, dict) or not (set(found) <= _CHOICE or {"low", "high"} <= set(found) <= _BOUNDS):
        raise UserError(f"ranges: {name} is {found}, expected {_SHAPE}")
    if set(found) <= _CHOICE:
        values = found.get("values")
        if not isinstance(values, list) or not values:
            raise UserError(f"ranges: {name} has no values, expected {{values: [one, another]}}")
        return CategoricalDistribution([json.dumps(_accepted(base, name, value), sort_keys=True) for value in values])
    low, high = _accepted(base, name, found["low"]), _accepted(base, name, found["high"])
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
    return IntDistribution(low, high, log, step or 1) if whole else FloatDistribution(low, high, log, step)


def _accepted(base: seed_sets.SeedSet, name: str, value: Any) -> Any:
    """The value as the knob holds it. Raises UserError if the knob refuses it."""
    config, _ = knobs.parse([*base.arguments, *seed_sets.as_arguments({name: value})])
    return knobs.flat(config)[name]
