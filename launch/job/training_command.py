"""The training of a job: its arguments, checked before anything is started or queued, and the horovodrun command."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import socket
import sys
from pathlib import Path
from typing import NamedTuple

from launch.launch_errors import LaunchError
from launch.remote_hosts.hostfile import Host
from ner_dist import config as knobs
from ner_dist.config import Config
from ner_dist.config.knobs import each
from ner_dist.ranks import python_environment
from ner_dist.stores.addresses import Address, path_or_address

RESUME = ["--train.resume", "true"]
# Times train.hang_seconds: other ranks have by then ended one that is stopped, if there are any.
_STOPPED_FACTOR = 4
# Variables that make a process a rank. A launcher is none, even if a rank has started it.
_RANK_VARIABLES = {f"HOROVOD_{x}{y}" for x in ("", "LOCAL_", "CROSS_") for y in ("RANK", "SIZE")}


class TrainingRequest(NamedTuple):
    # Of `python -m ner_dist.train`; --run is always among them.
    arguments: list[str]
    config: Config
    # Name of the job file, without its ending.
    job: str

    @property
    def places(self) -> list[str]:
        """The paths and addresses that its knobs name, also those of its job file."""
        return [value for _, knob, value in each(self.config) if knob.metadata.get("is_path") and value]

    @property
    def run(self) -> Path | Address:
        assert self.config.run is not None
        return path_or_address(self.config.run, "--run")

    def run_directory(self, launcher: str) -> Path:
        """Raises LaunchError if the run is at an address, where this launcher's jobs do not look for its files."""
        if isinstance(self.run, Address):
            raise LaunchError(
                f"{launcher}: --run is {self.run}, expected a directory on the file system of the job, because its "
                "restarts look for checkpoints there"
            )
        return self.run


def check_training(arguments: list[str]) -> TrainingRequest:
    """Parse the arguments of `python -m ner_dist.train`, and name the run so that a restart finds its directory.

    Raises ConfigError for a wrong knob; --help exits.
    """
    config, job = knobs.parse(arguments)
    # An empty name counts as none, as in training.
    if not config.run:
        # Late, because it imports TensorBoard.
        from ner_dist.run.run_directory import fresh_name

        config.run = fresh_name(job)
        arguments = [*arguments, "--run", config.run]
    return TrainingRequest(arguments, config, job)


def num_shards(training: TrainingRequest) -> int:
    """Shards of the training split, which is also the largest number of ranks. Raises UserError if there are none."""
    # Late, because it imports pyarrow.
    from ner_dist.contract.shard_format import read_index
    from ner_dist.contract.shard_place import shard_folder

    shards = training.config.data.shards
    splits = read_index(shard_folder(shards)).splits
    if "train" not in splits:
        raise LaunchError(f"{shards}: has no train split, which training needs; rebuild the shards")
    return len(splits["train"])


def train_command(hosts: list[Host], training: TrainingRequest, options: list[str]) -> list[str]:
    """The command that trains on all slots of these hosts. options: more of horovodrun's.

    Raises LaunchError if Horovod is not installed.
    """
    num_ranks, slots = sum(host.slots for host in hosts), ",".join(f"{host.name}:{host.slots}" for host in hosts)
    return _command(["-np", str(num_ranks), "-H", slots, *options], training)


def elastic_command(discover: str, least: int, most: int, training: TrainingRequest, options: list[str]) -> list[str]:
    """The command that trains on the hosts that the command discover prints, with as many ranks as there is room for.

    Raises LaunchError if Horovod is not installed.
    """
    numbers = ["-np", str(least), "--min-np", str(least), "--max-np", str(most)]
    return _command([*numbers, "--host-discovery-script", discover, *options], training)


def _command(options: list[str], training: TrainingRequest) -> list[str]:
    if importlib.util.find_spec("horovod") is None:
        raise LaunchError(f"{sys.executable} has no Horovod; run `make setup`")
    times = ["--grace-seconds", f"{grace_seconds(training):g}"]
    if stopped_s := stopped_seconds(training):
        times += ["--stopped-seconds", f"{stopped_s:g}"]
    return [sys.executable, "-m", "launch.job.horovodrun", *times, *options, *rank_command(training)]


def rank_command(training: TrainingRequest) -> list[str]:
    """The command of one rank."""
    return [sys.executable, "-m", "ner_dist.train", *training.arguments]


def grace_seconds(training: TrainingRequest) -> float:
    """Seconds that ranks have to save when a signal asks them to end."""
    return float(training.config.train.grace_seconds)


def stopped_seconds(training: TrainingRequest) -> float:
    """Seconds after which a rank that is stopped, as by SIGSTOP, is ended; 0: never."""
    return float(_STOPPED_FACTOR * training.config.train.hang_seconds)


def check_numbers(num_ranks: int, restarts: int, training: TrainingRequest, least: int = 0) -> None:
    """Raises LaunchError, also for more ranks than shards, because a rank without a shard would have no work."""
    if restarts < 0:
        raise LaunchError(f"--restarts is {restarts}, expected 0 or more")
    if num_ranks < 1:
        raise LaunchError(f"--np is {num_ranks}, expected 1 rank or more")
    if not 0 <= least <= num_ranks:
        raise LaunchError(f"--min-np is {least}, expected 1 to {num_ranks}, the number of ranks, or 0 for all of them")
    shards = num_shards(training)
    if num_ranks > shards:
        raise LaunchError(
            f"{num_ranks} ranks are more than the {shards} shards of {training.config.data.shards}, and each needs one "
            f"of its own; use --np {shards}, or build the shards with --num-shards {num_ranks}"
        )


def check_elastic(elastic: bool, most: int, discover: str) -> None:
    """Raises LaunchError for options of elastic jobs without --elastic."""
    given = [name for name, value in (("--max-np", most), ("--discover", discover)) if value]
    if given and not elastic:
        raise LaunchError(f"{given[0]} is for elastic jobs; add --elastic")


def check_own_name() -> None:
    """Raises LaunchError if this machine's own name does not resolve, which Gloo needs even on one machine."""
    name = socket.gethostname()
    try:
        socket.gethostbyname(name)
    except OSError as error:
        raise LaunchError(
            f"this machine's own name {name} does not resolve, which Gloo needs; add `127.0.0.1 {name}` to /etc/hosts"
        ) from error


def accepts_directory(path: str) -> bool:
    """Whether horovodrun can change to a directory on other hosts, which it does without quoting it."""
    return re.fullmatch(r"/[\w./+,:@=-]*", path) is not None


def environment() -> dict[str, str]:
    """Environment variables for horovodrun: this process's own, and what this environment's Python needs."""
    own = {name: value for name, value in os.environ.items() if name not in _RANK_VARIABLES}
    return {**own, **python_environment.variables()}


def as_shell(command: list[str], variables: dict[str, str]) -> str:
    """A command as one types it in a shell, with the variables that this process does not have itself."""
    more = [f"{name}={value}" for name, value in variables.items() if os.environ.get(name) != value]
    return shlex.join([*(["env", *more] if more else []), *command])
