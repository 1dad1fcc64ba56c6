"""A seed set: runs with the same knobs at several seeds, trained once each, continued if interrupted, then read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.child_trainings import EpochScored, Trainings, TrainingsOptions, epochs, log_path
from ner_dist import config as knobs
from ner_dist.cli.options import option
from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, read_index
from ner_dist.contract.shard_place import shard_folder
from ner_dist.errors import UserError
from ner_dist.run import run_records

# Knobs that do not change the scores.
STEERING = knobs.RESUMABLE - {"train.epochs", "train.patience"} | {"train.score_test"}
# Set for each run by whoever starts it.
_RESERVED = ("config", "run", "train.seed", "train.resume")


@dataclasses.dataclass(frozen=True)
class SeedsOptions(TrainingsOptions):
    """The options of a command that trains and records seed sets."""

    seeds: int = option(3, least=1)
    """number of seeds"""
    first: int = option(1, least=1, metavar="SEED")
    """the first seed"""
    command: str = ""
    """command to record (default this one)"""
    results: Path = option(Path("job"), metavar="DIR")
    """folder of RESULTS.md and results.json"""
    no_record: bool = False
    """only show the tables"""

    @property
    def seed_range(self) -> range:
        return range(self.first, self.first + self.seeds)


class SeedSet(NamedTuple):
    """What is to be trained; run(seed) is the directory of a run."""

    name: str
    job: str
    arguments: list[str]
    # With the first seed.
    config: Config
    shards: Index
    seeds: range
    folder: Path

    def run(self, seed: int) -> Path:
        return self.folder / f"{self.name}-seed{seed}"

    @property
    def scores_test(self) -> bool:
        return self.config.train.score_test and "test" in self.shards.splits

    @property
    def identity(self) -> dict[str, Any]:
        """The knobs that decide the scores, without the seed."""
        return {name: value for name, value in decisive(self.config).items() if name != "train.seed"}


def seed_set(job: Path, more: list[str], seeds: range, folder: Path, name: str = "") -> SeedSet:
    """The seed set of a job file with further knobs, given as words of a command line. Raises UserError for mistakes.

    name: of the runs, by default that of the job.
    """
    for word in more:
        if word.split("=")[0].removeprefix("--") in _RESERVED:
            raise UserError(f"{word.split('=')[0]} is set for each run; leave it out")
    arguments = ["--config", str(job), *more]
    config, stem = knobs.parse([*arguments, "--train.seed", str(seeds.start)])
    return SeedSet(name or stem, stem, arguments, config, read_index(shard_folder(config.data.shards)), seeds, folder)


def as_arguments(values: Mapping[str, Any]) -> list[str]:
    """Knobs by their dotted names as words of a command line."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return [word for name, text in texts.items() for word in (f"--{name}", text)]


def without_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs not at their defaults, so that a knob that training has gained since changes nothing."""
    defaults = knobs.flat(knobs.Config())
    return {name: value for name, value in values.items() if value != defaults.get(name)}


def decisive(config: Config) -> dict[str, Any]:
    """The knobs that decide the scores."""
    return {name: value for name, value in knobs.flat(config).items() if name not in STEERING}


def is_complete(seeds: SeedSet, seed: int) -> bool:
    """Whether a run has its result. Raises UserError if its directory holds a run with other knobs or other data."""
    run = seeds.run(seed)
    # A run without a checkpoint has nothing to lose: it starts anew.
    if (run / "result.json").is_file() or any((run / "checkpoints").glob("last*")):
        try:
            found = decisive(knobs.read_stored(run / "config.yaml"))
        except UserError as error:
            raise UserError(f"{run} holds a run whose config.yaml cannot be read ({error}); remove {run}") from error
        wanted = {**decisive(seeds.config), "train.seed": seed}
        pairs = ((name, found.get(name, value), value) for name, value in wanted.items())
        changed = ", ".join(f"{name} {there}, not {value}" for name, there, value in pairs if there != value)
        if changed:
            raise UserError(f"{run} holds a run with other knobs ({changed}); remove it, or choose another name")
    if not (run / "result.json").is_file():
        return False
    result = read_result(run)
    if result["shards"] != seeds.shards.fingerprint():
        shards = seeds.config.data.shards
        raise UserError(f"{run} was trained on other shards than those in {shards}; remove it, or choose another name")
    # A run that did not score test only needs to be resumed for that.
    return "test" in result or not seeds.scores_test


def read_result(run: Path) -> Any:
    return run_records.read_result(run / "result.json")


def minutes(seeds: SeedSet, seed: int) -> float:
    """How many minutes a run trained and scored dev, without its start, test and interruptions."""
    run, result = seeds.run(seed), read_result(seeds.run(seed))
    trained_tokens = sum(seeds.shards.num_tokens(split) for split in seeds.config.data.train_on.split("+"))
    seconds = result["epochs"] * trained_tokens / result["tokens_per_second"]
    return (seconds + sum(epoch.get("scoring_seconds", 0.0) for epoch in epochs(run).values())) / 60


def train(sets: list[SeedSet], options: TrainingsOptions) -> None:
    """Train the incomplete runs of the sets, in order, and print their progress.

    Raises UserError before anything is started if a run's directory holds another run, and at the end if runs failed.
    """
    everything = {seeds.run(seed): (seeds, seed) for seeds in sets for seed in seeds.seeds}
    waiting, failed = [], []
    for run, (seeds, seed) in everything.items():
        if is_complete(seeds, seed):
            print(f"{run}: there already, {_scores(run)}", flush=True)
        else:
            waiting.append(run)
    with Trainings(options) as trainings:
        while waiting or trainings.running:
            while waiting and trainings.has_room:
                run = waiting.pop(0)
                seeds, seed = everything[run]
                done = len(epochs(run))
                trainings.start(run, [*seeds.arguments, "--train.seed", str(seed)])
                print(f"{run}: {f'continued after epoch {done}' if done else 'started'}", flush=True)
            for event in trainings.wait():
                run, (seeds, seed) = event.run, everything[event.run]
                if isinstance(event, EpochScored):
                    last = seeds.config.train.epochs
                    text = f"epoch {event.number}/{last}  dev F1 {100 * event.dev_f1:.2f}"
                elif event.problem is None:
                    text = f"{_scores(run)}, {minutes(seeds, seed):.1f} minutes"
                else:
                    text = f"FAILED, {event.problem}; its output: {log_path(run)}"
                    failed.append(run)
                print(f"{run}: {text}", flush=True)
    if failed:
        names = ", ".join(map(str, failed))
        raise UserError(f"{len(failed)} of {len(everything)} runs failed: {names}; nothing was recorded, see above")


def _scores(run: Path) -> str:
    result = read_result(run)
    found = {split: result[split]["entity"]["f1"] for split in ("dev", "test") if split in result}
    return "  ".join(f"{split} entity F1 {100 * f1:.2f}" for split, f1 in found.items())
