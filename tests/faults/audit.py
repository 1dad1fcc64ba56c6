"""Licences of everything that the installed project needs, and its known vulnerabilities where their list is reachable.

python -m tests.faults.audit; the exit code is 1 if a package has a known vulnerability. No list that can be used
without a network is kept up to date, so this is not part of make lint.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tabulate import tabulate

_EXTRAS = ("", "train", "horovod")


def main() -> int:
    found = needed("ner-dist", _EXTRAS)
    print(tabulate([(name, found[name], licence(name)) for name in sorted(found)], ["package", "version", "licence"]))
    return vulnerabilities(found)


def needed(project: str, extras: tuple[str, ...]) -> dict[str, str]:
    """Names and versions of all installed packages that a project with these extras needs, however indirectly."""
    found: dict[str, str] = {}
    waiting = [(project, extras)]
    while waiting:
        name, of_extras = waiting.pop()
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        for line in package.requires or []:
            requirement = Requirement(line)
            wanted = any(
                requirement.marker is None or requirement.marker.evaluate({"extra": extra}) for extra in of_extras
            )
            other = canonicalize_name(requirement.name)
            if wanted and other not in found and other != project:
                found[other] = _version(other)
                waiting.append((other, ("", *requirement.extras)))
    return {name: version for name, version in found.items() if version}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def licence(name: str) -> str:
    """As the package states it, in whichever field."""
    stated = importlib.metadata.metadata(name)
    classifiers = [line.rpartition(" :: ")[2] for line in stated.get_all("Classifier", []) if "License ::" in line]
    field = (stated.get("License") or "").strip().split("\n")[0][:60]
    return stated.get("License-Expression") or ", ".join(classifiers) or field or "not stated"


def vulnerabilities(packages: dict[str, str]) -> int:
    if importlib.util.find_spec("pip_audit") is None:
        print("\nknown vulnerabilities: not looked for, pip-audit is not installed (pip install pip-audit)")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder, "pins.txt")
        pins.write_text("".join(f"{name}=={version}\n" for name, version in sorted(packages.items())))
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(pins), "--no-deps", "--disable-pip"]
        finished = subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, text=True)
    print(f"\n{finished.stdout}{finished.stderr[-2000:]}")
    # It ends with 1 in both cases.
    if re.search(r"Found \d+ known vulnerabilit", finished.stdout + finished.stderr):
        return 1
    if finished.returncode:
        print("known vulnerabilities: the list could not be read")
    return 0


if __name__ == "__main__":
    sys.exit(main())
