"""Trains on ranks of this machine."""

from __future__ import annotations

import dataclasses
import os
import sys

from launch import horovodrun
from launch.errors import LaunchError
from launch.hostfile import Host
from launch.supervisor import Job, supervise
from launch.training import RESUME, Training, num_shards
from ner_dist.ranks import python_environment
from ner_dist.ranks.gpu import DriverError, devices, verdict


@dataclasses.dataclass
class Local:
    """Ranks of this machine."""

    np: int = 0
    """Ranks to start, not more than there are shards; 0: one a usable GPU, without GPUs one a core, as far as there are
    shards for them."""
    restarts: int = 0
    """How often to start a job again that died, from its last checkpoint, if it has saved a new one since it began."""
    dry_run: bool = False
    """Show the command and start nothing."""


def run(options: Local, training: Training) -> int:
    """Returns the exit code of the training. Raises UserError for what stands in the way of a start."""
    horovodrun.check_restarts(options.restarts)
    num_ranks = options.np if options.np != 0 else default_ranks(training)
    horovodrun.check_ranks(num_ranks, training)
    command = horovodrun.train_command([Host("localhost", num_ranks)], training, [])
    variables = horovodrun.environment()
    if options.dry_run:
        print(horovodrun.shown(command, variables))
        return 0
    complaint = python_environment.complaint_of_machine()
    if complaint is not None:
        raise LaunchError(complaint)
    horovodrun.check_own_name()
    job = Job(command, RESUME, variables, training.run)
    return supervise(job, options.restarts, lambda text: print(f"launch: {text}", file=sys.stderr, flush=True))


def default_ranks(training: Training) -> int:
    """One rank a GPU that can be used, else one a core of those this process may use; at most one a shard."""
    gpus = 0
    if training.config.train.device != "cpu":
        try:
            gpus = sum(verdict(gpu) is None for gpu in devices())
        except DriverError:
            # No driver is the ordinary case; ranks themselves say what is wrong with another if a GPU was asked for.
            gpus = 0
    return min(gpus or len(os.sched_getaffinity(0)), num_shards(training))
