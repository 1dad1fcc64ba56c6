"""Checks of places on disk: the shards, and where runs are written to."""

from __future__ import annotations

import errno
import itertools
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from launch.doctor.finding import Finding, as_root, fail, ok, skip, warn
from launch.doctor.machine import Machine, Options
from launch.doctor.shard_set import ShardSet, read_shard_set

TRIAL_BYTES = 32 << 20
# Below it a checkpoint, or the shards at the start, take longer than they should, bytes a second.
SLOW = 20e6
# Two checkpoints and the one that takes the place of another; each holds what is learnt and two moments of it.
_COPIES, _ARRAYS = 3, 3
# Of the rest of the model, events and logs.
_REST_BYTES = 100 << 20
_DEFAULT_SHARDS = "data/shards"


def shards(machine: Machine, options: Options) -> Finding:
    """Whether the shard set is complete, its files have their sizes, and there is a shard for each rank."""
    found = read_shard_set(options.shards)
    if isinstance(found, str):
        return fail("shards", f"{options.shards} {found}", *_build(options, options.np))
    for name, num_bytes in found.files.items():
        path = Path(options.shards) / name
        if not path.is_file():
            return fail("shards", f"{path} is absent, though index.json names it", *_build(options, found.num_shards))
        if path.stat().st_size != num_bytes:
            what = f"{path} has {path.stat().st_size} bytes, index.json says {num_bytes}"
            return fail("shards", what, *_build(options, found.num_shards))
    if found.num_shards < options.np:
        what = f"{options.shards} has {found.num_shards} shards for train, and {options.np} ranks need one each"
        fewer = f"python -m launch doctor --np {found.num_shards}   # so many ranks, or build more shards:"
        return fail("shards", what, fewer, *_build(options, options.np))
    total = sum(found.files.values())
    return ok(
        "shards", f"{options.shards}: {found.num_shards} for train, {total / 1e6:.1f} MB, all sizes as in the index"
    )


def _build(options: Options, num_shards: int) -> list[str]:
    """The commands that build the set anew; whose corpus it is nobody but the user knows."""
    place = options.shards.rstrip("/")
    out = _q(place)
    # Not removed: it may be anything that was named by mistake.
    aside = [f"mv {out} {_aside(place)}"] if os.path.lexists(place) else []
    if place == _DEFAULT_SHARDS:
        return [*aside, f"make shards NUM_SHARDS={max(num_shards, 8)}"]
    return [*aside, f"make shards CORPUS=PATH OUT={out} NUM_SHARDS={max(num_shards, 8)}   # PATH: your corpus"]


def _aside(place: str) -> str:
    """A name beside a file or directory that is not taken."""
    names = (f"{place}.old{number or ''}" for number in itertools.count())
    return _q(next(name for name in names if not os.path.lexists(name)))


def run_disk(machine: Machine, options: Options, clock: Callable[[], float] = time.perf_counter) -> Finding:
    """Whether runs can be written: permission, room for checkpoints, and the speed of what reaches the disk."""
    place = Path(options.run)
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        return fail(
            "run-disk",
            f"{place} is in the way: not a directory",
            f"mv {_q(place)} {_aside(str(place))}",
            f"mkdir -p {_q(options.run)}",
        )
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            begin_s = clock()
            for _ in range(TRIAL_BYTES >> 20):
                file.write(os.urandom(1 << 20))
            file.flush()
            os.fsync(file.fileno())
            rate = TRIAL_BYTES / max(clock() - begin_s, 1e-9)
    except OSError as error:
        return fail("run-disk", f"{place} cannot be written: {error.strerror}", *_mend(machine, place, error))
    free, needed = shutil.disk_usage(place).free, _run_bytes(options)
    if free < needed:
        found = f"{options.run}: {free / 1e9:.2f} GB free, checkpoints need some {needed / 1e9:.2f}"
        return fail("run-disk", found, *_elsewhere(needed))
    found = f"{options.run}: {free / 1e9:.0f} GB free, {rate / 1e6:.0f} MB/s written to the disk itself"
    if rate < SLOW:
        return warn("run-disk", f"{found}; below {SLOW / 1e6:.0f}, checkpoints hold up training", *_elsewhere(needed))
    return ok("run-disk", found)


def _run_bytes(options: Options) -> int:
    found = read_shard_set(options.shards)
    data = found if isinstance(found, ShardSet) else ShardSet()
    return _COPIES * _ARRAYS * data.learnt_bytes + data.vector_bytes + _REST_BYTES


def _mend(machine: Machine, place: Path, error: OSError) -> list[str]:
    if error.errno in (errno.EACCES, errno.EPERM):
        return [as_root(f'chown "$(id -un)" {_q(place)}') + f" && chmod u+rwx {_q(place)}"]
    if error.errno == errno.EROFS:
        return [as_root(f"mount -o remount,rw {_q(_mount(machine, place.resolve()))}")]
    return _elsewhere(TRIAL_BYTES)


def _mount(machine: Machine, place: Path) -> Path:
    """Where the file system of a place is mounted, also if it shows a part of another."""
    mounts = [line.split()[1] for line in machine.text("/proc/self/mounts").splitlines()]
    # As the kernel writes a space.
    points = [Path(mount.replace("\\040", " ")) for mount in mounts]
    return max((point for point in points if point in (place, *place.parents)), key=lambda point: len(point.parts))


def _elsewhere(num_bytes: int) -> list[str]:
    return [
        f"df -h   # find a disk with {max(0.1, num_bytes / 1e9):.1f} GB free, and name a directory DIR on it:",
        "python -m launch doctor --run DIR",
    ]


def shards_disk(machine: Machine, options: Options, clock: Callable[[], float] = time.perf_counter) -> Finding:
    """How fast shards come from their disk, not from memory."""
    found = read_shard_set(options.shards)
    if isinstance(found, str):
        return skip("shards-disk", "no shards to read")
    num_bytes, elapsed_s = 0, 0.0
    for name in sorted(found.files, key=lambda name: -found.files[name]):
        path = Path(options.shards) / name
        try:
            with open(path, "rb", buffering=0) as file:
                if hasattr(os, "posix_fadvise"):
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                begin_s = clock()
                while (block := file.read(1 << 20)) and num_bytes < TRIAL_BYTES:
                    num_bytes += len(block)
                elapsed_s += clock() - begin_s
        except OSError as error:
            return fail(
                "shards-disk",
                f"{path} cannot be read: {error.strerror}",
                as_root(f"chmod -R a+rX {_q(options.shards)}"),
            )
        if num_bytes >= TRIAL_BYTES:
            break
    rate = num_bytes / max(elapsed_s, 1e-9)
    said = f"{options.shards}: {rate / 1e6:,.0f} MB/s read"
    if rate < SLOW:
        return warn(
            "shards-disk",
            f"{said}, below {SLOW / 1e6:.0f}: every start waits for it",
            f'cp -r {_q(options.shards)} "${{TMPDIR:-/tmp}}/shards"   # if that is a disk of this machine, then:',
            'python -m launch doctor --shards "${TMPDIR:-/tmp}/shards"',
        )
    return ok("shards-disk", said)


def _q(path: object) -> str:
    return shlex.quote(str(path))
