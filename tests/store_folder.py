"""A local folder that stands for all stores, and a cache, both of one test."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_dist.stores.addresses import Address, parse_address


def use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Address:
    """Where the test may put things."""
    monkeypatch.setenv("NER_STORE_FOLDER", str(folder / "store"))
    monkeypatch.setenv("NER_CACHE", str(folder / "cache"))
    monkeypatch.setenv("NER_STORE_RETRIES", "1")
    return parse_address("s3://texts/made")
