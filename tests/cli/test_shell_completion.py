"""Completion in the shell: what each command offers when argcomplete's shell functions ask it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ROOT

from ner_dist.cli import shell_completion

# argcomplete's shell functions look for it in a file's first bytes.
MARK = b"PYTHON_ARGCOMPLETE_OK"
MARK_BYTES = 1024
COMMANDS = (
    "data_prep/__main__.py",
    *(f"ner_dist/{name}.py" for name in ("train", "evaluate", "predict", "export", "serve", "report")),
    "bench/run.py",
    "launch/__main__.py",
)


def offered(module: str, line: str, folder: Path, **variables: str) -> list[str]:
    """Completions of `python -m MODULE LINE`, the cursor at its end; they come through file descriptor 8."""
    line = f"python -m {module} {line}"
    # Like the shell functions: the number of words before the arguments, and the cursor's place.
    asked = {"_ARGCOMPLETE": "3", "_ARGCOMPLETE_IFS": "\n", "COMP_LINE": line, "COMP_POINT": str(len(line.encode()))}
    environment = {**os.environ, **asked, "COMP_TYPE": "9", "_ARGCOMPLETE_SUPPRESS_SPACE": "1", "PYTHONPATH": str(ROOT)}
    finished = subprocess.run(
        ["sh", "-c", 'exec "$@" 8>offered 9>/dev/null', "sh", sys.executable, "-m", module],
        cwd=folder,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    # Anything printed would appear within the user's command line.
    assert (finished.stdout, finished.stderr) == ("", "")
    return [found for found in (folder / "offered").read_text().split("\n") if found]


@pytest.mark.parametrize("path", COMMANDS)
def test_the_shell_can_tell_that_a_command_answers(path: str) -> None:
    assert MARK in (ROOT / path).read_bytes()[:MARK_BYTES]


@pytest.mark.parametrize(
    ("module", "line", "expected"),
    [
        ("data_prep", "in", ["inspect"]),
        ("data_prep", "convert in out --sch", ["--scheme"]),
        ("data_prep", "convert in out --scheme b", ["bio", "bioes", "bilou", "bmes", "bmewo"]),
        ("data_prep", "fetch glove-6b-5", ["glove-6b-50d"]),
        ("ner_dist.train", "--train.ep", ["--train.epochs"]),
        ("ner_dist.train", "--optimizer.name ada", ["adadelta", "adagrad", "adam"]),
        ("ner_dist.evaluate", "run --split t", ["train", "test"]),
        ("ner_dist.predict", "runs --to h", ["html"]),
        ("ner_dist.suggesting", "runs pool --to doc", ["doccano"]),
        ("ner_dist.export", "runs --onn", ["--onnx"]),
        ("ner_dist.serve", "exports --por", ["--port"]),
        ("ner_dist.report", "runs --split d", ["dev"]),
        ("bench.run", "tim", ["time_to_f1", "timeline"]),
    ],
)
def test_names_and_values_are_offered(module: str, line: str, expected: list[str], tmp_path: Path) -> None:
    assert offered(module, line, tmp_path) == expected


def test_splits_and_types_of_a_shard_set_are_offered(synth_shards: Path, tmp_path: Path) -> None:
    assert offered("data_prep", f"inspect {synth_shards} --split ", tmp_path) == ["train", "dev", "test"]
    assert offered("data_prep", f"inspect {synth_shards} --type P", tmp_path) == ["PER"]
    assert offered("data_prep", f"inspect {tmp_path} --type P", tmp_path) == []


def test_a_command_without_the_package_parses_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    # None makes its import fail.
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    shell_completion.complete(argparse.ArgumentParser())
