"""A folder that the user names -> the files in it. It may come from a stranger."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from data_prep.problems import CorpusError
from data_prep.sources.split_names import is_no_corpus


def files_below(folder: Path) -> Iterator[Path]:
    """The files of a folder and of those in it that are not hidden. Raises CorpusError for a link that leads out."""
    seen = set()
    root = os.path.realpath(folder)
    for parent, folders, names in os.walk(folder, followlinks=True):
        # A link may lead back to where it is.
        place = os.path.realpath(parent)
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        if place not in seen:
            seen.add(place)
            shown = [Path(parent, name) for name in names if not name.startswith(".") and not is_no_corpus(name)]
            for path in [*(Path(parent, name) for name in folders), *shown]:
                _refuse_way_out(path, root)
            yield from (path for path in (Path(parent, name) for name in names if name[0] != ".") if path.is_file())


def _refuse_way_out(path: Path, root: str) -> None:
    """A folder may come from a stranger, and then its links must not read what else this user can read."""
    if path.is_symlink() and not f"{(target := os.path.realpath(path))}/".startswith(f"{root}/"):
        raise CorpusError(
            f"{path}: a link to {target}, out of the folder that was named; if it is meant, name it too, or the files "
            "by a pattern such as 'FOLDER/*'"
        )
