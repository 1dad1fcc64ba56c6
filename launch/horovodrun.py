"""The horovodrun command of a job, and how many ranks it may have."""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
from pathlib import Path

from launch.errors import LaunchError
from launch.hostfile import Host
from launch.training import Training, num_shards
from ner_dist.ranks import python_environment


def horovodrun() -> list[str]:
    """What starts it in this environment. Raises LaunchError if Horovod is not installed."""
    path = Path(sys.executable).parent / "horovodrun"
    if not path.is_file():
        raise LaunchError(f"{path.parent} has no horovodrun, so Horovod is not installed; run `make setup`")
    if python_environment.complaint_of_machine() is not None:
        return [sys.executable, "-m", "launch.without_mxnet"]
    return [str(path)]


def train_command(hosts: list[Host], training: Training, options: list[str]) -> list[str]:
    """The command that trains on the slots of these hosts, all of them.

    options: more of horovodrun's. Horovod would otherwise believe for an hour what it found out about hosts.
    """
    slots = ",".join(f"{host.name}:{host.slots}" for host in hosts)
    ranks = ["-np", str(sum(host.slots for host in hosts)), "-H", slots, "--disable-cache"]
    return [*horovodrun(), *ranks, *options, sys.executable, "-m", "ner_dist.train", *training.arguments]


def check_ranks(num_ranks: int, training: Training) -> None:
    """Raises LaunchError if there are more ranks than shards: one without a shard would have nothing to do."""
    if num_ranks < 1:
        raise LaunchError(f"--np is {num_ranks}, expected 1 rank or more")
    shards = num_shards(training)
    if num_ranks > shards:
        raise LaunchError(
            f"{num_ranks} ranks are more than the {shards} shards of {training.config.data.shards}, and each needs one "
            f"of its own; say --np {shards}, or build the shards with --num-shards {num_ranks}"
        )


def check_restarts(restarts: int) -> None:
    if restarts < 0:
        raise LaunchError(f"--restarts is {restarts}, expected 0 or more")


def check_own_name() -> None:
    """Raises LaunchError if this machine's own name does not resolve, which Gloo needs even on one machine."""
    name = socket.gethostname()
    try:
        socket.gethostbyname(name)
    except OSError as error:
        raise LaunchError(
            f"this machine's own name {name} does not resolve, which Gloo needs; add `127.0.0.1 {name}` to /etc/hosts"
        ) from error


def takes_directory(path: str) -> bool:
    """Whether horovodrun can change to a directory on other hosts, which it does without quoting it."""
    return re.fullmatch(r"/[\w./+,:@=-]*", path) is not None


def environment() -> dict[str, str]:
    """Environment variables for horovodrun: this process's own, and what this environment's Python needs."""
    own = {name: value for name, value in os.environ.items() if name not in _RANKS}
    return {**own, **python_environment.variables()}


# What makes a rank of a process, which a launcher is not, even if a rank has started it.
_RANKS = {f"HOROVOD_{name}" for name in ("RANK", "SIZE", "LOCAL_RANK", "LOCAL_SIZE", "CROSS_RANK", "CROSS_SIZE")}


def shown(command: list[str], variables: dict[str, str]) -> str:
    """A command as a shell would be given it, with what its environment has beyond this process's."""
    more = [f"{name}={value}" for name, value in variables.items() if os.environ.get(name) != value]
    return shlex.join([*(["env", *more] if more else []), *command])
