"""What the user says about engines."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from ner_dist.engines.choose_engine import EngineChoice, open_executor
from ner_dist.engines.executor import EngineError
from ner_dist.engines.one_process import OneProcess


def test_one_worker_without_a_limit_is_this_process(tmp_path: Path) -> None:
    with open_executor(EngineChoice(), tmp_path) as executor:
        assert isinstance(executor, OneProcess)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            EngineChoice("spark"),
            "--engine spark: no such engine, expected one of processes, dask, ray, dask://",
        ),
        (EngineChoice("dask://"), "no such engine"),
        (EngineChoice("dask://host:port"), "no such engine"),
        (EngineChoice("ray://host"), "no such engine"),
        (EngineChoice("host:6379"), "no such engine"),
        (EngineChoice(workers=0), "--workers must be at least 1, not 0"),
        (EngineChoice(workers=2, worker_memory_gb=0.01), r"--worker-memory-gb must be at least 0\.25, not 0\.01"),
        (EngineChoice("ray", worker_memory_gb=4), "not for --engine ray"),
        (EngineChoice("ray://host:10001", worker_memory_gb=4), "not for --engine ray"),
        (EngineChoice("dask://host:8786", worker_memory_gb=4), "run already; bound theirs as they are started"),
    ],
)
def test_what_makes_no_sense_is_refused(choice: EngineChoice, message: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=message), open_executor(choice, tmp_path):
        pass


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_an_engine_that_is_not_installed_is_an_error(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = builtins.__import__

    def without_it(name: str, *arguments: Any, **named: Any) -> Any:
        if name == engine:
            raise ImportError(name)
        return before(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without_it)
    message = rf"pip install 'ner-dist\[{engine}\]'"
    with pytest.raises(EngineError, match=message), open_executor(EngineChoice(engine, 2), tmp_path):
        pass
