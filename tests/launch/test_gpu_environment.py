"""The environment of make setup-gpu, for real, except for a GPU: MXNet's GPU build, Horovod with NCCL, and training.

A made-up driver without GPUs takes the place of the machine's own, if it has one.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from pathlib import Path

import pytest
from fake_driver import make_driver
from processes import ROOT, Finished, alone, on_ranks, run

pytestmark = pytest.mark.gpu_env

VENV = ROOT / ".venv-gpu"
LIBRARIES = VENV / "lib" / "cuda"
PYTHON = str(VENV / "bin" / "python")


@pytest.fixture(scope="module", autouse=True)
def made() -> None:
    if not (VENV / "ready").is_file():
        pytest.skip("there is no .venv-gpu: make setup-gpu")


@pytest.fixture(scope="module")
def driver(made: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a driver, with both names under which it is opened."""
    folder = make_driver(tmp_path_factory.mktemp("driver"))
    (folder / "libcuda.so").symlink_to("libcuda.so.1")
    return folder


def variables(driver: Path | None, **others: str) -> dict[str, str]:
    """Variables for a process of this environment, as in ner_dist.ranks.python_environment, with a fake driver."""
    code = "import json; from ner_dist.ranks.python_environment import variables; print(json.dumps(variables()))"
    clean = {"PATH": os.defpath, "PYTHONPATH": str(ROOT)}
    printed = subprocess.run([PYTHON, "-c", code], env=clean, capture_output=True, text=True, check=True).stdout
    path = json.loads(printed)["LD_LIBRARY_PATH"]
    found = {"PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}", **others}
    return {**found, "LD_LIBRARY_PATH": path if driver is None else f"{driver}{os.pathsep}{path}"}


def python(code: str, folder: Path, **environment: str) -> Finished:
    return run([PYTHON, "-c", code], folder, **environment)


def has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def test_all_packages_fit_together_and_none_is_mxnet_s_cpu_build() -> None:
    assert subprocess.run([PYTHON, "-m", "pip", "check"], capture_output=True, check=False).returncode == 0
    code = "from importlib.metadata import version; print(version('mxnet'), version('mxnet-cu117'))"
    shown = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["1.9.1+cu117", "1.9.1"]


def test_every_library_of_cuda_s_packages_is_linked_and_can_be_loaded(driver: Path, tmp_path: Path) -> None:
    names = {link.name for link in LIBRARIES.iterdir()}
    assert names >= {"libcudnn.so.8", "libcublas.so.11", "libnvrtc.so", "libnccl.so", "libcuda.so"}
    assert [link.name for link in LIBRARIES.iterdir() if not link.exists() and link.name != "libcuda.so"] == []
    # Among them cuDNN's, which open libcuda.so without a version.
    code = f"import ctypes\nfor name in {sorted(names)}:\n    ctypes.CDLL(name)"
    finished = python(code, tmp_path, **variables(driver))
    assert finished.code == 0, finished.err


def test_mxnet_s_gpu_build_computes_on_the_cpu_and_sees_no_gpu(driver: Path, tmp_path: Path) -> None:
    code = """
import mxnet as mx
assert mx.runtime.Features().is_enabled("CUDA")
assert mx.context.num_gpus() == 0
assert mx.nd.dot(mx.nd.ones((2, 3)), mx.nd.ones((3, 2))).asnumpy().tolist() == [[3, 3], [3, 3]]
try:
    mx.nd.ones(2, ctx=mx.gpu(0)).wait_to_read()
except mx.base.MXNetError as error:
    assert "GPU usage requires at least 1 GPU" in str(error)
else:
    raise SystemExit("computed on a GPU that is not there")
"""
    finished = python(code, tmp_path, **variables(driver))
    assert finished.code == 0, finished.err


def test_horovod_has_nccl_if_there_was_a_compiler_for_it(driver: Path, tmp_path: Path) -> None:
    finished = python("import horovod.mxnet as hvd\nprint(hvd.nccl_built())", tmp_path, **variables(driver))
    assert finished.code == 0, finished.err
    # The list of what the environment was made from ends with the toolkit, if there was one.
    toolkit = (VENV / "ready").read_text().rpartition(f"{VENV} ")[2].strip()
    assert (int(finished.out) >= 21000) == bool(toolkit)


@pytest.mark.parametrize("num_ranks", [1, 2])
def test_training_on_the_cpu_counts_as_in_the_other_environment(
    driver: Path, synth_shards: Path, tiny_knobs: list[str], tmp_path: Path, num_ranks: int
) -> None:
    values = {"data.shards": synth_shards, "optimizer.learning_rate": 0.02, "train.epochs": 4, "train.device": "cpu"}
    knobs = [*tiny_knobs, *(word for name, value in values.items() for word in (f"--{name}", str(value)))]
    train = [PYTHON, "-m", "ner_dist.train", *knobs, "--run", "gpu"]
    launcher = [str(VENV / "bin" / "horovodrun"), "-np", str(num_ranks)] if num_ranks > 1 else []
    finished = run([*launcher, *train], tmp_path, **variables(driver))
    assert finished.code == 0, finished.err
    arguments = ["ner_dist.train", *knobs, "--run", "cpu"]
    finished = run(on_ranks(num_ranks, *arguments) if num_ranks > 1 else alone(*arguments), tmp_path)
    assert finished.code == 0, finished.err
    found, expected = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("gpu", "cpu"))
    assert expected["test"]["entity"]["right"] > 0
    for split in ("dev", "test"):
        assert found[split] == expected[split]
    assert found["versions"]["mxnet"] == "1.9.1+cu117"


def test_without_its_libraries_a_command_says_how_to_start_it(tmp_path: Path) -> None:
    environment = {**variables(None), "LD_LIBRARY_PATH": ""}
    finished = run([PYTHON, "-m", "ner_dist.train", "--run", "run"], tmp_path, **environment)
    assert finished.code not in (0, 124)
    (error,) = finished.errors
    assert error.startswith("error: this is the Python of .venv-gpu, whose MXNet finds CUDA's libraries only if")
    assert "source .venv-gpu/bin/activate" in error


@pytest.mark.skipif(has_driver(), reason="this machine has an NVIDIA driver")
def test_without_a_driver_a_command_says_to_use_the_other_environment(tmp_path: Path) -> None:
    finished = run([PYTHON, "-m", "ner_dist.train", "--run", "run"], tmp_path, **variables(None))
    assert finished.code not in (0, 124)
    (error,) = finished.errors
    assert error.startswith("error: the MXNet of .venv-gpu cannot be loaded without an NVIDIA driver")


@pytest.mark.parametrize(
    ("gpus", "reason"),
    [
        ("", "CUDA_VISIBLE_DEVICES=0 hides all GPUs"),
        ("9.0 NVIDIA H100", "GPU 0 (NVIDIA H100, compute capability 9.0) is newer than the GPUs MXNet 1.9.1"),
        # A driver that lists a GPU but cannot use it.
        ("8.6 Broken", "MXNet cannot use the NVIDIA driver"),
    ],
)
def test_gpu_refuses_and_auto_computes_on_the_cpu_and_says_why(
    driver: Path, tmp_path: Path, gpus: str, reason: str
) -> None:
    code = """
import sys
from ner_dist.ranks import environment
environment.prepare()
try:
    print(environment.choose_device(sys.argv[1]))
except environment.DeviceError as error:
    sys.exit(f"error: {error}")
"""
    environment = variables(driver, FAKE_CUDA_GPUS=gpus, CUDA_VISIBLE_DEVICES="0")
    asked = {wanted: run([PYTHON, "-c", code, wanted], tmp_path, **environment) for wanted in ("gpu", "auto")}
    assert asked["gpu"].code == 1
    assert asked["gpu"].errors[-1].startswith(f"error: a GPU was asked for, but {reason}")
    assert asked["auto"].code == 0
    assert asked["auto"].out == "cpu(0)\n"
    assert asked["auto"].errors[-1].startswith(f"note: computing on the CPU: {reason}")


@pytest.mark.parametrize("before", [None, "/mine"])
def test_activate_sets_the_way_to_cuda_and_deactivate_takes_it_back(before: str | None) -> None:
    show = 'echo "${LD_LIBRARY_PATH-unset}"'
    # Twice, as users may.
    source = f"source {VENV}/bin/activate"
    script = f"set -eu; {show}; {source}; {source}; {show}; which python; deactivate; {show}"
    environment = {"PATH": os.defpath, **({} if before is None else {"LD_LIBRARY_PATH": before})}
    shown = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True).stdout
    path = str(LIBRARIES) if before is None else f"{LIBRARIES}:{before}"
    assert shown.split() == [before or "unset", path, PYTHON, before or "unset"]
