"""Starts a job in a cluster of the user's, supervised: what launchers for clusters share."""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import Any, Protocol

from launch.job import training_command
from launch.job.seats.seated_request import SeatedRequest
from launch.job.supervisor import LaunchedJob, supervise
from launch.job.training_command import TrainingRequest
from launch.launch_errors import LaunchError, UsageError


class SeatedOptions(Protocol):
    """Options that all clusters have."""

    np: int
    cpus_per_rank: int
    gpus_per_rank: int
    interface: str
    wait_seconds: float
    restarts: int
    dry_run: bool


def launch_seated(
    name: str, module: str, package: str, options: SeatedOptions, own: dict[str, Any], training: TrainingRequest
) -> int:
    """Returns the exit code of the training. Raises UserError for what prevents the start.

    name: of the launcher. module: runs one attempt of the job. package: what it needs, an extra of the same name as
    the launcher. own: the options of this kind of cluster.
    """
    _check(name, options, training)
    request = SeatedRequest(
        num_ranks=options.np,
        cpus_per_rank=options.cpus_per_rank,
        gpus_per_rank=options.gpus_per_rank,
        options=own,
        interface=options.interface,
        wait_s=options.wait_seconds,
        grace_s=training_command.grace_seconds(training),
        stopped_s=training_command.stopped_seconds(training),
        shards=str(training.config.data.shards),
        run=str(training.run),
        places=training.places,
    )
    command = [sys.executable, "-m", module, json.dumps(request._asdict()), *training_command.rank_command(training)]
    variables = training_command.environment()
    if options.dry_run:
        print(training_command.as_shell(command, variables))
        return 0
    missing = [each for each in (package, "horovod") if importlib.util.find_spec(each) is None]
    if missing:
        fix = "`make setup`" if missing == ["horovod"] else f"`pip install 'ner-dist[{name}]' -c constraints.txt`"
        raise LaunchError(f"{sys.executable} has no {missing[0]}; run {fix}")
    return supervise(LaunchedJob(command, variables, training.run, grace_s=request.grace_s), options.restarts)


def _check(name: str, options: SeatedOptions, training: TrainingRequest) -> None:
    if not options.np:
        raise UsageError(f"{name} needs the number of ranks to start: --np 2")
    training_command.check_numbers(options.np, options.restarts, training)
    if options.cpus_per_rank < 1:
        raise UsageError(f"--cpus-per-rank is {options.cpus_per_rank}, expected 1 or more")
    if options.gpus_per_rank not in (0, 1):
        raise UsageError(f"--gpus-per-rank is {options.gpus_per_rank}, expected 0 or 1, since a rank computes on one")
    if training.config.train.device == "gpu" and not options.gpus_per_rank:
        raise UsageError("--train.device gpu needs a GPU for each rank: --gpus-per-rank 1")
    if not 0 < options.wait_seconds < float("inf"):
        raise UsageError(f"--wait-seconds is {options.wait_seconds:g}, expected more than 0")
