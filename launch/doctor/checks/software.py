"""Checks of what is installed: Python, the system, a compiler, and the packages' versions."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from pathlib import Path

from launch.doctor.finding import Finding, fail, ok, skip, warn
from launch.doctor.machine import PROJECT, ChildError, DoctorOptions, Machine

OLDEST, NEWEST = (3, 9), (3, 11)
# That of manylinux2014, for which MXNet's wheel is built.
GLIBC = (2, 17)
# Required; packaging is needed by Horovod.
NEEDED = ("mxnet", "horovod", "numpy", "pyarrow", "jsonargparse", "pyyaml", "packaging")
# Imports of training that other folders could shadow.
IMPORTED = ("mxnet", "horovod", "numpy", "pyarrow", "ner_dist", "launch")
# Environments, and the make targets that make them.
ENVIRONMENTS = {".venv": "setup", ".venv-gpu": "setup-gpu"}
# In .venv and in .venv-gpu.
MXNET_NAMES = ("mxnet", "mxnet-cu117")
_IN_CONTAINER = "docker build --platform linux/amd64 -t ner-dist -f launch/container/cpu.Dockerfile ."


def environment_python() -> Path:
    return PROJECT / ".venv" / "bin" / "python"


def use_environment() -> list[str]:
    """The commands that make the project's environment, if there is none, and run the doctor with it."""
    python = environment_python()
    return [*([] if python.exists() else ["make setup"]), f"{python} -m launch doctor"]


def version_of(machine: Machine, package: str) -> str | None:
    for name in MXNET_NAMES if package == "mxnet" else (package,):
        for distribution in importlib.metadata.distributions(name=name, path=list(machine.places)):
            return distribution.version
    return None


def python(machine: Machine, options: DoctorOptions) -> Finding:
    shown, wrong = ".".join(map(str, machine.version)), ""
    if not OLDEST <= machine.version[:2] <= NEWEST:
        wrong = f"{machine.python} is Python {shown}, and MXNet 1.9.1 needs 3.9, 3.10 or 3.11"
    elif machine.bits != 64:
        wrong = f"{machine.python} is a {machine.bits}-bit Python, and MXNet has only 64-bit wheels"
    if not wrong:
        return ok(f"{shown}, 64 bit, {machine.python}")
    if environment_python().exists():
        return fail(wrong, *use_environment())
    return fail(wrong, machine.install("python3.11", "python3.11-venv"), "make setup PYTHON=python3.11")


def venv(machine: Machine, options: DoctorOptions) -> Finding:
    """Whether `make setup` can make an environment; always ok once there is one."""
    folder = environment_python().parents[2]
    made = [name for name in ENVIRONMENTS if (folder / name / "bin" / "python").exists()]
    if made:
        return ok(f"there is {' and '.join(made)}")
    try:
        machine.ask("import ensurepip, json, venv; print(json.dumps(True))")
    except ChildError as error:
        package = f"python{machine.version[0]}.{machine.version[1]}-venv"
        return fail(f"Python cannot make environments ({error})", machine.install(package))
    return ok("Python can make environments")


def platform(machine: Machine, options: DoctorOptions) -> Finding:
    name, version = machine.libc
    found = f"{machine.kernel} {machine.processor}, {name or 'C library unknown'} {version}".rstrip()
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if (machine.kernel, machine.processor, name) != ("Linux", "x86_64", "glibc") or numbers < GLIBC:
        return fail(f"{found}; MXNet 1.9.1 has wheels for Linux x86_64, glibc 2.17 or newer", _IN_CONTAINER)
    return ok(found)


def compiler(machine: Machine, options: DoctorOptions) -> Finding:
    """A compiler and make, which only the build of Horovod needs."""
    path = machine.search_path()
    names = [machine.environment.get("CXX", "c++").split()[0], "g++"]
    found = next((name for name in names if shutil.which(name, path=path)), None)
    missing = [*([] if found else ["g++"]), *([] if shutil.which("make", path=path) else ["make"])]
    if not missing:
        return ok(f"{found} and make are there")
    if version_of(machine, "horovod"):
        return skip(f"no {' and no '.join(missing)}, but Horovod is built")
    found = f"Horovod is built from source, and there is no {' and no '.join(missing)}"
    return fail(found, machine.install(*missing))


def packages(machine: Machine, options: DoctorOptions) -> Finding:
    """Required packages, and whether they have the versions that were tested together."""
    missing = [name for name in NEEDED if version_of(machine, name) is None]
    if missing:
        return fail(f"{machine.python} lacks {', '.join(missing)}", *make_again(machine))
    wrong = _other_versions(machine)
    if not wrong:
        return ok(f"mxnet {version_of(machine, 'mxnet')}, horovod {version_of(machine, 'horovod')}, all as tested")
    needed = [name for name in wrong if name in NEEDED]
    shown = ", ".join(f"{name} {found}, not {wanted}" for name, (found, wanted) in list(wrong.items())[:4])
    more = f" and {len(wrong) - 4} more" if len(wrong) > 4 else ""
    found = f"other versions than in constraints.txt: {shown}{more}"
    install = " ".join(f"{name}=={wanted}" for name, (_, wanted) in wrong.items())
    fix = f"{machine.python} -m pip install --no-deps {install}"
    return (fail if needed else warn)(found, fix)


def make_again(machine: Machine) -> list[str]:
    """The commands that make the environment of this Python again, or use the project's."""
    for name, target in ENVIRONMENTS.items():
        if Path(machine.python).parent == PROJECT / name / "bin":
            # So that make does not take it for complete.
            return [f"rm -f {name}/ready", f"make {target}"]
    return use_environment()


def _other_versions(machine: Machine) -> dict[str, tuple[str, str]]:
    """Installed packages whose version is not that of constraints.txt: name -> found, wanted."""
    from packaging.requirements import Requirement

    environment = {"python_version": "{}.{}".format(*machine.version)}
    lines = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = {}
    for requirement in (Requirement(line) for line in lines if line.strip() and not line.startswith("#")):
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        found = version_of(machine, requirement.name)
        if found is not None and found not in requirement.specifier:
            wrong[requirement.name] = (found, str(requirement.specifier).lstrip("="))
    return wrong


def shadowing(machine: Machine, options: DoctorOptions) -> Finding:
    """Whether packages come from this environment, and not from another project through PYTHONPATH."""
    for name in ("PYTHONHOME", "PYTHONPATH"):
        value = machine.environment.get(name)
        if value and [part for part in value.split(os.pathsep) if part and Path(part).resolve() != PROJECT]:
            places = _foreign(machine)
            found = f"{name}={value}" + (f", which brings another {', '.join(places)}" if places else "")
            return (fail if places else warn)(found, f"unset {name}")
    foreign = _foreign(machine)
    if foreign and not machine.environment.get("PYTHONNOUSERSITE"):
        found = f"{', '.join(foreign)} come from {next(iter(foreign.values()))}, outside of this environment"
        return fail(found, "export PYTHONNOUSERSITE=1")
    return ok("packages come from this environment alone")


def _foreign(machine: Machine) -> dict[str, str]:
    """Modules that are neither in the environment nor in the project: name -> folder."""
    # In a new process, whose sys.path is that of the ranks.
    code = f"""
import importlib.machinery, json, os, sys
prefixes = [os.path.realpath(place) + os.sep for place in (sys.prefix, sys.base_prefix, {str(PROJECT)!r})]
found = {{}}
for name in {IMPORTED!r}:
    spec = importlib.machinery.PathFinder.find_spec(name)
    origin = spec and (spec.origin or next(iter(spec.submodule_search_locations or []), None))
    if origin and not os.path.realpath(origin).startswith(tuple(prefixes)):
        found[name] = os.path.dirname(origin)
print(json.dumps(found))"""
    foreign: dict[str, str] = machine.ask(code)
    return foreign
