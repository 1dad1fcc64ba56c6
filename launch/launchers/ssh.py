"""Trains on the hosts of a list, which are reached by ssh from this machine."""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys

from launch.job import training_command
from launch.job.host_choice import hosts_for_restart
from launch.job.host_discovery import hosts_of
from launch.job.passed_variables import passed_variables
from launch.job.supervisor import LaunchedJob, supervise
from launch.job.training_command import TrainingRequest
from launch.launch_errors import LaunchError, UsageError
from launch.remote_hosts.hostfile import Host, allot, read_hosts
from launch.remote_hosts.preflight import check_hosts
from launch.remote_hosts.ssh_client import is_here
from ner_dist.stores.addresses import Address

# Variables that ssh and a shell may need, besides those of ranks.
_OWN = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "SSH_AUTH_SOCK", "LD_LIBRARY_PATH"}


@dataclasses.dataclass
class SshOptions:
    """Ranks of several hosts."""

    hosts: str = ""
    """File with a line `name slots=N` for each host, where N is the ranks it can take; rank 0 is on the first host."""
    np: int = 0
    """Ranks to start, filling the hosts in order, at most one a shard. 0: one per slot."""
    interface: str = ""
    """Network interface between the hosts, for example eth0; by default the one towards this machine."""
    restarts: int = 0
    """Times to restart a job that died, from its last checkpoint, unless it ends in the same error twice."""
    min_np: int = 0
    """Fewest ranks to restart with if hosts stay away; those that come back take part in the next restart. 0: --np."""
    elastic: bool = False
    """Let ranks come and go: when a host is lost the others go on at once, and those that come back join them. All
    hosts must share the file system of the run."""
    max_np: int = 0
    """Most ranks of an elastic job. 0: --np."""
    discover: str = ""
    """Command that prints the hosts of an elastic job, a line NAME:SLOTS for each; run again and again. By default,
    those of --hosts, which is read again when it changes."""
    dry_run: bool = False
    """Show the command, check no host and start nothing."""


def launch(options: SshOptions, training: TrainingRequest) -> int:
    """Returns the exit code of the training. Raises UserError for what prevents the start, on any host."""
    listed = _listed(options)
    num_ranks = options.max_np or options.np or sum(host.slots for host in listed)
    training_command.check_numbers(num_ranks, options.restarts, training, options.min_np)
    training_command.check_elastic(options.elastic, options.max_np, options.discover)
    hosts = listed if options.elastic else allot(listed, num_ranks)
    interface = ["--network-interface", options.interface] if options.interface else []
    command = _command(options, hosts, num_ranks, training, interface)
    variables = _variables(training)
    if options.dry_run:
        print(training_command.as_shell(command, variables))
        return 0
    if not training_command.accepts_directory(os.getcwd()):
        raise LaunchError(
            f"the current directory is {os.getcwd()!r}, whose spaces or quotes horovodrun cannot pass to other hosts; "
            "move the project to a path without them"
        )
    if options.elastic:
        # Those that do not answer may join later.
        hosts = hosts_for_restart(listed, num_ranks, options.min_np or 1, None)
    check_hosts(hosts, training.config.data.shards)

    def job_on(hosts: list[Host]) -> LaunchedJob:
        command = _command(options, hosts, num_ranks, training, interface)
        first = None if is_here(hosts[0].name) else hosts[0].name
        return LaunchedJob(command, variables, training.run, first, training_command.grace_seconds(training), again)

    # A checkpoint at an address is to be read from any host.
    directory = None if isinstance(training.run, Address) else training.run
    least = options.min_np or (1 if options.elastic else num_ranks)

    def again(saved: bool) -> LaunchedJob:
        return job_on(hosts_for_restart(_listed(options), num_ranks, least, directory if saved else None))

    return supervise(job_on(hosts), options.restarts)


def _listed(options: SshOptions) -> list[Host]:
    """The hosts that there are now."""
    if options.discover:
        try:
            return [Host(name, slots) for name, slots in hosts_of(options.discover).items() if slots]
        except (OSError, ValueError) as error:
            raise LaunchError(str(error)) from error
    if not options.hosts:
        raise UsageError("ssh needs the list of hosts: --hosts FILE, with lines as in launch/hosts.example")
    return read_hosts(options.hosts)


def _command(
    options: SshOptions, hosts: list[Host], num_ranks: int, training: TrainingRequest, interface: list[str]
) -> list[str]:
    if not options.elastic:
        return training_command.train_command(hosts, training, interface)
    of_file = shlex.join([sys.executable, "-m", "launch.remote_hosts.hostfile", options.hosts])
    discover = options.discover or of_file
    return training_command.elastic_command(discover, options.min_np or 1, num_ranks, training, interface)


def _variables(training: TrainingRequest) -> dict[str, str]:
    own = training_command.environment()
    more = {name: value for name, value in own.items() if name in _OWN or name.startswith("CUDA_")}
    return {**more, **passed_variables(own, [*training.arguments, *training.places])}
