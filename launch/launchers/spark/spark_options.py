"""Trains in a Spark cluster: options, and the start."""

from __future__ import annotations

import dataclasses

from launch.job.seats.seated_launch import launch_seated
from launch.job.training_command import TrainingRequest
from launch.launch_errors import UsageError


@dataclasses.dataclass
class SparkOptions:
    """Ranks as barrier tasks of a Spark application."""

    np: int = 0
    """Ranks to start, at most one a shard. Required."""
    master: str = ""
    """The cluster, as Spark knows it: spark://HOST:PORT, yarn, k8s://... or local[2]. By default that of Spark's own
    configuration (SPARK_CONF_DIR)."""
    conf: list[str] = dataclasses.field(default_factory=list)
    """More of Spark's configuration: '[spark.executor.memoryOverhead=4g, spark.yarn.queue=ner]'."""
    cpus_per_rank: int = 1
    """Cores that Spark sets aside for each rank, and threads that it uses."""
    gpus_per_rank: int = 0
    """GPUs that Spark sets aside for each rank, 0 or 1; its executors must have been configured with some."""
    interface: str = ""
    """Network interface between the hosts, for example eth0; by default the one towards this machine."""
    wait_seconds: float = 600.0
    """How long to wait until the cluster has room for all ranks at once."""
    restarts: int = 0
    """Times to restart a job that died, from its last checkpoint, unless it ends in the same error twice."""
    dry_run: bool = False
    """Show the command, ask no cluster and start nothing."""


def launch(options: SparkOptions, training: TrainingRequest) -> int:
    """Returns the exit code of the training. Raises UserError for what prevents the start."""
    for setting in options.conf:
        if not setting.startswith("spark.") or "=" not in setting:
            raise UsageError(f"--conf has {setting!r}, expected NAME=VALUE, such as spark.app.name=ner")
    if options.master.startswith("sc://"):
        raise UsageError(
            f"--master {options.master} is Spark Connect, which has no barrier tasks; name the cluster itself, for "
            "example spark://HOST:7077"
        )
    own = {"master": options.master, "conf": options.conf}
    return launch_seated("spark", "launch.launchers.spark.spark_job", "pyspark", options, own, training)
