"""Checks of what the ranks of this machine share: cores, memory, and the limits of the shell."""

from __future__ import annotations

import math
import resource
from collections.abc import Callable

from launch.doctor.checks.storage import read_shard_set
from launch.doctor.finding import Finding, fail, ok, warn
from launch.doctor.machine import DoctorOptions, Machine
from ner_dist.ranks.cgroup import cpu_quota, memory_left

# What a rank needs besides its data, measured with the default job.
RANK_BYTES = 600 << 20
# MXNet reserves 1.2 GB of address space before it computes anything.
LEAST_ADDRESS_BYTES = 4 << 30
GOOD_FILES = 1024


def local_ranks(machine: Machine, options: DoctorOptions) -> int:
    """Ranks of this machine: all, or its part of a list of hosts."""
    return min(options.np, max((host.slots for host in options.listed()), default=options.np))


def threads(machine: Machine, options: DoctorOptions) -> Finding:
    """Threads of all ranks compared with the cores that this process may use."""
    ranks = local_ranks(machine, options)
    cores = min(machine.cores, max(1, math.floor(cpu_quota(machine.text) or machine.cores)))
    share = max(1, cores // ranks)
    limited = f" of {machine.cores} (a quota)" if cores < machine.cores else ""
    what = f"{ranks} ranks on {cores} cores{limited}"
    given = machine.environment.get("OMP_NUM_THREADS")
    if given is not None and not given.split(",")[0].strip().isdigit():
        return fail(f"OMP_NUM_THREADS is {given!r}, expected a number", f"export OMP_NUM_THREADS={share}")
    each = int(given.split(",")[0]) if given else share
    if each * ranks > cores and each > share:
        found = f"{what} would have {each} threads each, which wait for one another: several times slower"
        return warn(found, f"export OMP_NUM_THREADS={share}")
    if ranks > cores:
        return warn(f"{what}: several ranks share a core", f"python -m launch local --np {cores}")
    return ok(f"{what}, {each} thread{'s' if each > 1 else ''} each")


def memory(machine: Machine, options: DoctorOptions) -> Finding:
    """Free memory compared with an estimate of what the ranks of this machine need."""
    ranks = local_ranks(machine, options)
    data = read_shard_set(options.shards)
    each = RANK_BYTES + 2 * data.vector_bytes
    # The ranks divide the shards; twice, because a rank holds them as read while it flattens them.
    needed = ranks * each + 2 * data.held_bytes
    lines = dict(line.split(":")[:2] for line in machine.text("/proc/meminfo").splitlines() if ":" in line)
    free = int(lines.get("MemAvailable", "0").split()[0]) << 10
    limit, path = memory_left(machine.text) or (free, "")
    limited = limit < free
    free = max(0, min(free, limit))
    where = " within the limit of this container or job" if limited else ""
    found = f"{_gb(free)} free{where}, {ranks} ranks need about {_gb(needed)}"
    if needed <= 0.9 * free:
        return ok(found)
    fewer = int((0.9 * free - 2 * data.held_bytes) // each)
    if fewer >= 1:
        fix = f"python -m launch local --np {fewer}"
    elif 2 * data.held_bytes > 0.4 * free and 0.9 * free > each:
        megabytes = max(1, int((0.9 * free - each) / 4) >> 20)
        fix = f"python -m launch local --np 1 -- --data.memory_mb {megabytes}"
    elif limited:
        file = machine.root / path.lstrip("/")
        fix = f"echo {math.ceil(needed / 0.8)} | tee {file}   # as root outside; or a container with this much"
    else:
        fix = f"# a machine with {_gb(math.ceil(needed / 0.8))} free, or end other programs: ps aux --sort -rss | head"
    return (fail if needed > free else warn)(found, fix)


def _gb(num_bytes: float) -> str:
    return f"{num_bytes / 2**30:.1f} GB"


def limits(
    machine: Machine, options: DoctorOptions, ask: Callable[[int], tuple[int, int]] = resource.getrlimit
) -> Finding:
    """Open files and address space, as ulimit shows and sets them."""
    limits = (*ask(resource.RLIMIT_NOFILE), ask(resource.RLIMIT_AS)[0])
    soft, hard, space = (math.inf if limit == resource.RLIM_INFINITY else limit for limit in limits)
    files = "unlimited" if soft == math.inf else soft
    if space < LEAST_ADDRESS_BYTES:
        return fail(f"a process may have {_gb(space)} of address space, MXNet needs 4", "ulimit -Sv unlimited")
    # The launcher opens several for each rank, and each rank one for each other rank.
    least = 32 + 8 * options.np
    good = max(GOOD_FILES, 2 * least)
    if soft < GOOD_FILES // 4 + 8 * local_ranks(machine, options):
        fix = f"ulimit -n {good}" if hard >= good else f"# as root, beyond the hard limit of {hard}: ulimit -n {good}"
        return (fail if soft < least else warn)(f"a process may open {files} files, {good} are safe", fix)
    return ok(f"{files} open files, addresses {'unlimited' if space == math.inf else _gb(space)}")
