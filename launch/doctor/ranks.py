"""Checks that compute: MXNet alone, and ranks that exchange sums through Horovod, each in processes of their own."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from launch.doctor.finding import Finding, as_root, fail, ok, skip, warn
from launch.doctor.machine import ChildError, Machine, Options, last_words
from launch.doctor.software import make_again, use_environment, version_of

TIMEOUT_S = 90
# Ranks that one machine is asked to start, however many the job has: what is to be seen is seen with few.
MOST_RANKS = 8
_MULTIPLY = """
import json, os
os.environ.setdefault("OMP_NUM_THREADS", "1")
import mxnet as mx
product = mx.nd.dot(mx.nd.array([[1, 2], [3, 4]]), mx.nd.array([[5], [6]]))
print(json.dumps([mx.__version__, product.asnumpy().ravel().tolist()]))
"""
_EXPECTED = [17.0, 39.0]


def mxnet(machine: Machine, options: Options) -> Finding:
    """Whether MXNet can be imported and multiplies matrices right."""
    try:
        version, product = machine.ask(_MULTIPLY, TIMEOUT_S)
    except ChildError as error:
        return fail("mxnet", f"MXNet does not work: {error}", *_mend_mxnet(machine, str(error)))
    if product != _EXPECTED:
        return fail("mxnet", f"MXNet {version} computes {product} instead of {_EXPECTED}", _again(machine, "mxnet"))
    return ok("mxnet", f"{version} imports and multiplies right")


def _mend_mxnet(machine: Machine, error: str) -> list[str]:
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
    return [_again(machine, "mxnet")]


def _again(machine: Machine, package: str) -> str:
    name = "mxnet-cu117" if package == "mxnet" and version_of(machine, "mxnet-cu117") else package
    version = version_of(machine, package)
    return f"{machine.python} -m pip install --force-reinstall --no-deps {name}{f'=={version}' if version else ''}"


def horovod(machine: Machine, options: Options) -> Finding:
    """Whether ranks of this machine find each other and add up floats and counts exactly (launch.verify)."""
    num_ranks = max(2, min(options.np, MOST_RANKS))
    if _without_driver(machine):
        return skip("horovod", "it needs MXNet, which cannot be loaded here")
    if version_of(machine, "horovod") is None:
        return fail("horovod", f"Horovod is not installed for {machine.python}", *use_environment())
    launcher = Path(machine.python).parent / "horovodrun"
    if not launcher.exists():
        found = shutil.which("horovodrun", path=machine.search_path())
        if found is None:
            return fail("horovod", "there is no horovodrun beside Python", _again(machine, "horovod"))
        launcher = Path(found)
    command = [str(launcher), "-np", str(num_ranks), machine.python, "-m", "launch.verify"]
    try:
        done = machine.child(command, TIMEOUT_S)
    except subprocess.TimeoutExpired:
        found = f"{num_ranks} ranks did not add up anything within {TIMEOUT_S} s, {' '.join(command[1:3])} hangs"
        return fail("horovod", found, *_mend_horovod(machine))
    said = re.findall(r"verify: (.*)", done.stdout + done.stderr)
    if done.returncode:
        found = said[-1] if said else _first_error(done.stderr) or f"horovodrun ended with code {done.returncode}"
        return fail("horovod", f"{num_ranks} ranks do not work together: {found}", *_mend_horovod(machine))
    return ok("horovod", f"{said[-1].split(';')[0]} through Gloo" if said else "the ranks add up exactly")


def _without_driver(machine: Machine) -> bool:
    """Whether this is MXNet's GPU build on a machine without NVIDIA driver, as the check of MXNet tells."""
    ask = (
        "import json; from ner_dist.ranks.python_environment import complaint_of_machine as c; "
        "print(json.dumps(c() or ''))"
    )
    try:
        return bool(machine.ask(ask))
    except ChildError:
        return False


def _first_error(text: str) -> str:
    """The line that tells why, of a launcher that says much afterwards."""
    told = re.findall(r"(?:\w*Error|what\(\)): +.*", text)
    return (told[0].strip() if told else last_words(text))[:200]


def _mend_horovod(machine: Machine) -> list[str]:
    """What is most likely in the way: a name that does not resolve, variables of another job, a broken build."""
    try:
        machine.resolve(machine.host_name)
    except OSError:
        return [name_line(machine, "127.0.1.1")]
    strange = sorted(name for name in machine.environment if name.startswith("HOROVOD_"))
    if strange:
        return [f"unset {' '.join(strange)}"]
    again = make_again(machine)
    ours = again[0].startswith("rm ")
    return [
        *([f"{machine.python} -m pip uninstall -y horovod"] if ours else []),
        *again,
        f"# if it fails again: horovodrun --verbose -np 2 {machine.python} -m launch.verify",
    ]


def name_line(machine: Machine, address: str) -> str:
    """The command that lets this machine know its own name."""
    return f"echo '{address} {machine.host_name}' | {as_root('tee -a /etc/hosts')}"


def nccl(machine: Machine, options: Options) -> Finding:
    """Whether gradients go from GPU to GPU, in an environment for GPUs."""
    if version_of(machine, "mxnet-cu117") is None:
        return skip("nccl", "this environment computes on the CPU")
    if _without_driver(machine):
        return skip("nccl", "Horovod needs MXNet, which cannot be loaded here")
    try:
        version = machine.ask("import json, horovod.mxnet as hvd; print(json.dumps(int(hvd.nccl_built())))", TIMEOUT_S)
    except ChildError as error:
        return fail("nccl", f"Horovod cannot be asked: {error}", *make_again(machine))
    if not version:
        found = "Horovod is built without NCCL: gradients go through the memory of the host, which works but is slower"
        build = machine.install("nvidia-cuda-toolkit", "gcc-11", "g++-11")
        return warn("nccl", found, build, "rm -f .venv-gpu/ready", "make setup-gpu")
    return ok("nccl", f"Horovod is built with NCCL {version // 10000}.{version // 100 % 100}.{version % 100}")
