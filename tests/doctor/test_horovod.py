"""The doctor's checks of Horovod and NCCL, with a fake horovodrun: each fails, and its advice is followed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ask_doctor import debian, distribution, follow, program, provokes, write

from launch.doctor.checks import mxnet_and_horovod, software
from launch.doctor.finding import fail, ok
from launch.doctor.machine import DoctorOptions, Machine

# With horovodrun itself.
DEEP = DoctorOptions(deep=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with its own environment."""
    monkeypatch.setattr(software, "PROJECT", tmp_path)
    write(tmp_path, ".venv/ready", "")
    return tmp_path


def with_launcher(folder: Path, script: str, **variables: str) -> Machine:
    """A machine with its own horovodrun."""
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(exist_ok=True)
    if not python.exists():
        python.symlink_to(sys.executable)
    (python.parent / "horovodrun").write_text(f"#!/bin/bash\n{script}\n")
    (python.parent / "horovodrun").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOROVOD_")}
    return debian(
        folder, python=str(python), environment={**environment, **variables}, resolve=lambda name: ["10.0.0.1"]
    )


@provokes("horovod")
def test_variables_of_another_job_are_unset(project: Path) -> None:
    script = 'if [ "$HOROVOD_CONTROLLER" = mpi ]; then echo "RuntimeError: no MPI here" >&2; exit 1; fi'
    machine = with_launcher(project, script, HOROVOD_CONTROLLER="mpi")
    found = mxnet_and_horovod.horovod(machine, DEEP)
    assert (found.found, found.fix) == (
        "2 ranks do not work together: RuntimeError: no MPI here",
        "unset HOROVOD_CONTROLLER",
    )
    unset = follow(found._replace(fix=f"{found.fix}\nenv"), project, HOROVOD_CONTROLLER="mpi")
    left = dict(line.split("=", 1) for line in unset.splitlines() if line.startswith("HOROVOD_"))
    assert mxnet_and_horovod.horovod(with_launcher(project, script, **left), DEEP).status == "ok"


@provokes("horovod")
@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("sleep 60", "2 ranks did not sum anything within 0.5 s: horovodrun -np 2 hangs"),
        (
            "echo '[1]<stderr>:verify: the sum of counts is 3' >&2; exit 1",
            "2 ranks do not work together: the sum of counts is 3",
        ),
        ("exit 7", "2 ranks do not work together: horovodrun ended with code 7"),
        ("rm", "there is no horovodrun next to Python"),
    ],
)
def test_a_horovod_that_does_not_work_is_built_again(
    project: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    monkeypatch.setattr(mxnet_and_horovod, "TIMEOUT_S", 0.5 if "sleep" in script else 60)
    machine = with_launcher(project, script)
    launcher = project / ".venv" / "bin" / "horovodrun"
    if script == "rm":
        launcher.unlink()
        machine = debian(project, python=machine.python, environment={"PATH": "/none"})
    found = mxnet_and_horovod.horovod(machine, DEEP)
    assert (found.status, found.found) == ("FAIL", told)
    monkeypatch.setattr(mxnet_and_horovod, "TIMEOUT_S", 60)
    # make setup installs another one, or pip if only horovodrun is missing.
    repaired = f"printf '#!/bin/bash\\n' > {launcher}; chmod +x {launcher}"
    (project / ".venv" / "bin" / "python").unlink()
    program(project, "python", f'[ "$1 $2" = "-m pip" ]; [ $3 = uninstall ] || {{ {repaired}; }}')
    (project / ".venv" / "bin" / "python").symlink_to(project / "stand-ins" / "python")
    follow(found, project, program(project, "make", f"[ $1 = setup ]; [ ! -e .venv/ready ]; {repaired}"))
    assert mxnet_and_horovod.horovod(machine, DEEP).status == "ok"


def test_by_default_the_project_s_own_launcher_starts_the_ranks(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, commands = with_launcher(project, "exit 7"), []

    def child(machine: Machine, command: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "[0]<stdout>:verify: 2 ranks add up exactly on cpu(0); x", "")

    monkeypatch.setattr(mxnet_and_horovod, "_without_driver", lambda machine: False)
    monkeypatch.setattr(Machine, "child", child)
    found = mxnet_and_horovod.horovod(machine, DoctorOptions())
    assert found.found == "2 ranks add up exactly on cpu(0) through Gloo"
    assert commands == [[*f"{machine.python} -m launch.job.horovodrun -np 2 {machine.python} -m launch.verify".split()]]


def test_ranks_that_cannot_import_mxnet_are_no_fault_of_horovod(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, broken = with_launcher(project, "exit 7"), fail("MXNet does not work: numpy", "a repair")
    failed = subprocess.CompletedProcess([], 1, "", "AttributeError: module 'numpy' has no attribute 'bool'")
    monkeypatch.setattr(mxnet_and_horovod, "_without_driver", lambda machine: False)
    monkeypatch.setattr(Machine, "child", lambda *_: failed)
    monkeypatch.setattr(mxnet_and_horovod, "mxnet", lambda *_: broken)
    assert mxnet_and_horovod.horovod(machine, DoctorOptions()) == broken
    monkeypatch.setattr(mxnet_and_horovod, "mxnet", lambda *_: ok("it works"))
    assert "do not work together" in mxnet_and_horovod.horovod(machine, DoctorOptions()).found


@provokes("nccl")
def test_horovod_is_built_with_nccl(project: Path) -> None:
    site = project / "site"
    distribution(site, "mxnet-cu117", "1.9.1")
    write(site, "horovod/__init__.py", "")
    environment = {**os.environ, "PYTHONPATH": str(site)}
    python = project / ".venv-gpu" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    machine = debian(project, python=str(python), places=(str(site),), environment=environment)
    write(project, ".venv-gpu/ready", "")
    # At first it cannot be imported, then it has no NCCL, then it has.
    for expected, next_version in (("FAIL", 0), ("warn", 21403)):
        found = mxnet_and_horovod.nccl(machine, DoctorOptions())
        assert found.status == expected
        code = f"def nccl_built(): return {next_version}"
        built = f"echo '{code}' > {site}/horovod/mxnet.py; rm -rf {site}/horovod/__pycache__"
        program(project, "apt-get", '[ "$*" = "install -y nvidia-cuda-toolkit gcc-11 g++-11" ]')
        programs = program(
            project, "make", f"[ $1 = setup-gpu ]; [ ! -e .venv-gpu/ready ]; {built}; touch .venv-gpu/ready"
        )
        follow(found, project, programs)
    assert mxnet_and_horovod.nccl(machine, DoctorOptions()).found == "Horovod is built with NCCL 2.14.3"


def test_nccl_is_nothing_for_the_cpu(tmp_path: Path) -> None:
    assert mxnet_and_horovod.nccl(Machine(places=()), DoctorOptions()).status == "skip"


@pytest.mark.parametrize("check", [mxnet_and_horovod.horovod, mxnet_and_horovod.nccl])
def test_what_needs_mxnet_waits_for_the_driver(monkeypatch: pytest.MonkeyPatch, check: Any) -> None:
    monkeypatch.setattr(mxnet_and_horovod, "version_of", lambda *_: "1.9.1")
    monkeypatch.setattr(Machine, "ask", lambda *_: "there is no driver")
    assert check(Machine(), DoctorOptions()).status == "skip"
