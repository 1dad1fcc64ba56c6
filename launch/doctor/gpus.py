"""Checks of GPUs, by asking the CUDA driver before MXNet touches one."""

from __future__ import annotations

import dataclasses
from typing import Any

from launch.doctor.finding import Finding, fail, ok, skip, warn
from launch.doctor.machine import PROJECT, ChildError, Machine, Options
from launch.doctor.software import use_environment, version_of

# Of NVIDIA on the PCI bus, and of what can show or compute: display controllers.
_NVIDIA, _DISPLAY = "0x10de", "0x03"
# In a process of its own: a driver that crashes must not take the doctor along.
_ASK = """
import json
from launch import gpu
found = {"kind": "driver"}
try:
    driver = gpu.driver()
    found["version"] = driver.version
    found["problem"] = gpu.verdict_of_driver(driver.version)
    found["warning"] = gpu.warning_of_driver(driver.version)
    found["none"] = None if driver.gpus else gpu.why_none()
    found["gpus"] = [{"index": each.index, "shown": str(each), "verdict": gpu.verdict(each)} for each in driver.gpus]
except gpu.NoDriver as error:
    found = {"kind": "none", "why": str(error)}
except gpu.DriverError as error:
    found = {"kind": "broken", "why": str(error)}
print(json.dumps(found))
"""


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the driver said."""

    # driver, none, broken
    kind: str
    why: str = ""
    version: int = 0
    problem: str | None = None
    warning: str | None = None
    none: str | None = None
    gpus: tuple[dict[str, Any], ...] = ()


def _ask(machine: Machine) -> Asked:
    try:
        return Asked(**machine.ask(_ASK))
    except ChildError as error:
        return Asked("broken", f"asking the NVIDIA driver failed: {error}")


def _for_gpus(machine: Machine) -> bool:
    """Whether this environment is for GPUs, and useless without."""
    return version_of(machine, "mxnet-cu117") is not None


def _num_cards(machine: Machine) -> int:
    """NVIDIA's cards in this machine, driver or not."""
    devices = machine.root / "sys/bus/pci/devices"
    places = sorted(devices.iterdir()) if devices.is_dir() else []
    kinds = [
        (machine.text(f"/sys/bus/pci/devices/{place.name}/{part}") for part in ("vendor", "class")) for place in places
    ]
    return sum(vendor.strip() == _NVIDIA and kind.startswith(_DISPLAY) for vendor, kind in kinds)


def driver(machine: Machine, options: Options) -> Finding:
    """The CUDA driver, where there is an NVIDIA card or an environment that needs one."""
    asked, name = _ask(machine), "gpu-driver"
    say = fail if _for_gpus(machine) else warn
    if asked.kind == "none":
        cards = _num_cards(machine)
        if not cards and not _for_gpus(machine):
            return skip(name, "no NVIDIA GPU; training computes on the CPU")
        found = f"{cards} NVIDIA card{'s' if cards != 1 else ''} and no driver: {asked.why.split(';')[0]}"
        return say(name, found, f"{machine.install('nvidia-driver')}   # then reboot", *_on_cpu(machine))
    if asked.kind == "broken":
        return say(
            name,
            asked.why,
            "nvidia-smi   # what does it say? Often a reboot or a newer driver helps",
            *_on_cpu(machine),
        )
    if asked.problem or asked.warning:
        update = f"{machine.install('nvidia-driver')}   # then reboot"
        mild = ["export MXNET_USE_FUSION=0"] if asked.problem is None else []
        tell = say if asked.problem else warn
        if not asked.problem and machine.environment.get("MXNET_USE_FUSION") == "0":
            return ok(
                name,
                f"CUDA {asked.version // 1000}.{asked.version % 1000 // 10}, without kernels compiled while running",
            )
        return tell(name, str(asked.problem or asked.warning), *mild, update)
    return ok(name, f"CUDA {asked.version // 1000}.{asked.version % 1000 // 10}, {len(asked.gpus)} GPUs")


def capability(machine: Machine, options: Options) -> Finding:
    """Whether MXNet has machine code for the GPUs that may be used."""
    asked, name = _ask(machine), "gpu"
    if asked.kind != "driver":
        return skip(name, "no driver to ask")
    say = fail if _for_gpus(machine) else warn
    if asked.none:
        hidden = "CUDA_VISIBLE_DEVICES" in machine.environment
        return say(name, asked.none, "unset CUDA_VISIBLE_DEVICES" if hidden else "nvidia-smi -L", *_on_cpu(machine))
    fit = [each for each in asked.gpus if each["verdict"] is None]
    unfit = [each for each in asked.gpus if each["verdict"] is not None]
    if unfit:
        first = str(unfit[0]["verdict"])
        if fit:
            visible = ",".join(_visible(machine, each["index"]) for each in fit)
            return say(name, first, f"export CUDA_VISIBLE_DEVICES={visible}")
        return say(name, first, *_on_cpu(machine))
    shown = ", ".join(each["shown"] for each in fit)
    if not _for_gpus(machine):
        start = f"{PROJECT / '.venv-gpu' / 'bin' / 'python'} -m launch doctor"
        return warn(name, f"{shown}: not used, this environment computes on the CPU", "make setup-gpu", start)
    return ok(name, shown)


def _visible(machine: Machine, index: int) -> str:
    """What CUDA_VISIBLE_DEVICES calls a GPU that has this index now."""
    named = machine.environment.get("CUDA_VISIBLE_DEVICES")
    return named.split(",")[index].strip() if named else str(index)


def _on_cpu(machine: Machine) -> list[str]:
    """The commands that train without a GPU."""
    if _for_gpus(machine):
        return [f"{use_environment()[-1]}   # the environment that computes on the CPU"]
    return ["python -m launch local -- --train.device cpu"]
