"""Runs the doctor for tests, and follows its advice: a shell runs its fixes word for word."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from processes import ROOT

from launch.doctor.finding import Finding
from launch.doctor.machine import Machine

Test = TypeVar("Test", bound=Callable[..., Any])


def provokes(*names: str) -> Callable[[Test], Test]:
    """Marks a test that makes these checks fail and follows their advice; test_doctor.py demands one for each."""

    def mark(test: Test) -> Test:
        test.provokes = names  # type: ignore[attr-defined]
        return test

    return mark


def ask(*words: str, before: str = "", python: str = sys.executable, **variables: str | None) -> dict[str, Finding]:
    """What the doctor finds when a user runs it in a shell after typing `before`; None unsets a variable."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOROVOD_")}
    # Set by conftest.py, not by the user.
    environment.pop("OMP_NUM_THREADS", None)
    for name, value in variables.items():
        environment.pop(name, None)
        environment.update({} if value is None else {name: value})
    command = ["bash", "-c", f'{before}\nexec "$@"', "bash", python, "-m", "launch", "doctor", "--json", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode in (0, 1), done.stderr
    found = {each["name"]: Finding(**each) for each in json.loads(done.stdout)["findings"]}
    assert done.returncode == any(each.status == "FAIL" for each in found.values())
    return found


def follow(finding: Finding, folder: Path, *stand_ins: Path, **variables: str) -> str:
    """Run the fix in a shell in a folder, with these folders first on PATH; returns its output."""
    assert finding.status in ("FAIL", "warn"), finding
    path = os.pathsep.join([*map(str, stand_ins), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", finding.fix],
        cwd=folder,
        env={**os.environ, "PATH": path, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{finding.fix}\n{done.stderr}"
    return done.stdout


def program(folder: Path, name: str, script: str) -> Path:
    """A stand-in for a program: a shell script in a folder, which is returned for PATH."""
    place = folder / "stand-ins"
    place.mkdir(exist_ok=True)
    (place / name).write_text(f"#!/bin/bash\nset -e\n{script}\n", encoding="utf-8")
    (place / name).chmod(0o755)
    if name != "sudo":
        # For tests that run without root.
        program(folder, "sudo", 'exec "$@"')
    return place


def debian(root: Path, **parts: Any) -> Machine:
    """A Debian machine whose system files are in a folder."""
    write(root, "etc/os-release", "ID=debian\n")
    return Machine(root=root, **parts)


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


def distribution(site: Path, name: str, version: str) -> None:
    """Make a package look installed in a folder."""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    write(site, f"{name.replace('-', '_')}-{version}.dist-info/METADATA", metadata)
    write(site, f"{name.replace('-', '_')}-{version}.dist-info/RECORD", "")


class Environment(NamedTuple):
    """A virtual environment whose pip installs wheels of `wheels`, and nothing else."""

    python: str
    site: Path
    wheels: Path
    variables: dict[str, str]


def made_environment(tmp_path: Path) -> Environment:
    place, wheels = tmp_path / "env", tmp_path / "wheels"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    wheels.mkdir()
    (site,) = place.glob("lib/python3*/site-packages")
    import pip

    # Only pip, from the environment of the tests.
    (tmp_path / "pip-alone").mkdir()
    (tmp_path / "pip-alone" / "pip").symlink_to(Path(pip.__file__).parent)
    (site / "pip.pth").write_text(f"{tmp_path / 'pip-alone'}\n")
    variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_NO_CACHE_DIR": "1"}
    return Environment(str(place / "bin" / "python"), site, wheels, variables)


def add_wheel(wheels: Path, name: str, version: str, code: str) -> None:
    information = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheels / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", code)
        wheel.writestr(f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(
            f"{information}/RECORD", f"{name}/__init__.py,,\n{information}/METADATA,,\n{information}/WHEEL,,\n"
        )


def advised_np(finding: Finding) -> int:
    found = re.search(r"--np (\d+)", finding.fix)
    assert found, finding
    return int(found[1])
