"""Trains on the hosts of a list, which are reached by ssh from this machine."""

from __future__ import annotations

import dataclasses
import os
import sys

from launch import horovodrun
from launch.errors import LaunchError, UsageError
from launch.hostfile import allot, read_hosts
from launch.preflight import check_hosts
from launch.ssh import is_here
from launch.supervisor import Job, supervise
from launch.training import RESUME, Training

# What ranks and horovodrun's own ssh may need of this process's environment. horovodrun writes all it has into the
# command lines of every host, for anyone there to read.
_PASSED = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "SSH_AUTH_SOCK", "LD_LIBRARY_PATH")
_PASSED_BEGINNINGS = (
    *("LC_", "PYTHON", "OMP_", "KMP_", "MXNET_", "HOROVOD_", "GLOO_", "NCCL_", "CUDA_", "NER_"),
    # Of the services of train.track, which rank 0 speaks to.
    *("MLFLOW_", "WANDB_", "HTTP_", "HTTPS_", "NO_PROXY", "http_", "https_", "no_proxy"),
)


@dataclasses.dataclass
class Ssh:
    """Ranks of several hosts."""

    hosts: str = ""
    """File with a line `name slots=N` a host, N being the ranks it can take; rank 0 is on the first."""
    np: int = 0
    """Ranks to start, on the first hosts first, not more than there are shards; 0: one for each slot."""
    interface: str = ""
    """Network interface over which the hosts speak, such as eth0; without it horovodrun finds one that they share."""
    restarts: int = 0
    """How often to start a job again that died, from its last checkpoint, if it has saved a new one since it began."""
    dry_run: bool = False
    """Show the command, look at no host and start nothing."""


def run(options: Ssh, training: Training) -> int:
    """Returns the exit code of the training. Raises UserError for what stands in the way of a start, on any host."""
    if not options.hosts:
        raise UsageError("ssh needs the list of hosts: --hosts FILE, with lines as in launch/hosts.example")
    horovodrun.check_restarts(options.restarts)
    listed = read_hosts(options.hosts)
    num_ranks = options.np or sum(host.slots for host in listed)
    horovodrun.check_ranks(num_ranks, training)
    hosts = allot(listed, num_ranks)
    interface = ["--network-interface", options.interface] if options.interface else []
    command = horovodrun.train_command(hosts, training, interface)
    variables = {name: value for name, value in horovodrun.environment().items() if _is_passed(name)}
    if options.dry_run:
        print(horovodrun.shown(command, variables))
        return 0
    if not horovodrun.takes_directory(os.getcwd()):
        raise LaunchError(
            f"the current directory is {os.getcwd()!r}, which horovodrun cannot take to other hosts for its spaces or "
            "quotes; move the project to a path without any"
        )
    check_hosts(hosts, training.config.data.shards)
    first = None if is_here(hosts[0].name) else hosts[0].name
    of_ranks = tuple(host.name for host in hosts for _ in range(host.slots))
    job = Job(command, RESUME, variables, training.run, first, of_ranks)
    return supervise(job, options.restarts, lambda text: print(f"launch: {text}", file=sys.stderr, flush=True))


def _is_passed(name: str) -> bool:
    return name in _PASSED or name.startswith(_PASSED_BEGINNINGS)
