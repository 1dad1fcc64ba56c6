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


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set how many cores there are; no variable that prepare looks at is set yet."""
    threads = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "HOROVOD_LOCAL_SIZE", "HOROVOD_LOCAL_RANK")
    for name in (*threads, "MXNET_MKLDNN_CACHE_NUM"):
        # Set first, so that what prepare sets is taken back after the test.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return lambda number: monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(number)))


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
