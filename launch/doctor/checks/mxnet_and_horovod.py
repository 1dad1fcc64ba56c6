"""Checks that compute, in their own processes: MXNet alone, and ranks that exchange sums through Horovod."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
import subprocess

from launch.doctor.checks.software import make_again, use_environment, version_of
from launch.doctor.finding import FAIL, Finding, as_root, fail, ok, skip, warn
from launch.doctor.machine import ChildError, DoctorOptions, Machine, last_line

TIMEOUT_S = 90
# Ranks to start at most, however many the job has: few are enough to see what is wrong.
MOST_RANKS = 8
_MULTIPLY = """
import json, os
os.environ.setdefault("OMP_NUM_THREADS", "1")
import mxnet as mx
product = mx.nd.dot(mx.nd.array([[1, 2], [3, 4]]), mx.nd.array([[5], [6]]))
print(json.dumps([mx.__version__, product.asnumpy().ravel().tolist()]))
"""
# The rest of its import takes ten times as long.
_LIBRARY = """
import ctypes, importlib.util, json
place = importlib.util.find_spec("mxnet").submodule_search_locations[0]
print(json.dumps(bool(ctypes.CDLL(place + "/libmxnet.so"))))
"""
_EXPECTED = [17.0, 39.0]


def mxnet(machine: Machine, options: DoctorOptions) -> Finding:
    """Whether MXNet can be imported and multiplies correctly; or only loads, if ranks are to show the rest."""
    ranks_follow = not options.only or "horovod" in options.only
    if ranks_follow and not options.deep and (version := _loads(machine)):
        return ok(f"{version}, its library loads; the ranks below compute with it")
    try:
        version, product = machine.ask(_MULTIPLY, TIMEOUT_S)
    except ChildError as error:
        return fail(f"MXNet does not work: {error}", *_repair_mxnet(machine, str(error)))
    if product != _EXPECTED:
        return fail(f"MXNet {version} computes {product} instead of {_EXPECTED}", _reinstall(machine, "mxnet"))
    return ok(f"{version} imports and multiplies correctly")


def _loads(machine: Machine) -> str | None:
    """The version of MXNet, if its library can be loaded."""
    version = version_of(machine, "mxnet")
    with contextlib.suppress(ChildError):
        return version and machine.ask(_LIBRARY, TIMEOUT_S) and version
    return None


def _repair_mxnet(machine: Machine, error: str) -> list[str]:
    library = re.search(r"(lib[\w+-]+)\.so[.\d]*: cannot open shared object file", error)
    if library and library[1] == "libcuda":
        return [machine.install("nvidia-driver"), f"# or train on the CPU: {use_environment()[-1]}"]
    if library:
        package = {"libgomp": "libgomp1", "libquadmath": "libquadmath0", "libgfortran": "libgfortran5"}
        return [machine.install(package.get(library[1], library[1]))]
    if version_of(machine, "mxnet") is None:
        return use_environment()
    numpy = version_of(machine, "numpy") or ""
    if "numpy" in error and not numpy.startswith(("1.22", "1.23")):
        return [f"{machine.python} -m pip install --no-deps numpy==1.23.5"]
    return [_reinstall(machine, "mxnet")]


def _reinstall(machine: Machine, package: str) -> str:
    name = "mxnet-cu117" if package == "mxnet" and version_of(machine, "mxnet-cu117") else package
    version = version_of(machine, package)
    return f"{machine.python} -m pip install --force-reinstall --no-deps {name}{f'=={version}' if version else ''}"


def horovod(machine: Machine, options: DoctorOptions) -> Finding:
    """Whether ranks of this machine find each other and sum counts exactly (launch.verify)."""
    num_ranks = max(2, min(options.np, MOST_RANKS))
    if _without_driver(machine):
        return skip("it needs MXNet, which cannot be loaded here")
    if version_of(machine, "horovod") is None:
        return fail(f"Horovod is not installed for {machine.python}", *use_environment())
    launcher = shutil.which("horovodrun", path=machine.variables()["PATH"])
    if launcher is None:
        return fail("there is no horovodrun next to Python", _reinstall(machine, "horovod"))
    # The project's own needs half of the time.
    start = [launcher] if options.deep else [machine.python, "-m", "launch.job.horovodrun"]
    command = [*start, "-np", str(num_ranks), machine.python, "-m", "launch.verify"]
    try:
        done = machine.child(command, TIMEOUT_S)
    except subprocess.TimeoutExpired:
        found = f"{num_ranks} ranks did not sum anything within {TIMEOUT_S} s: horovodrun -np {num_ranks} hangs"
        return _unless_mxnet(machine, options, fail(found, *_repair_horovod(machine)))
    said = re.findall(r"verify: (.*)", done.stdout + done.stderr)
    if done.returncode:
        # The first error has the reason; horovodrun writes many other lines after it.
        errors = re.findall(r"(?:\w*Error|what\(\)): +.*", done.stderr)
        reason = errors[0].strip()[:200] if errors else last_line(done.stderr)
        found = said[-1] if said else reason or f"horovodrun ended with code {done.returncode}"
        failure = fail(f"{num_ranks} ranks do not work together: {found}", *_repair_horovod(machine))
        return _unless_mxnet(machine, options, failure)
    return ok(f"{said[-1].split(';')[0]} through Gloo" if said else "the ranks sum exactly")


def _unless_mxnet(machine: Machine, options: DoctorOptions, failure: Finding) -> Finding:
    """The failure of ranks, unless MXNet is to blame, which they were the first to import."""
    if options.deep:
        return failure
    of_mxnet = mxnet(machine, dataclasses.replace(options, deep=True))
    return of_mxnet if of_mxnet.status == FAIL else failure


def _without_driver(machine: Machine) -> bool:
    """Whether this is MXNet's GPU build on a machine without NVIDIA driver, which the check mxnet reports."""
    look = (
        "import json; from ner_dist.ranks import python_environment as p; print(json.dumps(p.complaint_of_machine()))"
    )
    try:
        return bool(machine.ask(look))
    except ChildError:
        return False


def _repair_horovod(machine: Machine) -> list[str]:
    """Commands for the likely causes: a name that does not resolve, variables of another job, a broken build."""
    try:
        machine.resolve(machine.host_name)
    except OSError:
        return [name_line(machine, "127.0.1.1")]
    leftover = sorted(name for name in machine.environment if name.startswith("HOROVOD_"))
    if leftover:
        return [f"unset {' '.join(leftover)}"]
    again = make_again(machine)
    # The project's own environment, whose Horovod is then built again.
    uninstall = [f"{machine.python} -m pip uninstall -y horovod"] if again[0].startswith("rm ") else []
    return [*uninstall, *again, f"# if it fails again: horovodrun --verbose -np 2 {machine.python} -m launch.verify"]


def name_line(machine: Machine, address: str) -> str:
    """The command that makes this machine's own name resolve."""
    return f"echo '{address} {machine.host_name}' | {as_root('tee -a /etc/hosts')}"


def nccl(machine: Machine, options: DoctorOptions) -> Finding:
    """Whether gradients go directly from GPU to GPU, in an environment for GPUs."""
    if version_of(machine, "mxnet-cu117") is None:
        return skip("this environment computes on the CPU")
    if _without_driver(machine):
        return skip("Horovod needs MXNet, which cannot be loaded here")
    try:
        version = machine.ask("import json, horovod.mxnet as hvd; print(json.dumps(int(hvd.nccl_built())))", TIMEOUT_S)
    except ChildError as error:
        return fail(f"Horovod cannot be asked: {error}", *make_again(machine))
    if not version:
        found = "Horovod is built without NCCL: gradients go through host memory, which works but is slower"
        build = machine.install("nvidia-cuda-toolkit", "gcc-11", "g++-11")
        return warn(found, build, "rm -f .venv-gpu/ready", "make setup-gpu")
    return ok(f"Horovod is built with NCCL {version // 10000}.{version // 100 % 100}.{version % 100}")
