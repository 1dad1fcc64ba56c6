"""Threads and device of a rank."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mxnet as mx
import pytest
from fake_driver import make_driver, with_driver
from processes import ROOT, alone, run

from ner_dist.errors import UserError
from ner_dist.ranks import cgroup, core_binding, gpu, python_environment
from ner_dist.ranks.environment import DeviceError, choose_device, prepare

# The cores that prepare has bound this process to, call by call; not for real.
BOUND: list[list[int]] = []


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set how many cores there are; no variable that prepare looks at is set yet."""
    threads = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "NER_BIND_CORES")
    for name in (*threads, "HOROVOD_LOCAL_SIZE", "HOROVOD_LOCAL_RANK", "MXNET_MKLDNN_CACHE_NUM"):
        # Set first, so that what prepare sets is taken back after the test.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    def set_cores(number: int) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(number)))
        monkeypatch.setattr(os, "cpu_count", lambda: number)
        monkeypatch.setattr(cgroup, "cpu_quota", lambda: None)
        monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: BOUND.append(list(cores)))
        monkeypatch.setattr(core_binding, "core_use", lambda cores: None)

    BOUND.clear()
    return set_cores


@pytest.mark.parametrize(
    ("num_cores", "local_ranks", "expected"),
    [(8, None, 8), (8, 1, 8), (8, 2, 4), (8, 3, 2), (8, 8, 1), (2, 4, 1), (1, 1, 1), (64, 4, 16)],
)
def test_ranks_share_the_cores_of_their_host(
    cores: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    num_cores: int,
    local_ranks: int | None,
    expected: int,
) -> None:
    cores(num_cores)
    if local_ranks is not None:
        monkeypatch.setenv("HOROVOD_LOCAL_SIZE", str(local_ranks))
    assert prepare() == expected
    assert os.environ["OMP_NUM_THREADS"] == str(expected)
    assert os.environ["OMP_WAIT_POLICY"] == ("ACTIVE" if local_ranks in (None, 1) else "PASSIVE")
    assert int(os.environ["MXNET_MKLDNN_CACHE_NUM"]) > 0


def test_threads_that_wait_actively_give_up_before_they_are_in_the_way_of_others(
    cores: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cores(8)
    prepare()
    assert 0 < int(os.environ["GOMP_SPINCOUNT"]) < 10_000
    monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setenv("GOMP_SPINCOUNT", "5")
    prepare()
    assert os.environ["GOMP_SPINCOUNT"] == "5"


@pytest.mark.parametrize(("quota", "expected"), [(None, 4), (8.0, 4), (3.9, 1), (0.5, 1)])
def test_ranks_share_what_a_container_leaves_them_and_are_not_bound_then(
    cores: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, quota: float | None, expected: int
) -> None:
    cores(8)
    monkeypatch.setattr(cgroup, "cpu_quota", lambda: quota)
    monkeypatch.setenv("HOROVOD_LOCAL_SIZE", "2")
    assert prepare() == expected
    assert bool(BOUND) == (expected == 4)


@pytest.mark.parametrize(
    ("num_cores", "local_ranks", "local_rank", "variables", "expected"),
    [
        (8, 2, 0, {}, [0, 1, 2, 3]),
        (8, 2, 1, {}, [4, 5, 6, 7]),
        (8, 3, 2, {}, [4, 5]),
        (8, 2, 1, {"OMP_NUM_THREADS": "1"}, [4, 5, 6, 7]),
        # More ranks than cores, or threads than their share: the system decides.
        (2, 4, 1, {}, None),
        (8, 2, 0, {"OMP_NUM_THREADS": "5"}, None),
        (8, 2, 0, {"NER_BIND_CORES": "0"}, None),
        (8, 1, 0, {}, None),
    ],
)
def test_each_rank_keeps_to_cores_of_its_own(
    cores: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    num_cores: int,
    local_ranks: int,
    local_rank: int,
    variables: dict[str, str],
    expected: list[int] | None,
) -> None:
    cores(num_cores)
    given = {"HOROVOD_LOCAL_SIZE": str(local_ranks), "HOROVOD_LOCAL_RANK": str(local_rank), **variables}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    prepare()
    assert [expected] * (expected is not None) == BOUND


def test_cores_that_were_narrowed_stay_as_they_are(
    cores: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cores(4)
    # A batch system has bound this rank to 4 of 8.
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setenv("HOROVOD_LOCAL_SIZE", "2")
    prepare()
    assert BOUND == []


@pytest.mark.parametrize(("given", "expected"), [("3", 3), ("4,2", 4)])
def test_what_the_user_set_prevails(
    cores: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, given: str, expected: int
) -> None:
    cores(8)
    monkeypatch.setenv("HOROVOD_LOCAL_SIZE", "2")
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.setenv("MXNET_MKLDNN_CACHE_NUM", "-1")
    assert prepare() == expected
    assert (os.environ["OMP_NUM_THREADS"], os.environ["OMP_WAIT_POLICY"]) == (given, "ACTIVE")
    assert os.environ["MXNET_MKLDNN_CACHE_NUM"] == "-1"
    assert "GOMP_SPINCOUNT" not in os.environ


@pytest.mark.parametrize(
    "module", ["ner_dist.ranks.environment", "ner_dist.ranks.rank_process", "ner_dist.train", "ner_dist.evaluate"]
)
def test_mxnet_is_not_imported_before_the_threads_are_set(module: str) -> None:
    code = f"import sys, {module}; sys.exit('mxnet' in sys.modules or 'horovod' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# --- The device

# Of MXNet, as the test pretends.
BUILDS = {"cpu": False, "gpu": True}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set what GPUs the driver names, which rank of the host this is, and which build MXNet is."""

    def set_up(
        *capabilities: str,
        rank: int = 0,
        ranks: int = 1,
        build: str = "gpu",
        version: int = 12020,
        seen: int | None = None,
    ) -> None:
        gpus = [
            gpu.Gpu(index, f"Card {index}", *map(int, capability.split(".")))
            for index, capability in enumerate(capabilities)
        ]
        monkeypatch.setattr(gpu, "driver", lambda: gpu.Driver(version, gpus))
        monkeypatch.setattr(mx.runtime, "Features", lambda: SimpleNamespace(is_enabled=lambda name: BUILDS[build]))
        monkeypatch.setattr(mx.context, "num_gpus", lambda: len(gpus) if seen is None else seen)
        monkeypatch.setenv("HOROVOD_LOCAL_RANK", str(rank))
        monkeypatch.setenv("HOROVOD_LOCAL_SIZE", str(ranks))

    return set_up


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_a_rank_takes_the_gpu_of_its_place_on_the_host(machine: Callable[..., None], rank: int) -> None:
    machine("7.0", "7.0", "8.6", "8.9", rank=rank, ranks=4)
    assert choose_device("auto") == choose_device("gpu") == mx.gpu(rank)
    assert choose_device("cpu") == mx.cpu()


def test_only_the_gpus_that_the_ranks_take_need_be_fit(machine: Callable[..., None]) -> None:
    machine("8.0", "9.0", ranks=1)
    assert choose_device("auto") == mx.gpu(0)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_a_host_with_fewer_gpus_than_ranks_is_refused_on_each_of_them(machine: Callable[..., None], rank: int) -> None:
    machine("8.0", "8.0", rank=rank, ranks=3)
    expected = "the 3 ranks of this host need a GPU each, and it has 2; start 2 per host"
    with pytest.raises(DeviceError, match=f"^{expected}; or compute on the CPU: --train.device cpu"):
        choose_device("auto")
    with pytest.raises(DeviceError, match=f"a GPU was asked for, but {expected}"):
        choose_device("gpu")
    assert choose_device("cpu") == mx.cpu()


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"capabilities": ["9.0"]}, "GPU 0 (Card 0, compute capability 9.0) is newer than"),
        ({"capabilities": ["3.7"]}, "GPU 0 (Card 0, compute capability 3.7) is older than"),
        ({"capabilities": ["8.0", "12.0"], "ranks": 2}, "GPU 1 (Card 1, compute capability 12.0) is newer than"),
        ({"capabilities": ["8.0"], "version": 10020}, "the NVIDIA driver supports CUDA 10.2, and MXNet's GPU build"),
        (
            {"capabilities": ["8.0"], "build": "cpu"},
            "this MXNet is not a GPU build, although it could use GPU 0 (Card 0",
        ),
        ({"capabilities": []}, "there is an NVIDIA driver here but no GPU"),
        ({"capabilities": ["8.0", "8.0"], "ranks": 2, "seen": 1}, "MXNet sees 1 of the 2 GPUs"),
    ],
)
def test_what_keeps_ranks_off_their_gpus_keeps_off_all_and_is_told_once(
    machine: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: dict[str, Any],
    reason: str,
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for rank in range(found.get("ranks", 1)):
        machine(
            *found["capabilities"],
            **{name: value for name, value in found.items() if name != "capabilities"},
            rank=rank,
        )
        assert choose_device("auto") == mx.cpu()
        told = capsys.readouterr().err
        assert told.count("\n") == (rank == 0)
        assert told.startswith(f"note: computing on the CPU: {reason}") or rank > 0
        with pytest.raises(DeviceError) as caught:
            choose_device("gpu")
        assert str(caught.value).startswith(f"a GPU was asked for, but {reason}")
        # What the command line shows without a traceback.
        assert isinstance(caught.value, UserError)
        assert capsys.readouterr().err == ""


def test_where_there_is_no_driver_auto_says_nothing(
    machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(build="cpu")

    def absent() -> None:
        raise gpu.NoDriver("there is no NVIDIA driver here")

    monkeypatch.setattr(gpu, "driver", absent)
    assert choose_device("auto") == mx.cpu()
    assert capsys.readouterr().err == ""
    with pytest.raises(DeviceError, match="a GPU was asked for, but there is no NVIDIA driver here"):
        choose_device("gpu")


def test_a_driver_older_than_mxnet_s_cuda_is_used_with_a_warning(
    machine: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    machine("8.0", version=11040)
    assert choose_device("auto") == mx.gpu(0)
    assert capsys.readouterr().err.startswith(
        "note: the NVIDIA driver supports CUDA 11.4, older than the 11.7 of MXNet"
    )


def test_a_gpu_that_mxnet_cannot_use_is_found_before_it_tries(tmp_path: Path, synth_shards: Path) -> None:
    # With a driver that shows in real processes; this MXNet may be of either build.
    driver = with_driver(make_driver(tmp_path), FAKE_CUDA_GPUS="9.0 NVIDIA H100", CUDA_VISIBLE_DEVICES="0")
    train = alone("ner_dist.train", "--data.shards", synth_shards, "--train.device", "gpu", "--run", "run")
    finished = run(train, tmp_path, **driver)
    assert finished.code not in (0, 124)
    (error,) = finished.errors
    assert error.startswith("error: a GPU was asked for, but GPU 0 (NVIDIA H100, compute capability 9.0) is newer than")
    assert not (tmp_path / "run").exists()


def test_auto_says_why_it_computes_on_the_cpu_on_the_terminal_and_in_the_log(
    tmp_path: Path, synth_shards: Path, tiny_knobs: list[str]
) -> None:
    driver = with_driver(make_driver(tmp_path), FAKE_CUDA_GPUS="3.7 Tesla K80", CUDA_VISIBLE_DEVICES="0")
    knobs = ["--data.shards", synth_shards, *tiny_knobs, "--train.epochs", 1, "--run", "run"]
    finished = run(alone("ner_dist.train", *knobs), tmp_path, **driver)
    assert finished.code == 0, finished.err
    # After one epoch the result may be worth a note, too.
    note, *_ = finished.errors
    assert note.startswith("note: computing on the CPU: GPU 0 (Tesla K80, compute capability 3.7) is older than")
    log = (tmp_path / "run" / "rank-0.log").read_text()
    assert note.removeprefix("note: ") in log
    assert "device cpu(0)" in log


# --- What a Python is started with


@pytest.fixture
def gpu_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of links of a made-up .venv-gpu, of which this Python seems to be."""
    folder = tmp_path / ".venv-gpu" / "lib" / "cuda"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv-gpu"))
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    return folder


def test_an_environment_without_links_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert python_environment.variables() == {}
    assert python_environment.complaint() is None


def test_the_links_come_before_what_the_user_has_set(gpu_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert python_environment.variables() == {"LD_LIBRARY_PATH": str(gpu_environment)}
    monkeypatch.setenv("LD_LIBRARY_PATH", "/mine:/yours")
    assert python_environment.variables() == {"LD_LIBRARY_PATH": f"{gpu_environment}:/mine:/yours"}
    monkeypatch.setenv("LD_LIBRARY_PATH", f"/mine:{gpu_environment}")
    assert python_environment.variables() == {}


def test_a_python_that_would_not_find_cuda_is_told_so_before_it_imports_mxnet(gpu_environment: Path) -> None:
    with pytest.raises(DeviceError, match=r"this is the Python of \.venv-gpu, whose MXNet finds CUDA's libraries only"):
        prepare()
