"""All checks by name, and running those that were asked for. No check stops another.

To add one, write a function of a machine and the options in launch/doctor/checks/ and add a row here; tests/doctor
demands a test that makes it fail and follows its advice.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from launch.doctor.checks import gpus, listed_hosts, machine_resources, mxnet_and_horovod, secrets, software, storage
from launch.doctor.finding import Finding, fail, skip
from launch.doctor.machine import DoctorOptions, Machine
from launch.launch_errors import UsageError
from launch.remote_hosts.ssh_client import is_here

# In the order of the output: what others depend on comes first.
CHECKS: dict[str, Callable[[Machine, DoctorOptions], Finding]] = {
    "python": software.python,
    "venv": software.venv,
    "platform": software.platform,
    "compiler": software.compiler,
    "shadowing": software.shadowing,
    "packages": software.packages,
    "mxnet": mxnet_and_horovod.mxnet,
    "hostname": listed_hosts.hostname,
    "horovod": mxnet_and_horovod.horovod,
    "threads": machine_resources.threads,
    "memory": machine_resources.memory,
    "limits": machine_resources.limits,
    "secrets": secrets.secrets,
    "shards": storage.shards,
    "shards-disk": storage.shards_disk,
    "run-disk": storage.run_disk,
    "gpu-driver": gpus.driver,
    "gpu": gpus.capability,
    "nccl": mxnet_and_horovod.nccl,
    "hostfile": listed_hosts.hostfile,
}
# Made for each host of a list.
HOST_CHECKS: dict[str, Callable[[Machine, DoctorOptions, str], Finding]] = {
    "ssh": listed_hosts.ssh,
    "copy": listed_hosts.copy,
    "name": listed_hosts.own_name,
    "route": listed_hosts.route,
    "clock": listed_hosts.clock,
}
# Checks of hosts at the same time; each is an ssh, and sshd accepts ten connections that have not authenticated.
_AT_ONCE = 8


def planned(machine: Machine, options: DoctorOptions) -> list[tuple[str, Callable[[], Finding]]]:
    """The requested checks by name, ready to be called. Raises UsageError for options that make no sense."""
    if options.np < 1:
        raise UsageError(f"--np is {options.np}, expected 1 rank or more")
    for option, value in (("--shards", options.shards), ("--run", options.run)):
        if not value:
            raise UsageError(f"{option} is empty, expected a directory")
    wanted = options.only or (*CHECKS, *HOST_CHECKS)
    of_hosts = {name: check for name, check in HOST_CHECKS.items() if name in wanted}
    if options.only and of_hosts and options.hosts is None:
        raise UsageError(f"--only {next(iter(of_hosts))} is a check of other hosts; list them with --hosts FILE")
    listed = [host.name for host in options.listed()] if of_hosts else []
    # Without hosts the other checks would be skipped and nothing would fail, so the list itself is checked.
    unread = {"hostfile"} if of_hosts and not listed and options.hosts is not None else set()
    bind = functools.partial
    checks: list[tuple[str, Callable[[], Finding]]] = [
        (name, bind(check, machine, options)) for name, check in CHECKS.items() if name in {*wanted, *unread}
    ]
    for host in listed:
        if is_here(host):
            name = f"{next(iter(of_hosts))} {host}"
            checks.append((name, bind(skip, "is this machine")))
        else:
            checks += [(f"{name} {host}", bind(check, machine, options, host)) for name, check in of_hosts.items()]
    return checks


def run_check(name: str, check: Callable[[], Finding]) -> Finding:
    """What a check finds; a FAIL if the check itself raises an exception."""
    try:
        finding = check()
    except Exception as error:
        found = f"the check itself failed: {type(error).__name__}: {error}".splitlines()[0]
        finding = fail(found, f"python -m launch doctor --only {name.split()[0]} --json   # report this, please")
    return finding._replace(name=name)


def findings(
    machine: Machine, options: DoctorOptions, begins: Callable[[str], object] = lambda name: None
) -> Iterator[Finding]:
    """What the checks find, in their order; begins(name) is called before each is waited for.

    The checks of this machine run one after another, because they measure it; those of other hosts run together.
    """
    checks = planned(machine, options)
    for name, check in checks:
        if name in CHECKS:
            begins(name)
            yield run_check(name, check)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting = [(name, pool.submit(run_check, name, check)) for name, check in checks if name not in CHECKS]
        for name, answer in waiting:
            begins(name)
            yield answer.result()
