"""Checks of what ranks share on this machine: cores, memory, and the limits of the shell."""

from __future__ import annotations

import math
import resource
from collections.abc import Callable

from launch.doctor.finding import Finding, fail, ok, warn
from launch.doctor.machine import Machine, Options
from launch.doctor.shard_set import ShardSet, read_shard_set
from ner_dist.ranks.cgroup import cpu_quota, memory_left

# What a rank takes beside its data: measured on the default job.
RANK_BYTES = 600 << 20
# Address space that MXNet asks for before it computes anything is 1.2 GB.
LEAST_ADDRESS_BYTES = 4 << 30
GOOD_FILES = 1024


def local_ranks(machine: Machine, options: Options) -> int:
    """Ranks that this machine gets: all, or its part of a list of hosts."""
    return min(options.np, max((host.slots for host in options.listed()), default=options.np))


def threads(machine: Machine, options: Options) -> Finding:
    """Threads of all ranks against the cores that this process may use."""
    ranks = local_ranks(machine, options)
    quota = cpu_quota(machine.text)
    cores = machine.cores if quota is None else min(machine.cores, max(1, math.floor(quota)))
    share = max(1, cores // ranks)
    limited = f" of {machine.cores} (a quota)" if cores < machine.cores else ""
    what = f"{ranks} ranks on {cores} cores{limited}"
    told = machine.environment.get("OMP_NUM_THREADS")
    if told is not None and not told.split(",")[0].strip().isdigit():
        return fail("threads", f"OMP_NUM_THREADS is {told!r}, expected a number", f"export OMP_NUM_THREADS={share}")
    each = int(told.split(",")[0]) if told else share
    if each * ranks > cores and each > share:
        found = f"{what} would have {each} threads each and wait for one another: several times slower"
        return warn("threads", found, f"export OMP_NUM_THREADS={share}")
    if ranks > cores:
        return warn("threads", f"{what}: more ranks than cores share them", f"python -m launch local --np {cores}")
    return ok("threads", f"{what}, {each} thread{'s' if each > 1 else ''} each")


def memory(machine: Machine, options: Options) -> Finding:
    """Free memory against an estimate of what the ranks of this machine need."""
    ranks = local_ranks(machine, options)
    shards = read_shard_set(options.shards)
    data = shards if isinstance(shards, ShardSet) else ShardSet()
    each = RANK_BYTES + 2 * data.vector_bytes
    # Shards are dealt to the ranks; they are flattened while they are still held as read.
    needed = ranks * each + 2 * data.held_bytes
    lines = dict(line.split(":")[:2] for line in machine.text("/proc/meminfo").splitlines() if ":" in line)
    free = int(lines.get("MemAvailable", "0").split()[0]) << 10
    limit = memory_left(machine.text)
    limited = limit is not None and limit[0] < free
    if limit is not None and limited:
        free = max(0, limit[0])
    where = " within the limit of this container or job" if limited else ""
    found = f"{_shown(free)} free{where}, {ranks} ranks need some {_shown(needed)}"
    if needed <= 0.9 * free:
        return ok("memory", found)
    fewer = int((0.9 * free - 2 * data.held_bytes) // each)
    if fewer >= 1:
        fix = [f"python -m launch local --np {fewer}"]
    elif 2 * data.held_bytes > 0.4 * free and 0.9 * free > each:
        megabytes = max(1, int((0.9 * free - each) / 4) >> 20)
        fix = [f"python -m launch local --np 1 -- --data.memory_mb {megabytes}"]
    elif limit is not None and limited:
        file = machine.root / limit[1].lstrip("/")
        fix = [f"echo {math.ceil(needed / 0.8)} | tee {file}   # as root outside; or a container with so much"]
    else:
        fix = [
            f"# a machine with {_shown(math.ceil(needed / 0.8))} free, or end other programs: ps aux --sort -rss | head"
        ]
    return (fail if needed > free else warn)("memory", found, *fix)


def _shown(num_bytes: float) -> str:
    return f"{num_bytes / 2**30:.1f} GB"


def limits(machine: Machine, options: Options, ask: Callable[[int], tuple[int, int]] = resource.getrlimit) -> Finding:
    """Open files and address space, as ulimit shows and sets them."""
    ranks = local_ranks(machine, options)
    soft, hard = ask(resource.RLIMIT_NOFILE)
    space, _ = ask(resource.RLIMIT_AS)
    files = "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
    if space != resource.RLIM_INFINITY and space < LEAST_ADDRESS_BYTES:
        return fail("limits", f"a process may have {_shown(space)} of addresses, MXNet needs 4", "ulimit -Sv unlimited")
    # The launcher holds several for each rank, and each rank one for each other rank.
    least = 32 + 8 * options.np
    good = max(GOOD_FILES, 2 * least)
    if soft != resource.RLIM_INFINITY and soft < GOOD_FILES // 4 + 8 * ranks:
        room = hard == resource.RLIM_INFINITY or hard >= good
        raising = f"ulimit -n {good}"
        fix = raising if room else f"# as root, beyond the hard limit of {hard}: {raising}"
        return (fail if soft < least else warn)("limits", f"a process may open {files} files, {good} are safe", fix)
    return ok(
        "limits", f"{files} open files, addresses {'unlimited' if space == resource.RLIM_INFINITY else _shown(space)}"
    )
