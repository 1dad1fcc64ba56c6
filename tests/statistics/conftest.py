"""Corpus files that several tests of statistics read."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_statistics import DEV, TRAIN


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """Corpus files by split."""
    for split, text in (("train", TRAIN), ("dev", DEV)):
        (tmp_path / f"{split}.conll").write_text(text)
    return {split: tmp_path / f"{split}.conll" for split in ("train", "dev")}
