"""The doctor's checks of Python, system, compiler and packages: each fails, and its advice is followed."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from ask_doctor import (
    Environment,
    add_wheel,
    ask,
    debian,
    distribution,
    follow,
    made_environment,
    program,
    provokes,
    write,
)
from processes import ROOT

from launch.doctor.checks import software
from launch.doctor.machine import DoctorOptions, Machine

NOTHING = DoctorOptions()
# An interpreter without this project's packages, but the same Python.
BARE = getattr(sys, "_base_executable", sys.executable)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return made_environment(tmp_path)


def without_environment(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(software, "environment_python", lambda: folder / "no" / "python")


@provokes("python")
@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"version": (3, 12, 1)}, "is Python 3.12.1, and MXNet 1.9.1 needs 3.9, 3.10 or 3.11"),
        ({"version": (3, 8, 18)}, "is Python 3.8.18"),
        ({"bits": 32}, "is a 32-bit Python"),
    ],
)
def test_another_python_is_installed_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, object], told: str
) -> None:
    without_environment(monkeypatch, tmp_path)
    found = software.python(debian(tmp_path, **parts), NOTHING)
    assert found.status == "FAIL"
    assert told in found.found
    # apt-get installs the interpreter, and make runs the one that it is given.
    program(
        tmp_path,
        "apt-get",
        f'[ "$*" = "install -y python3.11 python3.11-venv" ]; ln -s {sys.executable} {tmp_path}/stand-ins/python3.11',
    )
    programs = program(
        tmp_path, "make", f'cd {ROOT}; [ $1 = setup ]; exec "${{2#PYTHON=}}" -m launch doctor --only python'
    )
    assert follow(found, tmp_path, programs).startswith("ok    python")


@provokes("python")
def test_the_environment_that_is_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "environment_python", lambda: Path(sys.executable))
    found = software.python(Machine(version=(3, 12, 1)), NOTHING)
    assert f"\n{found.fix}" == f"\n{sys.executable} -m launch doctor"
    assert follow(found._replace(fix=f"{found.fix} --only python"), ROOT).startswith("ok    python")


@provokes("platform")
@pytest.mark.parametrize(
    "parts", [{"processor": "aarch64"}, {"kernel": "Darwin"}, {"libc": ("", "")}, {"libc": ("glibc", "2.12")}]
)
def test_on_another_system_there_is_the_container(tmp_path: Path, parts: dict[str, object]) -> None:
    found = software.platform(debian(tmp_path, **parts), NOTHING)
    assert found.status == "FAIL"
    assert "MXNet 1.9.1 has wheels for Linux x86_64, glibc 2.17 or newer" in found.found
    programs = program(tmp_path, "docker", "printf '%s\\n' \"$@\"")
    words = follow(found, ROOT, programs).splitlines()
    recipe = (ROOT / words[words.index("-f") + 1]).read_text(encoding="utf-8")
    assert re.search(r"^FROM .*debian:bookworm", recipe, re.M)
    system, processor = words[words.index("--platform") + 1].split("/")
    # As in Debian 12.
    inside = Machine(kernel=system.title(), processor={"amd64": "x86_64"}[processor], libc=("glibc", "2.36"))
    assert software.platform(inside, NOTHING).status == "ok"


@provokes("venv")
def test_the_venv_module_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_environment(monkeypatch, tmp_path)
    write(tmp_path, "lacks/ensurepip/__init__.py", "raise ImportError('No module named ensurepip')")
    machine = debian(tmp_path, environment={**os.environ, "PYTHONPATH": str(tmp_path / "lacks")})
    found = software.venv(machine, NOTHING)
    assert found.status == "FAIL"
    assert "No module named ensurepip" in found.found
    package = f"python3.{sys.version_info[1]}-venv"
    programs = program(tmp_path, "apt-get", f'[ "$*" = "install -y {package}" ]; rm -r {tmp_path}/lacks')
    follow(found, tmp_path, programs)
    assert software.venv(machine, NOTHING).status == "ok"


@provokes("compiler")
def test_a_compiler_is_installed_where_horovod_is_still_to_be_built(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    machine = debian(tmp_path, environment={"PATH": str(tmp_path / "bin")}, places=())
    found = software.compiler(machine, NOTHING)
    assert found == ("", "FAIL", "Horovod is built from source, and there is no g++ and no make", found.fix)
    script = f'[ "$1 $2" = "install -y" ]; for name in "${{@:3}}"; do ln -s /bin/true {tmp_path}/bin/$name; done'
    follow(found, tmp_path, program(tmp_path, "apt-get", script))
    assert software.compiler(machine, NOTHING).status == "ok"


def test_no_compiler_is_wanted_where_horovod_is_built(tmp_path: Path) -> None:
    distribution(tmp_path, "horovod", "0.28.1")
    machine = Machine(environment={"PATH": str(tmp_path)}, places=(str(tmp_path),))
    assert software.compiler(machine, NOTHING).status == "skip"


def test_other_systems_get_their_own_command(tmp_path: Path) -> None:
    write(tmp_path, "etc/os-release", 'ID="rocky"\nID_LIKE="rhel centos fedora"\n')
    assert Machine(root=tmp_path).install("g++", "make").endswith("dnf install -y gcc-c++ make")
    assert Machine(root=tmp_path / "none").install("g++").startswith("# install g++ with")


@provokes("packages", "mxnet", "horovod")
def test_a_python_without_packages_is_sent_to_the_environment(environment: Environment) -> None:
    found = ask("--only", "packages", "mxnet", "horovod", python=environment.python, PYTHONPATH=None)
    assert [each.status for each in found.values()] == ["FAIL"] * 3, found
    assert "lacks mxnet, horovod, numpy" in found["packages"].found
    for each in found.values():
        *setup, command = each.fix.splitlines()
        assert setup in ([], ["make setup"])
        python, *words = command.split()
        assert words == ["-m", "launch", "doctor"]
        assert Path(python) == ROOT / ".venv" / "bin" / "python"
    # The tests run in an environment of make setup, whatever its name.
    again = ask("--only", "packages", "mxnet")
    assert [each.status for each in again.values()] == ["ok"] * 2, again


@provokes("packages")
def test_a_half_made_environment_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    monkeypatch.setattr(software, "PROJECT", tmp_path)
    shutil.copy(ROOT / "constraints.txt", tmp_path)
    write(tmp_path, ".venv/ready", "")
    write(tmp_path, ".venv/bin/python", "")
    machine = Machine(python=str(tmp_path / ".venv/bin/python"), places=(str(site),))
    distribution(site, "numpy", "1.23.5")
    found = software.packages(machine, NOTHING)
    assert "lacks mxnet, horovod, pyarrow, jsonargparse" in found.found
    # Like make setup, which does nothing if the environment is ready.
    programs = program(tmp_path, "make", f"[ $1 = setup ] && [ ! -e .venv/ready ]; touch {tmp_path}/made")
    follow(found, tmp_path, programs)
    assert (tmp_path / "made").exists()
    for name in software.NEEDED:
        distribution(site, name, pinned(name))
    assert software.packages(machine, NOTHING).status == "ok"


def pinned(name: str) -> str:
    """The pinned version for this Python."""
    from packaging.requirements import Requirement

    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    fitting = [r for r in requirements if r.name.lower() == name and (not r.marker or r.marker.evaluate())]
    return str(fitting[0].specifier).lstrip("=")


@provokes("packages")
@pytest.mark.parametrize(("name", "status"), [("numpy", "FAIL"), ("tqdm", "warn")])
def test_a_version_that_was_not_tested_is_replaced(
    environment: Environment, tmp_path: Path, name: str, status: str
) -> None:
    for needed in software.NEEDED:
        distribution(environment.site, needed, pinned(needed))
    shutil.rmtree(environment.site / f"{name}-{pinned(name)}.dist-info", ignore_errors=True)
    distribution(environment.site, name, "1.24.0")
    add_wheel(environment.wheels, name, pinned(name), "")
    machine = Machine(python=environment.python, places=(str(environment.site),))
    found = software.packages(machine, NOTHING)
    assert (found.status, f"{name} 1.24.0, not {pinned(name)}" in found.found) == (status, True), found
    follow(found, tmp_path, **environment.variables)
    assert software.packages(machine, NOTHING).status == "ok"


@provokes("shadowing")
def test_packages_of_another_project_are_excluded(tmp_path: Path) -> None:
    write(tmp_path, "numpy/__init__.py", "")
    found = ask("--only", "shadowing", PYTHONPATH=str(tmp_path))["shadowing"]
    assert (found.status, found.found) == ("FAIL", f"PYTHONPATH={tmp_path}, which brings another numpy")
    assert ask("--only", "shadowing", before=found.fix, PYTHONPATH=str(tmp_path))["shadowing"].status == "ok"


@provokes("shadowing")
def test_a_pythonpath_that_shadows_nothing_is_only_told(tmp_path: Path) -> None:
    found = ask("--only", "shadowing", PYTHONPATH=str(tmp_path))["shadowing"]
    assert found.status == "warn"
    assert ask("--only", "shadowing", before=found.fix, PYTHONPATH=str(tmp_path))["shadowing"].status == "ok"
    assert ask("--only", "shadowing", PYTHONPATH=str(ROOT))["shadowing"].status == "ok"


@provokes("shadowing")
def test_packages_of_the_users_own_folder_are_excluded(tmp_path: Path) -> None:
    if sys.executable == BARE:
        pytest.skip("the tests do not run in a virtual environment")
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    write(tmp_path, f"lib/{version}/site-packages/mxnet/__init__.py", "")
    variables = {"PYTHONUSERBASE": str(tmp_path), "PYTHONPATH": None}
    found = ask("--only", "shadowing", python=BARE, **variables)["shadowing"]
    assert found.status == "FAIL"
    assert "mxnet come from" in found.found
    assert ask("--only", "shadowing", python=BARE, before=found.fix, **variables)["shadowing"].status == "ok"
