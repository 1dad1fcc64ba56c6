"""The directory of an export: it is there as a whole or not at all, and never in the place of something else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ner_dist.prediction.export_format import ExportError, is_export


def require_free(directory: Path) -> None:
    """Raises ExportError if something else than an export, or than nothing, is there."""
    if directory.is_dir() and not any(directory.iterdir()):
        return
    if os.path.lexists(directory) and not is_export(directory):
        raise ExportError(f"{directory} is there and is no exported model, so it is not overwritten; name another DIR")


@contextmanager
def replaced(directory: Path) -> Iterator[Path]:
    """A new directory to fill, DIR.partial, which then takes the place of DIR; nothing changes if that fails.

    Raises ExportError if it cannot be written, or DIR is something else than an export.
    """
    # A name such as . or x/.. has no other beside it.
    directory = directory.resolve()
    require_free(directory)
    partial, previous = (directory.with_name(f"{directory.name}.{state}") for state in ("partial", "previous"))
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        if directory.exists():
            shutil.rmtree(previous, ignore_errors=True)
            os.replace(directory, previous)
        os.replace(partial, directory)
        shutil.rmtree(previous, ignore_errors=True)
    except OSError as error:
        raise ExportError(f"{directory}: the export could not be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
