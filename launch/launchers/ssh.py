"""Trains on the hosts of a list, which are reached by ssh from this machine."""

from __future__ import annotations

import dataclasses
import os

from launch.job import training_command
from launch.job.supervisor import LaunchedJob, supervise
from launch.job.training_command import TrainingRequest
from launch.launch_errors import LaunchError, UsageError
from launch.remote_hosts.hostfile import allot, read_hosts
from launch.remote_hosts.preflight import check_hosts
from launch.remote_hosts.ssh_client import is_here

# Variables that ranks and horovodrun's own ssh may need. No others are passed, because horovodrun writes all it has
# into the command lines of every host, where anyone can read them.
_PASSED = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "SSH_AUTH_SOCK", "LD_LIBRARY_PATH")
_PASSED_PREFIXES = (
    *("LC_", "PYTHON", "OMP_", "KMP_", "MXNET_", "HOROVOD_", "GLOO_", "NCCL_", "CUDA_", "NER_"),
    # Of the services of train.track, to which rank 0 connects.
    *("MLFLOW_", "WANDB_", "HTTP_", "HTTPS_", "NO_PROXY", "http_", "https_", "no_proxy"),
)


@dataclasses.dataclass
class SshOptions:
    """Ranks of several hosts."""

    hosts: str = ""
    """File with a line `name slots=N` for each host, where N is the ranks it can take; rank 0 is on the first host."""
    np: int = 0
    """Ranks to start, filling the hosts in order, at most one a shard. 0: one per slot."""
    interface: str = ""
    """Network interface between the hosts, for example eth0; by default one that horovodrun finds on all of them."""
    restarts: int = 0
    """Times to restart a job that died, from its last checkpoint, if it saved a new one since its start."""
    dry_run: bool = False
    """Show the command, check no host and start nothing."""


def launch(options: SshOptions, training: TrainingRequest) -> int:
    """Returns the exit code of the training. Raises UserError for what prevents the start, on any host."""
    if not options.hosts:
        raise UsageError("ssh needs the list of hosts: --hosts FILE, with lines as in launch/hosts.example")
    listed = read_hosts(options.hosts)
    num_ranks = options.np or sum(host.slots for host in listed)
    training_command.check_numbers(num_ranks, options.restarts, training)
    hosts = allot(listed, num_ranks)
    interface = ["--network-interface", options.interface] if options.interface else []
    command = training_command.train_command(hosts, training, interface)
    variables = {name: value for name, value in training_command.environment().items() if _is_passed(name)}
    if options.dry_run:
        print(training_command.as_shell(command, variables))
        return 0
    if not training_command.accepts_directory(os.getcwd()):
        raise LaunchError(
            f"the current directory is {os.getcwd()!r}, whose spaces or quotes horovodrun cannot pass to other hosts; "
            "move the project to a path without them"
        )
    check_hosts(hosts, training.config.data.shards)
    first = None if is_here(hosts[0].name) else hosts[0].name
    host_of_rank = tuple(host.name for host in hosts for _ in range(host.slots))
    return supervise(LaunchedJob(command, variables, training.run, first, host_of_rank), options.restarts)


def _is_passed(name: str) -> bool:
    return name in _PASSED or name.startswith(_PASSED_PREFIXES)
