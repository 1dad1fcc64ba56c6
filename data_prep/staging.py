"""A directory is built in a temporary one beside its final place and moved there when complete, or not at all.

Unlike ner_dist.atomic_file.whole_directory: there is a place for intermediate files, and SIGTERM cleans up.
"""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ner_dist.atomic_file import is_old, replace, temporary_beside
from ner_dist.cli.interrupts import terminate_like_interrupt
from ner_dist.contract.shard_format import INDEX_NAME, VECTORS_NAME
from ner_dist.errors import UserError


class OutputError(UserError):
    """An output that must not be replaced."""


def check_output(out: Path, sources: list[Path]) -> None:
    """Raise OutputError unless `out` is absent, empty, or a shard set that may be replaced."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"--out {out} is a file, expected a directory")
    if not out.is_dir():
        return
    check_names(str(out), sorted(path.name for path in out.iterdir()))
    for source in sources:
        if out.resolve() in source.resolve().parents:
            raise OutputError(f"{source} lies in --out {out}, which would be replaced; choose another --out")


def check_names(out: str, names: Sequence[str]) -> None:
    """Raise OutputError unless a folder with these files and folders is empty, or a shard set."""
    if names and INDEX_NAME not in names:
        raise OutputError(f"--out {out} holds {names[0]} but no {INDEX_NAME}: not a shard set, so it is not replaced")
    parts = (INDEX_NAME, VECTORS_NAME, "vocab")
    foreign = [name for name in names if name not in parts and not name.endswith(".parquet")]
    if foreign:
        raise OutputError(f"--out {out} holds {foreign[0]}, which is not part of a shard set, so it is not replaced")


@contextmanager
def staged(out: Path) -> Iterator[tuple[Path, Path]]:
    """(directory to build in, directory for intermediate files); on success the first becomes `out`.

    Both lie beside `out`, on the same disk, and are removed afterwards, whatever happens.
    """
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_unowned(out)
    with terminate_like_interrupt(), temporary_beside(out) as root:
        root.mkdir(mode=0o700)
        built, spill = root / "built", root / "spill"
        built.mkdir()
        spill.mkdir()
        yield built, spill
        replace(built, out)


def _remove_unowned(out: Path) -> None:
    """Remove what killed builds of older versions have left, whose names do not say by whom, once it is old."""
    for path in out.parent.glob(f".{glob.escape(out.name)}-????????"):
        parts = {part.name for part in path.iterdir()} if path.is_dir() and not path.is_symlink() else {""}
        if parts <= {"built", "spill", "old"} and is_old(path):
            if "old" in parts and not out.exists():
                # Killed between two renames.
                os.replace(path / "old", out)
            shutil.rmtree(path, ignore_errors=True)
