"""The training that is to be started: its command line, checked before anything is started or queued."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from launch.errors import LaunchError
from ner_dist import config as knobs
from ner_dist.config import Config

RESUME = ["--train.resume", "true"]


class Training(NamedTuple):
    # Of `python -m ner_dist.train`, the run's directory always among them.
    arguments: list[str]
    config: Config
    # The name of the job file, without ending.
    job: str

    @property
    def run(self) -> Path:
        assert self.config.run is not None
        return Path(self.config.run)


def check_training(arguments: list[str]) -> Training:
    """What the arguments of `python -m ner_dist.train` say, with the run's name decided now.

    So a second start goes on in the directory of the first. Raises ConfigError for a wrong knob; --help exits.
    """
    config, job = knobs.parse(arguments)
    # Training, too, takes an empty name for none.
    if not config.run:
        # It brings TensorBoard along, which `--help` need not wait for.
        from ner_dist.run.run_directory import fresh_name

        config.run = fresh_name(job)
        arguments = [*arguments, "--run", config.run]
    return Training(arguments, config, job)


def num_shards(training: Training) -> int:
    """How many shards the training split has, the largest number of ranks. Raises UserError if they are incomplete."""
    # Brings pyarrow along.
    from ner_dist.contract.shard_format import read_index

    shards = training.config.data.shards
    splits = read_index(shards).splits
    if "train" not in splits:
        raise LaunchError(f"{shards}: has no train split, which training needs; rebuild the shards")
    return len(splits["train"])
