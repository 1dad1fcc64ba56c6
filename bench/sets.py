"""A set of runs: the same knobs at several seeds, trained once each, continued if interrupted, read when through."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from bench.processes import interruptible
from bench.training import Ended, Epoch, Layout, Trainings, epochs, log_path
from ner_dist import config as knobs
from ner_dist.config import Config, ConfigError
from ner_dist.contract.shard_format import Index, read_index
from ner_dist.errors import UserError

# Knobs that leave the scores as they are.
STEERING = knobs.RESUMABLE - {"train.epochs", "train.patience"} | {"train.score_test"}
# Set by whoever starts the runs.
_OURS = ("config", "run", "train.seed", "train.resume")


class SeedSet(NamedTuple):
    """What is to be trained; run(seed) is where."""

    name: str
    job: str
    arguments: list[str]
    # As the first seed has it.
    config: Config
    shards: Index
    seeds: range
    folder: Path

    def run(self, seed: int) -> Path:
        return self.folder / f"{self.name}-seed{seed}"

    @property
    def scores_test(self) -> bool:
        return bool(knobs.flat(self.config).get("train.score_test", True)) and "test" in self.shards.splits

    @property
    def identity(self) -> dict[str, Any]:
        """The knobs that decide the scores, but for the seed."""
        return {name: value for name, value in decisive(self.config).items() if name != "train.seed"}


def seed_set(job: Path, more: list[str], seeds: range, folder: Path, name: str | None = None) -> SeedSet:
    """The set of a job file and further words of a command line; the runs' name is the job's if none is given.

    Raises UserError for a knob, a job or shards that are wrong.
    """
    for word in more:
        if word.split("=")[0].removeprefix("--") in _OURS:
            raise UserError(f"{word.split('=')[0]} is set for each run by itself; leave it out")
    arguments = ["--config", str(job), *more]
    config, stem = knobs.parse([*arguments, "--train.seed", str(seeds.start)])
    return SeedSet(name or stem, stem, arguments, config, read_index(config.data.shards), seeds, folder)


def words(values: Mapping[str, Any]) -> list[str]:
    """Knobs by their dotted names as words of a command line."""
    return [
        word
        for name, value in values.items()
        for word in (f"--{name}", value if isinstance(value, str) else json.dumps(value))
    ]


def decisive(config: Config) -> dict[str, Any]:
    """The knobs that decide the scores."""
    return {name: value for name, value in knobs.flat(config).items() if name not in STEERING}


def is_through(seeds: SeedSet, seed: int) -> bool:
    """Whether a run has its result. Raises UserError if its directory holds a run with other knobs or of other data."""
    run = seeds.run(seed)
    # A run that never came to a checkpoint has nothing to lose: it begins anew.
    if (run / "result.json").is_file() or any((run / "checkpoints").glob("last*")):
        try:
            found = decisive(knobs.from_dict(yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))))
        except (OSError, ConfigError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise UserError(f"{run} holds a run whose config.yaml cannot be read ({error}); remove {run}") from error
        wanted = {**decisive(seeds.config), "train.seed": seed}
        changed = [
            f"{name} {found[name]}, not {value}" for name, value in wanted.items() if found.get(name, value) != value
        ]
        if changed:
            raise UserError(
                f"{run} holds a run with other knobs ({', '.join(changed)}); remove it, or name the new runs otherwise"
            )
    if not (run / "result.json").is_file():
        return False
    result = read_result(run)
    if result["shards"] != seeds.shards.fingerprint():
        raise UserError(
            f"{run} was trained on other shards than those in {seeds.config.data.shards}; remove it, "
            "or name the new runs otherwise"
        )
    # A run that was not to score test needs only that, which resuming does.
    return "test" in result or not seeds.scores_test


def read_result(run: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((run / "result.json").read_text(encoding="utf-8"))
    return result


def minutes(seeds: SeedSet, seed: int) -> float:
    """How long a run trained and scored dev, in minutes, without start, test and interruptions."""
    run = seeds.run(seed)
    result = read_result(run)
    trained_tokens = sum(seeds.shards.num_tokens(split) for split in seeds.config.data.train_on.split("+"))
    seconds = result["epochs"] * trained_tokens / result["tokens_per_second"]
    path = run / "metrics.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        seconds += json.loads(line).get("scoring_seconds", 0.0)
    return seconds / 60


def train(sets: list[SeedSet], layout: Layout) -> None:
    """Train what is not through of the sets, in order, and say how it goes.

    Raises UserError before anything is begun if a run's directory holds another run, and at the end if runs failed.
    """
    everything = [(seeds, seed) for seeds in sets for seed in seeds.seeds]
    waiting = []
    for seeds, seed in everything:
        if is_through(seeds, seed):
            print(f"{seeds.run(seed)}: there already, {_scores(seeds.run(seed))}", flush=True)
        else:
            waiting.append((seeds, seed))
    waiting.reverse()
    of_run = {seeds.run(seed): (seeds, seed) for seeds, seed in everything}
    failed = []
    with interruptible(), Trainings(layout) as trainings:
        while waiting or trainings.running:
            while waiting and trainings.has_room:
                seeds, seed = waiting.pop()
                run = seeds.run(seed)
                done = len(epochs(run))
                trainings.start(run, [*seeds.arguments, "--train.seed", str(seed)])
                print(f"{run}: {f'continued after epoch {done}' if done else 'begun'}", flush=True)
            for event in trainings.wait():
                _tell(event, *of_run[event.run])
                if isinstance(event, Ended) and event.problem is not None:
                    failed.append(event.run)
    if failed:
        names = ", ".join(map(str, failed))
        raise UserError(f"{len(failed)} of {len(everything)} runs failed: {names}; nothing was recorded, see above")


def _tell(event: Epoch | Ended, seeds: SeedSet, seed: int) -> None:
    if isinstance(event, Epoch):
        of = seeds.config.train.epochs
        print(f"{event.run}: epoch {event.number}/{of}  dev F1 {100 * event.dev_f1:.2f}", flush=True)
    elif event.problem is not None:
        print(f"{event.run}: FAILED, {event.problem}; its output: {log_path(event.run)}", flush=True)
    else:
        print(f"{event.run}: {_scores(event.run)}, {minutes(seeds, seed):.1f} minutes", flush=True)


def _scores(run: Path) -> str:
    result = read_result(run)
    parts = [
        f"{split} entity F1 {100 * result[split]['entity']['f1']:.2f}" for split in ("dev", "test") if split in result
    ]
    return "  ".join(parts)
