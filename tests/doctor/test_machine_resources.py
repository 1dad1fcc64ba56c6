"""The doctor's checks of cores, memory and limits: each fails, and its advice is followed."""

from __future__ import annotations

import json
import re
import resource
from pathlib import Path

import pytest
from ask_doctor import advised_np, ask, follow, provokes, write

from launch.doctor.checks import machine_resources
from launch.doctor.machine import DoctorOptions, Machine

GB = 1 << 30


@provokes("threads")
@pytest.mark.parametrize(("threads", "status"), [("64", "warn"), ("many", "FAIL"), ("", "FAIL")])
def test_threads_are_set_to_a_ranks_share(threads: str, status: str) -> None:
    found = ask("--only", "threads", OMP_NUM_THREADS=threads)["threads"]
    assert found.status == status
    assert re.fullmatch(r"export OMP_NUM_THREADS=\d+", found.fix)
    again = ask("--only", "threads", "--np", "1", before=found.fix, OMP_NUM_THREADS=threads)["threads"]
    assert again.status == "ok"


@provokes("threads")
@pytest.mark.parametrize(
    ("file", "text"),
    [
        # Version 2 in its own group; version 1 as seen in a container.
        ("sys/fs/cgroup/job/cpu.max", "200000 100000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n"),
    ],
)
def test_threads_keep_to_a_quota_of_time(tmp_path: Path, file: str, text: str) -> None:
    version_1 = "cpu,cpuacct" in file
    write(tmp_path, "proc/self/cgroup", "4:cpu,cpuacct:/docker/1\n" if version_1 else "0::/job/step\n")
    write(tmp_path, file, text)
    write(tmp_path, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
    assert (
        machine_resources.threads(Machine(root=tmp_path, cores=8, environment={}), DoctorOptions(np=2)).status == "ok"
    )
    machine = Machine(root=tmp_path, cores=8, environment={"OMP_NUM_THREADS": "4"})
    found = machine_resources.threads(machine, DoctorOptions(np=2))
    assert (found.status, "on 2 cores of 8 (a quota)" in found.found) == ("warn", True), found
    name, value = found.fix.removeprefix("export ").split("=")
    assert (
        machine_resources.threads(
            Machine(root=tmp_path, cores=8, environment={name: value}), DoctorOptions(np=2)
        ).status
        == "ok"
    )


@provokes("threads")
def test_fewer_ranks_are_advised_than_cores_cannot_hold(tmp_path: Path) -> None:
    found = machine_resources.threads(Machine(root=tmp_path, cores=4, environment={}), DoctorOptions(np=6))
    assert found.status == "warn"
    assert "several ranks share a core" in found.found
    assert (
        machine_resources.threads(
            Machine(root=tmp_path, cores=4, environment={}), DoctorOptions(np=advised_np(found))
        ).status
        == "ok"
    )


def with_memory(root: Path, free_bytes: int) -> Machine:
    write(root, "proc/meminfo", f"MemTotal: 99999999 kB\nMemAvailable: {free_bytes >> 10} kB\n")
    return Machine(root=root)


@provokes("memory")
def test_fewer_ranks_are_advised_where_memory_is_short(tmp_path: Path) -> None:
    machine = with_memory(tmp_path, 3 * GB)
    found = machine_resources.memory(machine, DoctorOptions(np=8, shards=str(tmp_path)))
    assert found.status == "FAIL"
    assert "3.0 GB free, 8 ranks need about 4.7 GB" in found.found
    assert machine_resources.memory(machine, DoctorOptions(np=advised_np(found), shards=str(tmp_path))).status == "ok"


def add_index(folder: Path, tokens: int) -> str:
    record = {
        "format": "ner-shards",
        "version": 4,
        "vocab": {"word": {"path": "word.json", "num_bytes": 1, "num_values": 100}},
        "vectors": None,
        "splits": {"train": [{"path": "train.parquet", "num_bytes": 1, "tokens": [tokens], "rows": [1]}]},
    }
    write(folder, "index.json", json.dumps(record))
    return str(folder)


@provokes("memory")
def test_chapters_are_advised_where_the_corpus_is_large(tmp_path: Path) -> None:
    machine = with_memory(tmp_path, 3 * GB)
    found = machine_resources.memory(machine, DoctorOptions(np=2, shards=add_index(tmp_path, 200_000_000)))
    assert found.status == "FAIL"
    knob = re.fullmatch(r"python -m launch local --np 1 -- --data.memory_mb (\d+)", found.fix)
    assert knob, found
    # With it, a rank holds this much at once instead of everything; twice as much while it is made.
    held = int(knob[1]) << 20
    tokens = held // 16
    smaller = DoctorOptions(np=1, shards=add_index(tmp_path, tokens))
    assert machine_resources.memory(machine, smaller).status == "ok"


@provokes("memory")
@pytest.mark.parametrize(
    ("groups", "limit", "usage", "cached"),
    [
        ("0::/job", "job/memory.max", "job/memory.current", "job/memory.stat"),
        (
            "4:memory:/docker/1",
            "memory/memory.limit_in_bytes",
            "memory/memory.usage_in_bytes",
            "memory/memory.stat",
        ),
    ],
)
def test_the_limit_of_a_container_is_raised(tmp_path: Path, groups: str, limit: str, usage: str, cached: str) -> None:
    machine = with_memory(tmp_path, 64 * GB)
    write(tmp_path, "proc/self/cgroup", groups + "\n")
    write(tmp_path, f"sys/fs/cgroup/{limit}", str(GB // 2))
    write(tmp_path, f"sys/fs/cgroup/{usage}", str(GB // 4))
    write(tmp_path, f"sys/fs/cgroup/{cached}", f"inactive_file {GB // 4}\ntotal_inactive_file {GB // 4}\n")
    options = DoctorOptions(np=1, shards=str(tmp_path))
    found = machine_resources.memory(machine, options)
    assert found.status == "FAIL"
    assert "0.5 GB free within the limit of this container or job" in found.found
    follow(found, tmp_path)
    assert machine_resources.memory(machine, options).status == "ok"


@provokes("memory")
def test_a_machine_too_small_for_one_rank_is_said_to_be(tmp_path: Path) -> None:
    found = machine_resources.memory(with_memory(tmp_path, GB // 4), DoctorOptions(np=1, shards=str(tmp_path)))
    assert found.status == "FAIL"
    size = re.search(r"a machine with ([\d.]+) GB free", found.fix)
    assert size
    there = with_memory(tmp_path, int(float(size[1]) * GB))
    assert machine_resources.memory(there, DoctorOptions(np=1, shards=str(tmp_path))).status == "ok"


@provokes("limits")
@pytest.mark.parametrize(
    ("limit", "status"), [("ulimit -Sn 40", "FAIL"), ("ulimit -Sn 200", "warn"), ("ulimit -Sv 3000000", "FAIL")]
)
def test_limits_of_the_shell_are_raised(limit: str, status: str) -> None:
    found = ask("--only", "limits", before=limit)["limits"]
    assert found.status == status, found
    assert ask("--only", "limits", before=f"{limit}\n{found.fix}")["limits"].status == "ok"


def test_what_only_root_can_raise_is_said() -> None:
    found = machine_resources.limits(
        Machine(), DoctorOptions(), lambda which: (40, 50) if which == resource.RLIMIT_NOFILE else (-1, -1)
    )
    assert found.fix.startswith("# as root")
