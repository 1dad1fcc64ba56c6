"""Checks of directories: the shards, and where runs are written."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from launch.doctor.checks import stored_shards
from launch.doctor.finding import Finding, as_root, fail, ok, quoted, skip, warn
from launch.doctor.machine import DoctorOptions, Machine
from ner_dist.errors import UserError
from ner_dist.stores.addresses import is_address

TRIAL_BYTES = 32 << 20
# Bytes per second; if less, checkpoints and reading the shards at the start delay training.
SLOW = 20e6
# Two checkpoints, and a third while it is written; each holds the learned parameters and two moments of them.
_COPIES, _ARRAYS = 3, 3
# For the rest of the model, events and logs.
_REST_BYTES = 100 << 20
_DEFAULT_SHARDS = "data/shards"
# In memory: a token with its word, spelling, tag and some features; a sentence besides its tokens.
_TOKEN_BYTES, _SENTENCE_BYTES = 16, 32
_DEFAULT_UNITS = 100
# Of shard sets; those that training reads.
_VERSIONS = (4, 5)


class ShardSet(NamedTuple):
    # The end of a sentence about what is wrong with it; empty if nothing is.
    problem: str = ""
    num_shards: int = 0
    # Path within the set -> size of every file.
    files: dict[str, int] = {}  # noqa: RUF012, never changed
    # What all ranks together hold of it, and the word vectors, which every rank holds.
    held_bytes: int = 0
    vector_bytes: int = 0
    # One copy of the learned word embeddings.
    learnt_bytes: int = 0


def read_shard_set(directory: str) -> ShardSet:
    """Without numpy or pyarrow, which may be what is broken; but a store is asked with pyarrow."""
    if is_address(directory):
        try:
            return read_shard_set(str(stored_shards.folder_of(directory)))
        except UserError as error:
            return ShardSet(f"cannot be read: {error}")
    path = Path(directory) / "index.json"
    if not path.is_file():
        if path.parent.is_dir():
            return ShardSet("holds no index.json, so it was never completed")
        return ShardSet("is not a directory" if path.parent.exists() else "does not exist")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        kind, version = record["format"], record["version"]
        if kind != "ner-shards" or version not in _VERSIONS:
            known = " and ".join(map(str, _VERSIONS))
            return ShardSet(f"is of format {kind}, version {version}, and this code reads ner-shards, versions {known}")
        shards = [shard for split in record["splits"].values() for shard in split]
        entries = [*record["vocab"].values(), *shards, *([record["vectors"]] if record["vectors"] else [])]
        for name in (entry["path"] for entry in entries):
            # Training refuses such a set, too.
            if os.path.isabs(name) or ".." in name.split("/"):
                return ShardSet(f"has an index.json that names the file {name!r}, which is not inside it")
        words = record["vocab"]["word"]["num_values"]
        vectors = record["vectors"] or {"num_units": _DEFAULT_UNITS, "first_unseen": words}
        return ShardSet(
            num_shards=len(record["splits"].get("train", [])),
            files={entry["path"]: entry["num_bytes"] for entry in entries},
            held_bytes=sum(_TOKEN_BYTES * sum(each["tokens"]) + _SENTENCE_BYTES * sum(each["rows"]) for each in shards),
            vector_bytes=4 * words * vectors["num_units"],
            learnt_bytes=4 * vectors["first_unseen"] * vectors["num_units"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return ShardSet(f"has an index.json that cannot be read ({type(error).__name__}: {error})")


def shards(machine: Machine, options: DoctorOptions) -> Finding:
    """Whether the shard set is complete, its files have their sizes, and each rank gets a shard."""
    found = read_shard_set(options.shards)
    if found.problem:
        return fail(f"{options.shards} {found.problem}", *_build(options, options.np, found.problem))
    try:
        sizes = _sizes(options.shards, found.files)
    except UserError as error:
        problem = f"cannot be read: {error}"
        return fail(f"{options.shards} {problem}", *_build(options, found.num_shards, problem))
    for name, num_bytes in found.files.items():
        place = f"{options.shards.rstrip('/')}/{name}"
        if name not in sizes:
            return fail(f"{place} is missing, though index.json lists it", *_build(options, found.num_shards))
        if sizes[name] != num_bytes:
            what = f"{place} has {sizes[name]} bytes, index.json has {num_bytes}"
            return fail(what, *_build(options, found.num_shards))
    if found.num_shards < options.np:
        what = f"{options.shards} has {found.num_shards} shards for train, and {options.np} ranks need one each"
        fewer = f"python -m launch doctor --np {found.num_shards}   # fewer ranks, or build more shards:"
        return fail(what, fewer, *_build(options, options.np))
    total = sum(found.files.values())
    if is_address(options.shards) and (too_large := stored_shards.room(options.shards, total)) is not None:
        return too_large
    return ok(f"{options.shards}: {found.num_shards} for train, {total / 1e6:.1f} MB, all sizes as in the index")


def _sizes(place: str, names: Iterable[str]) -> dict[str, int]:
    """Of the files that are there. Raises UserError."""
    if is_address(place):
        return stored_shards.sizes(place)
    paths = {name: Path(place) / name for name in names}
    return {name: path.stat().st_size for name, path in paths.items() if path.is_file()}


def _build(options: DoctorOptions, num_shards: int, problem: str = "") -> list[str]:
    """The commands that build the set again; only the user knows its corpus."""
    if is_address(options.shards):
        return stored_shards.repair(options.shards, problem, num_shards)
    place = options.shards.rstrip("/")
    out = quoted(place)
    # Moved, not removed, because it may have been named by mistake.
    aside = [f"mv {out} {_free_name(place)}"] if os.path.lexists(place) else []
    if place == _DEFAULT_SHARDS:
        return [*aside, f"make shards NUM_SHARDS={max(num_shards, 8)}"]
    return [*aside, f"make shards CORPUS=PATH OUT={out} NUM_SHARDS={max(num_shards, 8)}   # PATH: your corpus"]


def _free_name(place: str) -> str:
    names = (f"{place}.old{number or ''}" for number in itertools.count())
    return quoted(next(name for name in names if not os.path.lexists(name)))


def run_disk(machine: Machine, options: DoctorOptions, clock: Callable[[], float] = time.perf_counter) -> Finding:
    """Whether runs can be written: permission, space for checkpoints, and the speed of the disk."""
    place = Path(options.run)
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        aside = f"mv {quoted(place)} {_free_name(str(place))}"
        return fail(f"{place} is in the way: not a directory", aside, f"mkdir -p {quoted(options.run)}")
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            begin_s = clock()
            for _ in range(TRIAL_BYTES >> 20):
                file.write(os.urandom(1 << 20))
            file.flush()
            os.fsync(file.fileno())
            rate = TRIAL_BYTES / max(clock() - begin_s, 1e-9)
    except OSError as error:
        return fail(f"{place} cannot be written: {error.strerror}", *_repair(place, error))
    free, data = shutil.disk_usage(place).free, read_shard_set(options.shards)
    needed = _COPIES * _ARRAYS * data.learnt_bytes + data.vector_bytes + _REST_BYTES
    if free < needed:
        found = f"{options.run}: {free / 1e9:.2f} GB free, checkpoints need about {needed / 1e9:.2f}"
        return fail(found, *_elsewhere(needed))
    found = f"{options.run}: {free / 1e9:.0f} GB free, {rate / 1e6:.0f} MB/s written to the disk"
    if rate < SLOW:
        return warn(f"{found}; below {SLOW / 1e6:.0f}, checkpoints delay training", *_elsewhere(needed))
    return ok(found)


def _repair(place: Path, error: OSError) -> list[str]:
    if error.errno in (errno.EACCES, errno.EPERM):
        return [as_root(f'chown "$(id -un)" {quoted(place)}') + f" && chmod u+rwx {quoted(place)}"]
    if error.errno == errno.EROFS:
        # Bind mounts included.
        return [as_root(f'mount -o remount,rw "$(findmnt -n -o TARGET --target {quoted(place.resolve())})"')]
    return _elsewhere(TRIAL_BYTES)


def _elsewhere(num_bytes: int) -> list[str]:
    return [
        f"df -h   # find a disk with {max(0.1, num_bytes / 1e9):.1f} GB free, and choose a directory DIR on it:",
        "python -m launch doctor --run DIR",
    ]


def shards_disk(machine: Machine, options: DoctorOptions, clock: Callable[[], float] = time.perf_counter) -> Finding:
    """How fast shards are read from their disk, not from the page cache."""
    found = read_shard_set(options.shards)
    if found.problem:
        return skip("no shards to read")
    if is_address(options.shards):
        return stored_shards.transfer(options.shards, found.files, TRIAL_BYTES, SLOW, clock)
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
            opened = as_root(f"chmod -R a+rX {quoted(options.shards)}")
            return fail(f"{path} cannot be read: {error.strerror}", opened)
        if num_bytes >= TRIAL_BYTES:
            break
    rate = num_bytes / max(elapsed_s, 1e-9)
    rate_text = f"{options.shards}: {rate / 1e6:,.0f} MB/s read"
    if rate < SLOW:
        return warn(
            f"{rate_text}, below {SLOW / 1e6:.0f}: this delays every start",
            f'cp -r {quoted(options.shards)} "${{TMPDIR:-/tmp}}/shards"   # if that is a disk of this machine; then:',
            'python -m launch doctor --shards "${TMPDIR:-/tmp}/shards"',
        )
    return ok(rate_text)
