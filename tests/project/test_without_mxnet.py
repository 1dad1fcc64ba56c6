"""Use without MXNet: preparing, tagging with an export, serving and scoring it, in two environments.

One is this environment with MXNet, Horovod and all that comes with training hidden; the other, for `make test-core`, is
what pip installs of the core for the newest Python of the machine, used from a folder without the sources.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from processes import ROOT, Finished, Job, run

from ner_dist.exporting.write_export import export

# What belongs to training; the core must not import any of it.
TRAINING = ("mxnet", "horovod", "onnx", "tensorboardX")
CORE_PYTHON = ROOT / ".venv-core" / "bin" / "python"


class Environment(NamedTuple):
    python: str
    variables: dict[str, str]

    def run(self, folder: Path, *words: object) -> Finished:
        return run([self.python, "-m", "ner_dist", *map(str, words)], folder, **self.variables)


@pytest.fixture(scope="module", params=["hidden", pytest.param("core", marks=pytest.mark.core_env)])
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    if request.param == "core":
        if not CORE_PYTHON.exists():
            pytest.skip("there is no .venv-core: make test-core")
        return Environment(str(CORE_PYTHON), {"PYTHONPATH": ""})
    hiding = tmp_path_factory.mktemp("hiding")
    for name in TRAINING:
        code = f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')\n"
        (hiding / f"{name}.py").write_text(code)
    return Environment(sys.executable, {"PYTHONPATH": f"{hiding}{os.pathsep}{ROOT}"})


@pytest.fixture(scope="module")
def exported(text_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("export") / "tagger"
    export(text_run, "best", directory, compared=False)
    return directory


def test_the_environment_lacks_training(environment: Environment, tmp_path: Path) -> None:
    for name in TRAINING:
        finished = run([environment.python, "-c", f"import {name}"], tmp_path, **environment.variables)
        assert f"No module named '{name}'" in finished.err


def test_a_corpus_is_prepared(environment: Environment, synth_corpus: dict[str, Path], tmp_path: Path) -> None:
    sources = [word for split, path in synth_corpus.items() for word in (f"--{split}", path)]
    built = environment.run(tmp_path, "prep", "build", *sources, "--out", "shards")
    assert built.code == 0, built.err
    described = environment.run(tmp_path, "prep", "inspect", "shards")
    assert described.code == 0, described.err
    assert "train" in described.out


def test_an_export_tags(environment: Environment, exported: Path, text_run: Path, tmp_path: Path) -> None:
    text = "Angela Merkel visited Paris.\nNothing happened.\n"
    (tmp_path / "text.txt").write_text(text)
    found = environment.run(tmp_path, "predict", exported, "text.txt", "--to", "jsonl")
    assert found.code == 0, found.err
    # Here, where MXNet is.
    expected = run([sys.executable, "-m", "ner_dist", "predict", str(text_run), "text.txt", "--to", "jsonl"], tmp_path)
    assert [_places(line) for line in found.out.splitlines()] == [_places(line) for line in expected.out.splitlines()]
    assert "2 sentences, 8 tokens" in found.err


def _places(line: str) -> list[tuple[int, int, str]]:
    return [(entity["start"], entity["end"], entity["type"]) for entity in json.loads(line)["entities"]]


def test_an_export_scores_as_its_run(
    environment: Environment, exported: Path, text_run: Path, rich_shards: Path, tmp_path: Path
) -> None:
    files = [word for name in ("conll", "json", "sentences") for word in (f"--{name}", f"export.{name}")]
    found = environment.run(tmp_path, "evaluate", exported, "--shards", rich_shards, *files)
    assert found.code == 0, found.err
    command = [sys.executable, "-m", "ner_dist", "evaluate", str(text_run), "--shards", str(rich_shards)]
    expected = run([*command, "--conll", "run.conll"], tmp_path)
    assert found.out.splitlines()[1:] == expected.out.splitlines()[1:]
    assert "export of the best checkpoint, epoch 4" in found.out
    assert (tmp_path / "export.conll").read_text() == (tmp_path / "run.conll").read_text()
    assert len((tmp_path / "export.sentences").read_text().splitlines()) == 40
    assert json.loads((tmp_path / "export.json").read_text())["split"] == "test"


def test_an_export_is_scored_on_its_own_shards_alone(
    environment: Environment, exported: Path, synth_shards: Path, tmp_path: Path
) -> None:
    refused = environment.run(tmp_path, "evaluate", exported, "--shards", synth_shards)
    assert refused.code == 1
    assert "was trained on other shards than those in" in refused.err
    absent = environment.run(tmp_path, "evaluate", exported, "--shards", "nowhere")
    assert (absent.code, absent.err.count("\n")) == (1, 1)


def test_an_export_is_served(environment: Environment, exported: Path, tmp_path: Path) -> None:
    command = [environment.python, "-m", "ner_dist", "serve", str(exported), "--port", "0"]
    ready = re.compile(r"serving .* on (http://\S+) ")
    with Job(command, tmp_path, PYTHONUNBUFFERED="1", **environment.variables) as job:
        job.wait_until(lambda: ready.search(job._text(job._out)) is not None)
        address = ready.search(job._text(job._out))
        assert address is not None
        answer = httpx.post(f"{address[1]}/tag", json={"text": "Angela Merkel visited Paris."}, timeout=20)
        assert answer.status_code == 200
        assert "entities" in answer.json()


@pytest.mark.parametrize(
    "command", [["train"], ["evaluate", "RUN"], ["predict", "RUN", "--to", "inline"], ["report", "RUN"]]
)
def test_what_needs_mxnet_says_so_in_one_sentence(
    environment: Environment, command: list[str], text_run: Path, synth_shards: Path, tmp_path: Path
) -> None:
    words = [str(text_run) if word == "RUN" else word for word in command]
    if command == ["train"]:
        words += ["--data.shards", str(synth_shards)]
    finished = environment.run(tmp_path, *words)
    assert finished.code == 1
    assert re.fullmatch(r"error: training, and whatever reads a run, needs MXNet, .*\n", finished.err)
