"""Checks of GPUs, which ask the CUDA driver before MXNet uses one."""

from __future__ import annotations

from typing import Any

from launch.doctor.checks.software import use_environment, version_of
from launch.doctor.finding import Finding, fail, ok, skip, warn
from launch.doctor.machine import PROJECT, ChildError, DoctorOptions, Machine

# PCI vendor of NVIDIA, and PCI class of display controllers.
_NVIDIA, _DISPLAY = "0x10de", "0x03"
# In its own process, because a driver that crashes must not end the doctor.
_ASK = """
import json
from ner_dist.ranks import gpu
try:
    driver = gpu.driver()
    found = {
        "kind": "driver",
        "version": driver.version,
        "problem": gpu.verdict_of_driver(driver.version),
        "warning": gpu.warning_of_driver(driver.version),
        "none": None if driver.gpus else gpu.why_none(),
        "gpus": [{"index": each.index, "shown": str(each), "verdict": gpu.verdict(each)} for each in driver.gpus],
    }
except gpu.DriverError as error:
    found = {"kind": "none" if isinstance(error, gpu.NoDriver) else "broken", "why": str(error)}
print(json.dumps(found))
"""


def _ask(machine: Machine) -> Any:
    """What the driver answered: with the kind "driver" as above, with "none" and "broken" only why."""
    try:
        return machine.ask(_ASK)
    except ChildError as error:
        return {"kind": "broken", "why": f"asking the NVIDIA driver failed: {error}"}


def _for_gpus(machine: Machine) -> bool:
    """Whether this environment is for GPUs, and unusable without them."""
    return version_of(machine, "mxnet-cu117") is not None


def _num_nvidia_cards(machine: Machine) -> int:
    devices = "sys/bus/pci/devices"
    names = [place.name for place in (machine.root / devices).glob("*")]
    kinds = [[machine.text(f"{devices}/{name}/{part}") for part in ("vendor", "class")] for name in names]
    return sum(vendor.strip() == _NVIDIA and kind.startswith(_DISPLAY) for vendor, kind in kinds)


def driver(machine: Machine, options: DoctorOptions) -> Finding:
    """The CUDA driver, where there is an NVIDIA card or an environment that needs one."""
    asked = _ask(machine)
    say = fail if _for_gpus(machine) else warn
    update = f"{machine.install('nvidia-driver')}   # then reboot"
    if asked["kind"] == "none":
        cards = _num_nvidia_cards(machine)
        if not cards and not _for_gpus(machine):
            return skip("no NVIDIA GPU; training computes on the CPU")
        found = f"{cards} NVIDIA card{'s' if cards != 1 else ''} and no driver: {asked['why'].split(';')[0]}"
        return say(found, update, _train_on_cpu(machine))
    if asked["kind"] == "broken":
        look = "nvidia-smi   # shows more; often a reboot or a newer driver helps"
        return say(asked["why"], look, _train_on_cpu(machine))
    if asked["problem"]:
        return say(asked["problem"], update)
    cuda = f"CUDA {asked['version'] // 1000}.{asked['version'] % 1000 // 10}"
    if not asked["warning"]:
        return ok(f"{cuda}, {len(asked['gpus'])} GPUs")
    if machine.environment.get("MXNET_USE_FUSION") == "0":
        return ok(f"{cuda}, without kernels that are compiled at run time")
    return warn(asked["warning"], "export MXNET_USE_FUSION=0", update)


def capability(machine: Machine, options: DoctorOptions) -> Finding:
    """Whether MXNet has machine code for the visible GPUs."""
    asked = _ask(machine)
    if asked["kind"] != "driver":
        return skip("no driver to ask")
    say = fail if _for_gpus(machine) else warn
    named = machine.environment.get("CUDA_VISIBLE_DEVICES")
    if asked["none"]:
        show = "nvidia-smi -L" if named is None else "unset CUDA_VISIBLE_DEVICES"
        return say(asked["none"], show, _train_on_cpu(machine))
    fit = [gpu for gpu in asked["gpus"] if gpu["verdict"] is None]
    verdicts = [gpu["verdict"] for gpu in asked["gpus"] if gpu["verdict"]]
    if verdicts and fit:
        # The variable's own names of the GPUs that have these numbers now.
        visible = [named.split(",")[gpu["index"]].strip() if named else str(gpu["index"]) for gpu in fit]
        return say(verdicts[0], f"export CUDA_VISIBLE_DEVICES={','.join(visible)}")
    if verdicts:
        return say(verdicts[0], _train_on_cpu(machine))
    shown = ", ".join(gpu["shown"] for gpu in fit)
    if not _for_gpus(machine):
        start = f"{PROJECT / '.venv-gpu' / 'bin' / 'python'} -m launch doctor"
        return warn(f"{shown}: not used, this environment computes on the CPU", "make setup-gpu", start)
    return ok(shown)


def _train_on_cpu(machine: Machine) -> str:
    if _for_gpus(machine):
        return f"{use_environment()[-1]}   # the environment that computes on the CPU"
    return "python -m launch local -- --train.device cpu"
