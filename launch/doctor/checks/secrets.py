"""Checks whether secrets in the environment can be read by other users of the machine while ranks run."""

from __future__ import annotations

import re

from launch.doctor.finding import Finding, ok, quoted, warn
from launch.doctor.machine import DoctorOptions, Machine

_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|(^|_)(API_?|ACCESS_?|PRIVATE_?)?KEY$", re.I)
_HIDDEN = re.compile(r"^\S+ /proc proc \S*hidepid=(1|2|noaccess|invisible)\b", re.M)
_LAUNCH = "# python -m launch local, ssh, slurm or kubernetes show none; before you call horovodrun itself:"


def secrets(machine: Machine, options: DoctorOptions) -> Finding:
    """Whether horovodrun, which writes all variables on command lines, would show a secret in the process list."""
    if _HIDDEN.search(machine.text("/proc/mounts")):
        return ok("other users do not see this user's processes (hidepid)")
    names = sorted(name for name, value in machine.environment.items() if value and _SECRET.search(name))
    if not names:
        return ok("no variable is named like a secret; horovodrun itself shows all variables in the process list")
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    found = f"horovodrun itself would show {shown}, like all variables, to every user in the process list"
    return warn(found, _LAUNCH, f"unset {' '.join(map(quoted, names))}")
