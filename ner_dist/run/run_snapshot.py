"""The files of a run's directory as they are at one moment, so that they can be uploaded while training goes on."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from ner_dist.run.saver import link_or_copy

_CHECKPOINTS = "checkpoints"


def take_snapshot(run: Path, into: Path) -> None:
    """Make a copy of a run's directory; nobody may be writing its checkpoints meanwhile.

    Checkpoints cost links: their files are replaced, but never written to. Raises OSError.
    """
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run)
        # What is being written has a name with a dot.
        if any(part.startswith(".") for part in name.parts) or not path.is_file():
            continue
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.parts[0] == _CHECKPOINTS:
            link_or_copy(str(path), str(target))
        else:
            # A tool may just have removed it.
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(path, target)
