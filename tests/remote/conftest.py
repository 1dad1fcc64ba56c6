"""A local folder that stands for all stores, with a cache of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the bucket s3://b."""
    monkeypatch.setenv("NER_STORE_FOLDER", str(tmp_path / "store"))
    monkeypatch.setenv("NER_CACHE", str(tmp_path / "cache"))
    bucket = tmp_path / "store/s3/b"
    bucket.mkdir(parents=True)
    return bucket
