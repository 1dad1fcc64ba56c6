"""Corpora, vectors and word lists from public packages: a folder a resource, there as a whole or not at all.

Each folder holds source.json: what it was made of, under which licence, and the sha256 of its files.
"""

from __future__ import annotations

import difflib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_prep.fetching.package_client import (
    DISK_FULL,
    MEGABYTE,
    ROOM,
    Download,
    FetchError,
    Say,
    package_file,
    run_client,
)
from data_prep.fetching.resources import RESOURCES, Resource
from data_prep.staging import staged
from ner_dist.contract.shard_format import file_sha256

MANIFEST_NAME = "source.json"
PACKAGES_NAME = "packages"
DEFAULT_OUT = Path("data/fetched")


def _named(names: list[str], resources: Mapping[str, Resource]) -> list[Resource]:
    """The resources of these names, each once. Raises FetchError for a name that there is not."""
    for name in names:
        if name not in resources:
            near = difflib.get_close_matches(name.lower(), resources, n=2, cutoff=0.55)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise FetchError(f"there is no resource {name!r}: {hint}There are {', '.join(resources)}")
    return [resources[name] for name in dict.fromkeys(names)]


def _origin(resource: Resource) -> dict[str, Any]:
    """What a folder is made of; another origin, another folder."""
    packages = [{**package._asdict(), "registry": package.registry} for package in resource.packages]
    return {"name": resource.name, "edition": resource.edition, "licence": resource.licence, "packages": packages}


def _manifest(directory: Path) -> dict[str, Any] | None:
    """The folder's source.json; None if there is none that can be read."""
    try:
        manifest = json.loads((directory / MANIFEST_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def _files(directory: Path) -> dict[str, Any]:
    """Size and checksum of all that is in the folder but source.json."""
    paths = [path for path in sorted(directory.iterdir()) if path.name != MANIFEST_NAME]
    return {path.name: {"num_bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in paths}


def _write_manifest(directory: Path, resource: Resource) -> None:
    text = json.dumps({**_origin(resource), "files": _files(directory)}, indent=1, ensure_ascii=False) + "\n"
    (directory / MANIFEST_NAME).write_text(text, encoding="utf-8")


def fault(directory: Path, resource: Resource) -> str | None:
    """Why the folder must be made anew; None if it is there and right.

    Raises FetchError if something else stands in its place, which is not replaced.
    """
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return "it is not there yet"
    manifest = _manifest(directory)
    if manifest is None or manifest.get("name") != resource.name:
        raise FetchError(
            f"{directory} is there, but no {MANIFEST_NAME} says that it was fetched, so it is not replaced; "
            "move it away or choose another --out"
        )
    if {key: manifest.get(key) for key in _origin(resource)} != _origin(resource):
        return "it is of another edition"
    if manifest.get("files") != _files(directory):
        return "its files were changed"
    return None


def _notice(resource: Resource) -> list[str]:
    sources = [f"{package.registry} {package.title} ({package.licence})" for package in resource.packages]
    return [f"  licence: {resource.licence}", *(f"  source: {source}" for source in sources)]


def _drop_packages(resource: Resource, packages: Path) -> None:
    for package in resource.packages:
        (packages / package.file_name).unlink(missing_ok=True)
    if packages.is_dir() and not any(packages.iterdir()):
        packages.rmdir()


def _make(resource: Resource, out: Path, download: Download, say: Say) -> None:
    """Download what is missing, then make the folder and move it into its place."""
    begin_s = time.perf_counter()
    # The downloads are inside, so that a SIGTERM ends their client and removes what it began.
    with staged(out / resource.name) as (built, _):
        packages = out / PACKAGES_NAME
        files = {package.name: package_file(package, packages, download, say) for package in resource.packages}
        resource.make(files, built)
        _write_manifest(built, resource)
    num_bytes = sum(path.stat().st_size for path in (out / resource.name).iterdir())
    elapsed_s = time.perf_counter() - begin_s
    say(f"{out / resource.name}: complete, {num_bytes / MEGABYTE:.1f} MB in {elapsed_s:.0f} s")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Only one fetch at a time works in a folder; what a killed one left there is removed.

    Raises FetchError if another one is at work.
    """
    out.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(out, os.O_RDONLY)
    try:
        if _locked(descriptor, out):
            for name in RESOURCES:
                for leftover in out.glob(f".{name}-*"):
                    shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int, out: Path) -> bool:
    """Whether the folder could be locked; the lock is freed with the process, however it ends."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise FetchError(f"another fetch is at work in {out}; wait for its end or choose another --out") from error
    except OSError:
        # Some network file systems lock no folders.
        return False
    return True


def fetch(
    names: list[str],
    out: Path,
    say: Say = print,
    download: Download = run_client,
    resources: Mapping[str, Resource] = RESOURCES,
) -> None:
    """Make a folder in `out` for each resource named, unless it is there and right; then no client is called.

    `out`/packages keeps the packages' files until their resource is complete. Raises FetchError.
    """
    wanted = _named(names, resources)
    with _alone(out):
        for resource in wanted:
            why = fault(out / resource.name, resource)
            if why is None:
                say(f"{out / resource.name}: there already and right, nothing to do")
            else:
                say(f"{resource.name}: {why}")
                try:
                    _make(resource, out, download, say)
                except OSError as error:
                    if error.errno in DISK_FULL:
                        raise FetchError(f"{out / resource.name} could not be made: {ROOM}") from error
                    raise
            _drop_packages(resource, out / PACKAGES_NAME)
            for line in _notice(resource):
                say(line)
