"""Trains on ranks of this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import os

from launch.job import training_command
from launch.job.supervisor import LaunchedJob, supervise
from launch.job.training_command import TrainingRequest, num_shards
from launch.launch_errors import LaunchError
from launch.remote_hosts.hostfile import Host
from ner_dist.ranks import python_environment
from ner_dist.ranks.gpu import DriverError, devices, verdict


@dataclasses.dataclass
class LocalOptions:
    """Ranks of this machine."""

    np: int = 0
    """Ranks to start, at most one a shard. 0: one per usable GPU, without GPUs one per core, as far as there are
    shards."""
    restarts: int = 0
    """Times to restart a job that died, from its last checkpoint, unless it ends in the same error twice."""
    min_np: int = 0
    """Fewest ranks to go on with, of an elastic job; all ranks of a job that is not are on this machine. 0: --np."""
    elastic: bool = False
    """Let ranks come and go: when one is lost the others go on at once, and a new one joins them."""
    max_np: int = 0
    """Most ranks of an elastic job. 0: --np, or the number that it stands for."""
    discover: str = ""
    """Command that prints the hosts of an elastic job, a line NAME:SLOTS for each; run again and again. By default,
    this machine has room for --max-np ranks."""
    dry_run: bool = False
    """Show the command and start nothing."""


def launch(options: LocalOptions, training: TrainingRequest) -> int:
    """Returns the exit code of the training. Raises UserError for what prevents the start."""
    num_ranks = options.max_np or options.np or default_ranks(training)
    training_command.check_numbers(num_ranks, options.restarts, training, options.min_np)
    training_command.check_elastic(options.elastic, options.max_np, options.discover)
    if options.elastic:
        discover = options.discover or f"echo localhost:{num_ranks}"
        only_here = ["--network-interface", "lo"]
        command = training_command.elastic_command(discover, options.min_np or 1, num_ranks, training, only_here)
    else:
        command = training_command.train_command([Host("localhost", num_ranks)], training, [])
    variables = training_command.environment()
    if options.dry_run:
        print(training_command.as_shell(command, variables))
        return 0
    complaint = python_environment.complaint_of_machine()
    if complaint is not None:
        raise LaunchError(complaint)
    training_command.check_own_name()
    grace_s = training_command.grace_seconds(training)
    return supervise(LaunchedJob(command, variables, training.run, grace_s=grace_s), options.restarts)


def default_ranks(training: TrainingRequest) -> int:
    """One rank per usable GPU, else one per core that this process may use; at most one a shard."""
    gpus = 0
    if training.config.train.device != "cpu":
        # Having no driver is usual; if a GPU was asked for, the ranks report what is wrong with the driver.
        with contextlib.suppress(DriverError):
            gpus = sum(verdict(gpu) is None for gpu in devices())
    return min(gpus or len(os.sched_getaffinity(0)), num_shards(training))
