"""The files of a corpus as preparation takes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from data_prep.sources.source_files import SourceFile, Sources


def sources_of(files: Mapping[str, Path]) -> Sources:
    """One file for each split."""
    return [(split, SourceFile(path)) for split, path in files.items()]
