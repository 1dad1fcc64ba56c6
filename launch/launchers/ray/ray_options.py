"""Trains in a Ray cluster: options, and the start."""

from __future__ import annotations

import dataclasses

from launch.job.seats.seated_launch import launch_seated
from launch.job.training_command import TrainingRequest


@dataclasses.dataclass
class RayOptions:
    """Ranks as tasks of a Ray cluster."""

    np: int = 0
    """Ranks to start, at most one a shard. Required."""
    address: str = ""
    """The cluster, as Ray knows it: HOST:PORT or ray://HOST:PORT. By default RAY_ADDRESS, or the one that this
    machine belongs to."""
    cpus_per_rank: int = 1
    """Cores that Ray sets aside for each rank, and threads that it uses."""
    gpus_per_rank: int = 0
    """GPUs that Ray sets aside for each rank, 0 or 1."""
    interface: str = ""
    """Network interface between the hosts, for example eth0; by default the one towards this machine."""
    wait_seconds: float = 600.0
    """How long to wait until the cluster has room for all ranks at once."""
    restarts: int = 0
    """Times to restart a job that died, from its last checkpoint, unless it ends in the same error twice."""
    dry_run: bool = False
    """Show the command, ask no cluster and start nothing."""


def launch(options: RayOptions, training: TrainingRequest) -> int:
    """Returns the exit code of the training. Raises UserError for what prevents the start."""
    own = {"address": options.address}
    return launch_seated("ray", "launch.launchers.ray.ray_job", "ray", options, own, training)
