"""The doctor's checks of GPUs, with a fake CUDA driver: each fails, and its advice is followed."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path
from typing import Any

import pytest
from ask_doctor import debian, distribution, follow, program, provokes, write
from fake_driver import make_driver, with_driver

from launch.doctor.checks import gpus
from launch.doctor.finding import Finding
from launch.doctor.machine import DoctorOptions, Machine

FITS = ["5.0", "5.2", "6.1", "7.0", "7.5", "8.0", "8.6", "8.9"]
NOT = ["3.5", "9.0", "10.0", "12.0"]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_driver(tmp_path_factory.mktemp("driver"))


@pytest.fixture
def of_gpus(tmp_path: Path) -> tuple[str, ...]:
    """The package folders of an environment for GPUs."""
    distribution(tmp_path / "gpu-site", "mxnet-cu117", "1.9.1")
    return (str(tmp_path / "gpu-site"),)


def machine(folder: Path, driver: Path | None, places: tuple[str, ...] = (), **variables: str) -> Machine:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CUDA_", "FAKE_"))}
    found = with_driver(driver, **variables) if driver else {"LD_LIBRARY_PATH": "", **variables}
    return debian(folder, environment={**environment, **found}, places=places)


def after(finding: Finding, folder: Path, **variables: str) -> dict[str, str]:
    """The variables for GPUs after typing a fix where these were set."""
    said = follow(finding._replace(fix=f"{finding.fix}\nenv"), folder, **variables)
    kept = ("CUDA_", "FAKE_", "MXNET_USE_FUSION")
    return dict(line.split("=", 1) for line in said.splitlines() if line.startswith(kept))


@pytest.mark.parametrize("capability", FITS)
def test_gpus_of_5_0_to_8_9_are_good(tmp_path: Path, driver: Path, of_gpus: tuple[str, ...], capability: str) -> None:
    found = gpus.capability(machine(tmp_path, driver, of_gpus, FAKE_CUDA_GPUS=capability), DoctorOptions())
    assert (found.status, f"compute capability {capability}" in found.found) == ("ok", True), found


@provokes("gpu")
@pytest.mark.parametrize("capability", NOT)
def test_other_gpus_are_refused_for_the_cpu(
    tmp_path: Path, driver: Path, of_gpus: tuple[str, ...], capability: str
) -> None:
    of_all = machine(tmp_path, driver, of_gpus, FAKE_CUDA_GPUS=capability)
    found = gpus.capability(of_all, DoctorOptions())
    assert found.status == "FAIL"
    assert (
        f"compute capability {capability}) is {'older' if capability < '5' and len(capability) == 3 else 'newer'} than"
        in found.found
    )
    # The advised environment computes on the CPU, where the GPU is only reported as unused.
    assert re.match(r"(make setup\n)?\S+/\.venv/bin/python -m launch doctor", found.fix), found
    there = gpus.capability(machine(tmp_path, driver, FAKE_CUDA_GPUS=capability), DoctorOptions())
    assert (there.status, there.fix) == ("warn", "python -m launch local -- --train.device cpu")


@provokes("gpu")
def test_of_several_gpus_those_that_fit_are_chosen(tmp_path: Path, driver: Path, of_gpus: tuple[str, ...]) -> None:
    variables = {"FAKE_CUDA_GPUS": "9.0,8.6,7.0", "CUDA_VISIBLE_DEVICES": "2,0,1"}
    found = gpus.capability(machine(tmp_path, driver, of_gpus, **variables), DoctorOptions())
    assert (found.status, found.fix) == ("FAIL", "export CUDA_VISIBLE_DEVICES=2,1")
    again = machine(tmp_path, driver, of_gpus, **after(found, tmp_path, **variables))
    assert gpus.capability(again, DoctorOptions()).status == "ok"


@provokes("gpu")
def test_hidden_gpus_are_shown(tmp_path: Path, driver: Path, of_gpus: tuple[str, ...]) -> None:
    variables = {"FAKE_CUDA_GPUS": "8.6", "CUDA_VISIBLE_DEVICES": ""}
    found = gpus.capability(machine(tmp_path, driver, of_gpus, **variables), DoctorOptions())
    assert (found.status, "CUDA_VISIBLE_DEVICES" in found.found) == ("FAIL", True), found
    first = found._replace(fix=found.fix.splitlines()[0])
    again = machine(tmp_path, driver, of_gpus, **after(first, tmp_path, **variables))
    assert gpus.capability(again, DoctorOptions()).status == "ok"


@provokes("gpu")
def test_gpus_that_the_environment_leaves_idle_are_told(tmp_path: Path, driver: Path, of_gpus: tuple[str, ...]) -> None:
    found = gpus.capability(machine(tmp_path, driver, FAKE_CUDA_GPUS="8.6"), DoctorOptions())
    assert found.status == "warn"
    setup, ask = found.fix.splitlines()
    assert setup == "make setup-gpu"
    assert ask.endswith("/.venv-gpu/bin/python -m launch doctor")
    # In that environment:
    assert gpus.capability(machine(tmp_path, driver, of_gpus, FAKE_CUDA_GPUS="8.6"), DoctorOptions()).status == "ok"


def drivers(folder: Path) -> Path:
    """Stand-ins for the commands of a fix; apt-get leaves a mark and installs the driver."""
    program(folder, "nvidia-smi", "true")
    return program(folder, "apt-get", f'[ "$*" = "install -y nvidia-driver" ]; touch {folder}/installed')


def first_line(finding: Finding) -> Finding:
    """Without the alternative, training on the CPU, which has its own tests."""
    return finding._replace(fix=finding.fix.splitlines()[0])


@provokes("gpu-driver")
@pytest.mark.parametrize("for_gpus", [True, False])
def test_a_driver_is_installed_for_a_card(
    tmp_path: Path, driver: Path, of_gpus: tuple[str, ...], for_gpus: bool
) -> None:
    places = of_gpus if for_gpus else ()
    for part, text in (("vendor", "0x10de\n"), ("class", "0x030200\n")):
        write(tmp_path, f"sys/bus/pci/devices/0000:01:00.0/{part}", text)
    bare = machine(tmp_path, None, places)
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        pass
    else:
        pytest.skip("this machine has a driver")
    found = gpus.driver(bare, DoctorOptions())
    assert (found.status, "1 NVIDIA card and no driver" in found.found) == ("FAIL" if for_gpus else "warn", True), found
    follow(first_line(found), tmp_path, drivers(tmp_path))
    assert (tmp_path / "installed").exists()
    assert gpus.driver(machine(tmp_path, driver, places, FAKE_CUDA_GPUS="8.6"), DoctorOptions()).status == "ok"


@provokes("gpu-driver")
@pytest.mark.parametrize(
    ("variables", "status", "told"),
    [
        ({"FAKE_CUDA_INIT": "803"}, "FAIL", "different versions"),
        ({"FAKE_CUDA_INIT": "304"}, "FAIL", "refused a call"),
        ({"FAKE_CUDA_COUNT": "999"}, "FAIL", "unknown error"),
        ({"FAKE_CUDA_VERSION": "10020"}, "FAIL", "supports CUDA 10.2"),
        ({"FAKE_CUDA_VERSION": "11040"}, "warn", "supports CUDA 11.4"),
    ],
)
def test_a_driver_that_is_broken_or_old_is_replaced(
    tmp_path: Path, driver: Path, of_gpus: tuple[str, ...], variables: dict[str, str], status: str, told: str
) -> None:
    found = gpus.driver(machine(tmp_path, driver, of_gpus, FAKE_CUDA_GPUS="8.6", **variables), DoctorOptions())
    assert (found.status, told in found.found) == (status, True), found
    changed = after(first_line(found), tmp_path, PATH=f"{drivers(tmp_path)}:{os.environ['PATH']}", **variables)
    if status == "warn":
        # A variable repairs it, or the new driver that apt-get or a reboot brings, which does not have the fault.
        again = machine(tmp_path, driver, of_gpus, **{"FAKE_CUDA_GPUS": "8.6", **changed})
        assert changed["MXNET_USE_FUSION"] == "0"
    else:
        again = machine(tmp_path, driver, of_gpus, FAKE_CUDA_GPUS="8.6")
    assert gpus.driver(again, DoctorOptions()).status == "ok"


def test_without_a_card_nothing_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer: Any = {"kind": "none", "why": "there is no NVIDIA driver here"}
    monkeypatch.setattr(Machine, "ask", lambda *_: answer)
    assert gpus.driver(debian(tmp_path, places=()), DoctorOptions()).status == "skip"
    assert gpus.capability(debian(tmp_path, places=()), DoctorOptions()).status == "skip"


def test_a_driver_that_crashes_takes_only_the_question_along(tmp_path: Path) -> None:
    found = gpus.driver(debian(tmp_path, python="/bin/false", places=()), DoctorOptions())
    assert (found.status, "asking the NVIDIA driver failed" in found.found) == ("warn", True)
