"""Threads and device of a rank."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mxnet as mx
import pytest

from launch.environment import DeviceError, choose_device, prepare
from ner_dist.errors import UserError

ROOT = Path(__file__).resolve().parents[1]


# The cores that prepare has bound this process to, call by call; not for real.
BOUND: list[list[int]] = []


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set how many cores there are; no variable that prepare looks at is set yet."""
    threads = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "HOROVOD_LOCAL_SIZE", "HOROVOD_LOCAL_RANK", "NER_BIND_CORES")
    for name in (*threads, "MXNET_MKLDNN_CACHE_NUM"):
        # Set first, so that what prepare sets is taken back after the test.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    def set_cores(number: int) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(number)))
        monkeypatch.setattr(os, "cpu_count", lambda: number)
        monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: BOUND.append(list(cores)))

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


@pytest.mark.parametrize("module", ["launch.environment", "ner_dist.entry", "ner_dist.train", "ner_dist.evaluate"])
def test_mxnet_is_not_imported_before_the_threads_are_set(module: str) -> None:
    code = f"import sys, {module}; sys.exit('mxnet' in sys.modules or 'horovod' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("wanted", "num_gpus", "local_rank", "expected"),
    [
        ("auto", 0, 0, mx.cpu()),
        ("cpu", 4, 0, mx.cpu()),
        ("auto", 4, 0, mx.gpu(0)),
        ("auto", 4, 3, mx.gpu(3)),
        ("gpu", 4, 2, mx.gpu(2)),
        # One rank more than there are GPUs.
        ("auto", 4, 4, mx.cpu()),
    ],
)
def test_a_rank_takes_the_gpu_of_its_place_on_the_host(
    monkeypatch: pytest.MonkeyPatch, wanted: str, num_gpus: int, local_rank: int, expected: mx.Context
) -> None:
    monkeypatch.setattr(mx.context, "num_gpus", lambda: num_gpus)
    monkeypatch.setenv("HOROVOD_LOCAL_RANK", str(local_rank))
    assert choose_device(wanted) == expected


@pytest.mark.parametrize(("num_gpus", "local_rank"), [(0, 0), (2, 2)])
def test_a_gpu_asked_for_and_absent_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, num_gpus: int, local_rank: int
) -> None:
    monkeypatch.setattr(mx.context, "num_gpus", lambda: num_gpus)
    monkeypatch.setenv("HOROVOD_LOCAL_RANK", str(local_rank))
    expected = f"rank {local_rank} of this host needs GPU {local_rank}, MXNet sees {num_gpus}; start fewer ranks a host"
    with pytest.raises(DeviceError, match=expected) as caught:
        choose_device("gpu")
    # What the command line shows without a traceback.
    assert isinstance(caught.value, UserError)


def test_without_a_gpu_auto_is_the_cpu_in_earnest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOROVOD_LOCAL_RANK", raising=False)
    expected = mx.gpu(0) if mx.context.num_gpus() else mx.cpu()
    assert choose_device("auto") == expected
