"""What the driver is asked, and what its answers mean, with a made-up driver in child processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fake_driver import make_driver, with_driver
from processes import ROOT

from ner_dist.errors import UserError
from ner_dist.ranks import gpu


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_driver(tmp_path_factory.mktemp("driver"))


def asked(variables: dict[str, str], code: str = "print(gpu.driver())") -> str:
    """What a process prints that has these variables alone, or the last line of its error."""
    clean = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-c", f"from ner_dist.ranks import gpu\n{code}"]
    finished = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    return finished.stdout.strip() if finished.returncode == 0 else finished.stderr.strip().splitlines()[-1]


def test_gpus_are_told_with_name_and_compute_capability(driver: Path) -> None:
    variables = with_driver(
        driver, FAKE_CUDA_GPUS="8.6 NVIDIA RTX A6000,9.0 NVIDIA H100 PCIe", FAKE_CUDA_VERSION="11070"
    )
    shown = asked(variables, "found = gpu.driver()\nprint(found.version, *found.gpus, sep='; ')")
    assert shown == (
        "11070; GPU 0 (NVIDIA RTX A6000, compute capability 8.6); GPU 1 (NVIDIA H100 PCIe, compute capability 9.0)"
    )
    assert asked(variables, "print(len(gpu.devices()))") == "2"


@pytest.mark.parametrize(
    ("visible", "expected"),
    [("1", "Second"), ("1,0", "Second First"), ("", ""), ("-1", ""), ("0,7,1", "First"), ("none", "")],
)
def test_only_visible_gpus_count_in_the_order_that_cuda_gives_them(driver: Path, visible: str, expected: str) -> None:
    variables = with_driver(driver, FAKE_CUDA_GPUS="7.0 First,8.0 Second", CUDA_VISIBLE_DEVICES=visible)
    code = "found = gpu.devices()\nassert [g.index for g in found] == [*range(len(found))]\n"
    assert asked(variables, code + "print(*(g.name for g in found))") == expected


def test_no_gpu_is_no_error_and_the_reason_names_what_hides_them(driver: Path) -> None:
    code = "assert gpu.devices() == []\nprint(gpu.why_none())"
    assert asked(with_driver(driver), code) == "there is an NVIDIA driver here but no GPU"
    hidden = with_driver(driver, FAKE_CUDA_GPUS="8.0", CUDA_VISIBLE_DEVICES="3")
    assert asked(hidden, code).startswith("CUDA_VISIBLE_DEVICES=3 hides all GPUs: unset it")


def test_no_driver_is_one_sentence() -> None:
    code = "gpu._LIBRARY = 'libcuda-that-is-nowhere.so.1'\ngpu.driver()"
    assert asked({}, code).startswith(
        "ner_dist.ranks.gpu.NoDriver: there is no NVIDIA driver here, or it was not found "
        "(libcuda-that-is-nowhere.so.1: "
    )
    assert issubclass(gpu.NoDriver, gpu.DriverError)
    assert issubclass(gpu.DriverError, UserError)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"FAKE_CUDA_INIT": "34"}, "NoDriver: the CUDA toolkit's stub was found instead of an NVIDIA driver"),
        (
            {"FAKE_CUDA_INIT": "803"},
            "cuInit gave 803, the driver library and the loaded kernel module have different",
        ),
        ({"FAKE_CUDA_INIT": "999"}, "cuInit gave 999, unknown error, often a kernel module that is not loaded"),
        ({"FAKE_CUDA_INIT": "12345"}, "cuInit gave 12345, unexpected"),
        ({"FAKE_CUDA_COUNT": "3"}, "cuDeviceGetCount gave 3, it is not initialised"),
        ({"FAKE_CUDA_ATTRIBUTE": "46"}, "cuDeviceGetAttribute gave 46, another process uses a GPU exclusively"),
    ],
)
def test_an_error_of_the_driver_is_told_with_its_meaning(
    driver: Path, variables: dict[str, str], expected: str
) -> None:
    shown = asked(with_driver(driver, FAKE_CUDA_GPUS="8.0", **variables))
    assert shown.startswith("ner_dist.ranks.gpu.")
    assert expected in shown


@pytest.mark.parametrize("capability", ["5.0", "5.2", "5.3", "6.0", "6.1", "7.0", "7.5", "8.0", "8.6", "8.7", "8.9"])
def test_gpus_from_maxwell_to_ada_can_be_computed_on(driver: Path, capability: str) -> None:
    variables = with_driver(driver, FAKE_CUDA_GPUS=f"{capability} Covered")
    assert asked(variables, "print(gpu.verdict(gpu.devices()[0]))") == "None"


@pytest.mark.parametrize(
    ("capability", "age"),
    [("3.7", "older"), ("2.0", "older"), ("9.0", "newer"), ("10.0", "newer"), ("10.3", "newer"), ("12.0", "newer")],
)
def test_other_gpus_are_refused_in_one_sentence_that_tells_what_to_do(driver: Path, capability: str, age: str) -> None:
    variables = with_driver(driver, FAKE_CUDA_GPUS=f"8.0 Fine,{capability} Odd One")
    shown = asked(variables, "print(*map(gpu.verdict, gpu.devices()), sep='; ')")
    assert shown.startswith(
        f"None; GPU 1 (Odd One, compute capability {capability}) is {age} than the GPUs MXNet 1.9.1"
    )
    assert "5.0 to 8.9" in shown
    assert "--train.device cpu" in shown
    assert "ner_dist.export" in shown


@pytest.mark.parametrize(
    ("version", "refused", "warned"),
    [
        (10020, True, False),
        (11000, False, True),
        (11060, False, True),
        (11070, False, False),
        (12020, False, False),
        (13000, False, False),
    ],
)
def test_a_driver_must_be_of_cuda_11_and_had_better_be_of_11_7(version: int, refused: bool, warned: bool) -> None:
    shown = f"supports CUDA {version // 1000}.{version % 1000 // 10},"
    for sentence, expected in ((gpu.verdict_of_driver(version), refused), (gpu.warning_of_driver(version), warned)):
        assert (sentence is not None) == expected
        assert sentence is None or shown in sentence


def test_asking_for_gpus_needs_no_mxnet() -> None:
    code = "import sys\nprint({'mxnet', 'numpy', 'horovod'} & set(sys.modules))"
    assert asked({}, code) == "set()"
