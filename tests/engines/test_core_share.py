"""The share of the cores that a process has."""

from __future__ import annotations

import os

import pytest

from ner_dist.engines import core_share


def test_threads_of_libraries_follow_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setattr(core_share._Share, "num_cores", None)
    # All cores are this process's, so what the user says counts.
    core_share.share_threads()
    assert os.environ["OMP_NUM_THREADS"] == "7"
    core_share.use_cores(3)
    core_share.share_threads()
    assert (core_share.num_cores(), os.environ["OMP_NUM_THREADS"]) == (3, "3")
