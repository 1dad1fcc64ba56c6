"""Training and scoring as a user meets them: the smoke job, the files of a run, and one clear sentence a mistake."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from corpus_sources import sources_of
from processes import ROOT, alone, run
from published_shards import published_shards
from run_here import run_here

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist import config
from ner_dist import evaluate as evaluate_command
from ner_dist import train as train_command
from ner_dist.config import read_stored
from ner_dist.contract.shard_format import read_index, write_index
from ner_dist.errors import UserError
from ner_dist.evaluate import evaluate_tagger
from ner_dist.ranks.comm import Solo
from ner_dist.run import checkpoint
from ner_dist.training.loop import train

# The losses of job/smoke.yaml after each step, on the shards of the fixture. They change only with a reason, which
# the commit tells. To write them anew: UPDATE_GOLDEN=1 python -m pytest tests/training/test_train_command.py -k golden
GOLDEN = ROOT / "tests" / "golden" / "smoke_loss.json"


@pytest.fixture(scope="module")
def smoke(synth_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which job/smoke.yaml was run, into `run`."""
    folder = tmp_path_factory.mktemp("smoke")
    shutil.copytree(ROOT / "job", folder / "job")
    command = ["ner_dist.train", "--config", "job/smoke.yaml", "--data.shards", synth_shards]
    finished = run(alone(*command, "--run", "run", "--train.log_steps", 1), folder)
    assert finished.code == 0
    (folder / "stdout").write_text(finished.out)
    (folder / "stderr").write_text(finished.err)
    return folder


def trained_here(words: Sequence[object]) -> None:
    """As the command does, in this process, which has loaded MXNet already."""
    train(*config.parse([str(word) for word in words]), Solo(), show_progress=False)


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]


def result(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run" / "result.json").read_text())


# --- The smoke job


def test_shards_in_a_store_give_the_losses_and_scores_of_those_on_the_disk(
    synth_shards: Path, tiny_knobs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for shards in (synth_shards, published_shards(synth_shards, tmp_path, monkeypatch)):
        run_place = tmp_path / f"run-{len(found)}"
        words = ["--data.shards", str(shards), "--run", str(run_place), "--train.epochs", "1", "--train.log_steps", "1"]
        train(config.parse([*tiny_knobs, *words, "--optimizer.learning_rate", "0.02"])[0], "store", Solo(), False)
        assert read_stored(run_place / "config.yaml").data.shards == str(shards)
        lines = [json.loads(line) for line in (run_place / "metrics.jsonl").read_text().splitlines()]
        found.append(([line["loss"] for line in lines], lines[-1]["dev_f1"]))
        scores = evaluate_tagger(run_place, "dev")["entity"]
        assert scores["f1"] == lines[-1]["dev_f1"]
    assert found[0] == found[1]


def test_the_smoke_job_keeps_to_its_golden_loss_curve(smoke: Path) -> None:
    found = {f"{line['kind']} {line['steps']}": line["loss"] for line in metrics(smoke)}
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
        pytest.skip(f"{GOLDEN} was written anew")
    golden = json.loads(GOLDEN.read_text())
    assert found.keys() == golden.keys()
    assert len(golden) > 20
    np.testing.assert_allclose(list(found.values()), list(golden.values()), rtol=1e-3)


def test_the_smoke_job_tells_each_epoch_and_the_final_scores(smoke: Path) -> None:
    lines = (smoke / "stdout").read_text().splitlines()
    epochs = len(lines) - 1
    for epoch, line in enumerate(lines[:-1], 1):
        assert re.fullmatch(
            rf"epoch {epoch}/{epochs}  loss \d+\.\d{{4}}  dev F1 \d+\.\d\d( \*)?  [\d,]+ tokens/s", line
        )
    dev, test = (f"{split} entity F1 {100 * result(smoke)[split]['entity']['f1']:.2f}" for split in ("dev", "test"))
    assert lines[-1] == f"{dev}  {test}  best epoch {result(smoke)['best_epoch']}  run run"


def test_a_model_that_finds_nothing_of_dev_is_said_to_and_is_that_of_the_lowest_dev_loss(smoke: Path) -> None:
    epochs = {line["epoch"]: line for line in metrics(smoke) if line["kind"] == "epoch"}
    # So short is the smoke job.
    assert {line["dev_f1"] for line in epochs.values()} == {0}
    assert result(smoke)["best_epoch"] == min(epochs, key=lambda epoch: epochs[epoch]["dev_loss"]) == 2
    (sentence,) = result(smoke)["warnings"]
    assert (smoke / "stderr").read_text() == f"note: {sentence}\n"
    assert sentence.startswith(
        "dev F1 is 0: the model of epoch 2, the best of 2, finds none of the 105 entities of dev"
    )


def test_stopping_by_patience_is_said_with_the_best_epoch(
    synth_shards: Path, tiny_knobs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # At this rate the loss soon rises.
    settings = "--optimizer.learning_rate 2 --train.patience 1 --train.epochs 30 --train.score_test false --run"
    knobs = ["--data.shards", str(synth_shards), *tiny_knobs, *settings.split(), str(tmp_path / "run")]
    train(*config.parse(knobs), Solo(), show_progress=False)
    found = result(tmp_path)
    assert (found["stopped"], found["epochs"]) == ("patience", found["best_epoch"] + 1)
    best_f1 = max(line["dev_f1"] for line in metrics(tmp_path) if line["kind"] == "epoch")
    *_, stop, last = capsys.readouterr().out.splitlines()
    assert stop == (
        f"stopped after epoch {found['epochs']} by train.patience: the last epoch was no better; the best is epoch "
        f"{found['best_epoch']}, dev F1 {100 * best_f1:.2f}"
    )
    assert f"  best epoch {found['best_epoch']}  run {tmp_path / 'run'}" in last


def test_a_run_holds_the_files_that_are_documented(smoke: Path) -> None:
    names = {path.name for path in (smoke / "run").iterdir()}
    assert names == {"checkpoints", "config.yaml", "events", "metrics.jsonl", "rank-0.log", "result.json"}
    assert {path.name for path in (smoke / "run" / "checkpoints").iterdir()} == {"best", "last", "last-1"}
    assert [path.name.split(".")[:3] for path in (smoke / "run" / "events").iterdir()] == [
        ["events", "out", "tfevents"]
    ]


def test_a_result_has_the_fields_that_are_documented(smoke: Path, synth_shards: Path) -> None:
    found, index = result(smoke), read_index(synth_shards)
    for split in ("dev", "test"):
        entity, token = found[split]["entity"], found[split]["token"]
        for part in (entity, entity["macro"], entity["boundaries"], entity["overlap"], token):
            assert all(0 <= part[name] <= 1 for name in ("precision", "recall", "f1"))
        assert list(entity["per_type"]) == index.entity_types
        for name, gold in index.stats[split]["entities"].items():
            assert entity["per_type"][name]["gold"] == gold
        for name in ("right", "predicted", "gold"):
            assert entity[name] == sum(part[name] for part in entity["per_type"].values())
            assert token[name] >= entity[name]
    assert found["stopped"] == "epochs"
    steps = sum(line["kind"] == "steps" for line in metrics(smoke))
    assert (found["num_ranks"], found["seed"], found["epochs"], found["steps"]) == (1, 1, 2, steps)
    assert found["shards"] == index.fingerprint()
    assert found["tokens_per_second"] > 0
    assert 1 <= found["best_epoch"] <= found["epochs"]
    assert set(found["versions"]) >= {"ner_dist", "python", "mxnet", "numpy", "pyarrow"}


def test_dev_scores_of_the_best_epoch_are_those_of_the_result(smoke: Path) -> None:
    epochs = {line["epoch"]: line for line in metrics(smoke) if line["kind"] == "epoch"}
    best = epochs[result(smoke)["best_epoch"]]
    assert best["dev_f1"] == result(smoke)["dev"]["entity"]["f1"] == max(line["dev_f1"] for line in epochs.values())


def test_evaluate_prints_the_scores_of_the_result(smoke: Path) -> None:
    finished = run(alone("ner_dist.evaluate", "run", "--split", "dev"), smoke)
    assert (finished.code, finished.err) == (0, "")
    entity = result(smoke)["dev"]["entity"]
    (micro,) = [line.split() for line in finished.out.splitlines() if line.startswith("micro")]
    assert micro[1:] == [
        *(f"{100 * entity[name]:.2f}" for name in ("precision", "recall", "f1")),
        *(str(entity[name]) for name in ("gold", "predicted", "right")),
    ]


# --- Without arguments


def test_without_arguments_the_default_job_trains_on_data_shards_into_a_fresh_run(
    synth_shards: Path, tiny_knobs: list[str], tmp_path: Path
) -> None:
    (tmp_path / "job").mkdir()
    sizes = "".join(f"  {name[len('--model.') :]}: {value}\n" for name, value in zip(tiny_knobs[::2], tiny_knobs[1::2]))
    (tmp_path / "job" / "default.yaml").write_text(f"model:\n{sizes}train:\n  epochs: 1\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "shards").symlink_to(synth_shards)
    # One process alone needs no Horovod, and here it finds none.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.metadata as m, sys\n"
        "sys.modules['horovod'] = None\n"
        "found = m.version\n"
        "def version(name):\n"
        "    if name == 'horovod': raise m.PackageNotFoundError(name)\n"
        "    return found(name)\n"
        "m.version = version\n"
    )
    assert run(alone("ner_dist.train"), tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}").code == 0
    (path,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"default-\d{8}-\d{6}", path.name)
    found = json.loads((path / "result.json").read_text())
    assert (found["epochs"], found["versions"]["horovod"]) == (1, "none")


# --- Mistakes


@pytest.fixture(scope="module")
def places(
    synth_corpus: dict[str, Path], synth_shards: Path, smoke: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Shard sets and runs with which something is wrong, by name."""
    folder = tmp_path_factory.mktemp("places")
    places = {"good": synth_shards, "run": smoke / "run", "absent": folder / "absent"}
    for name in ("unfinished", "altered", "lacking", "no_dev", "no_test", "newer", "empty_dev"):
        places[name] = Path(shutil.copytree(synth_shards, folder / name))
    (places["unfinished"] / "index.json").unlink()
    shard = places["altered"] / "train-00003.parquet"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    (places["lacking"] / "dev-00002.parquet").unlink()
    index = read_index(synth_shards)
    for split in ("dev", "test"):
        others = {name: files for name, files in index.splits.items() if name != split}
        write_index(places[f"no_{split}"], dataclasses.replace(index, splits=others))
    none = {**index.stats["dev"], "entities": dict.fromkeys(index.entity_types, 0)}
    write_index(places["empty_dev"], dataclasses.replace(index, stats={**index.stats, "dev": none}))
    record = json.loads((places["newer"] / "index.json").read_text())
    (places["newer"] / "index.json").write_text(json.dumps({**record, "version": 99}))
    places["other"] = folder / "other"
    build(sources_of(synth_corpus), Settings(num_shards=3), places["other"], Problems())
    places["no_run"] = folder / "no_run"
    places["no_run"].mkdir()
    (folder / "file").touch()
    places["file"] = folder / "file"
    (folder / "job.yaml").write_text("train:\n  epoch: 3\n")
    places["job"] = folder / "job.yaml"
    return places


TRAINING_MISTAKES = {
    "unknown knob": ("--train.epoch 3", "unknown knob 'train.epoch'; did you mean --train.epochs?"),
    "unknown knob in the job file": ("--config {job}", "unknown knob 'train.epoch'; did you mean --train.epochs?"),
    "wrong type": ("--train.epochs many", "--train.epochs is 'many', expected a whole number"),
    "out of range": ("--model.dropout_input 1.5", "--model.dropout_input is 1.5, expected 0 to 0.95"),
    "no such job file": ("--config job/absent.yaml", "job/absent.yaml"),
    "no shards": ("--data.shards {absent}", "{absent}: the shard directory does not exist; run `make shards`"),
    "half-built shards": ("--data.shards {unfinished}", "{unfinished}: the shard directory holds no index.json"),
    "shards of a newer version": ("--data.shards {newer}", "{newer}/index.json: format version 99, this code reads"),
    "a shard that is not the index's": ("--data.shards {altered}", "{altered}/train-00003.parquet: checksum "),
    "a shard that is absent": (
        "--data.shards {lacking}",
        "{lacking}/dev-00002.parquet: listed in index.json but missing",
    ),
    "no dev split": ("--data.shards {no_dev}", "{no_dev}: has no dev split, which training needs"),
    "a dev split without entities": (
        "--data.shards {empty_dev}",
        "{empty_dev}: none of the 40 sentences of dev has an entity, so dev F1 would be 0 in every epoch",
    ),
    "no GPU": ("--data.shards {good} --train.device gpu", "a GPU was asked for, but "),
    "weight of no tag": (
        '--data.shards {good} --loss.weighting given --loss.weights {{"PRE":2}}',
        "--loss.weights: 'PRE' is neither O, a tag nor an entity type (O, B-",
    ),
    "argument of another rule": (
        '--data.shards {good} --optimizer.params {{"rho":0.9}}',
        "--optimizer.params does not fit --optimizer.name adam",
    ),
    "a run that is there": ("--data.shards {good} --run {run}", "{run} already holds a run; continue it with"),
    "a run below a file": (
        "--data.shards {good} --run {file}/run",
        "{file}/run: the run's directory cannot be",
    ),
}
SCORING_MISTAKES = {
    "no run at all": ("{absent}", "{absent}/checkpoints/best: no checkpoint there; is this the directory of a run?"),
    "a directory that is no run": ("{no_run}", "{no_run}/checkpoints/best: no checkpoint there"),
    "another corpus": ("{run} --shards {other}", "this run was trained on other shards than those in {other}"),
    "no shards": ("{run} --shards {absent}", "{absent}: the shard directory does not exist"),
    "no GPU": ("{run} --device gpu", "a GPU was asked for, but "),
    "a file that cannot be written": ("{run} --conll {absent}/out", "{absent}/out could not be written (No such file"),
}


@pytest.mark.parametrize(
    ("module", "mistakes", "mistake", "code"),
    [
        # Before MXNet is loaded, and after it.
        ("ner_dist.train", TRAINING_MISTAKES, "unknown knob", 2),
        ("ner_dist.train", TRAINING_MISTAKES, "no shards", 1),
        ("ner_dist.evaluate", SCORING_MISTAKES, "no run at all", 1),
    ],
)
def test_a_command_ends_with_its_code_and_one_clear_sentence_and_leaves_nothing(
    places: dict[str, Path],
    tmp_path: Path,
    module: str,
    mistakes: dict[str, tuple[str, str]],
    mistake: str,
    code: int,
) -> None:
    arguments, message = (text.format_map(places) for text in mistakes[mistake])
    finished = run(alone(module, *arguments.split()), tmp_path)
    assert (finished.code, finished.out, finished.err.count("\n"), finished.left) == (code, "", 1, [])
    assert finished.err.startswith("error: ")
    assert message in finished.err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType, str], str]:
    """The one clear sentence with which a command refuses its arguments; it leaves nothing."""

    def refuse(command: ModuleType, arguments: str) -> str:
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        found = run_here(command, *arguments.split())
        assert (found.out, found.err) == ("", "")
        assert list((tmp_path / "here").iterdir()) == []
        assert found.error is not None
        assert "\n" not in str(found.error)
        return str(found.error)

    return refuse


@pytest.mark.parametrize("mistake", TRAINING_MISTAKES)
def test_a_mistake_in_training_is_one_clear_sentence_and_leaves_nothing(
    places: dict[str, Path], refused: Callable[[ModuleType, str], str], mistake: str
) -> None:
    arguments, message = (text.format_map(places) for text in TRAINING_MISTAKES[mistake])
    before = sorted(places["run"].rglob("*"))
    assert message in refused(train_command, arguments)
    assert sorted(places["run"].rglob("*")) == before


@pytest.mark.parametrize("mistake", SCORING_MISTAKES)
def test_a_mistake_in_scoring_is_one_clear_sentence_and_leaves_nothing(
    places: dict[str, Path], refused: Callable[[ModuleType, str], str], mistake: str
) -> None:
    arguments, message = (text.format_map(places) for text in SCORING_MISTAKES[mistake])
    assert message in refused(evaluate_command, arguments)


def test_a_split_that_the_shards_lack_is_one_clear_sentence(
    places: dict[str, Path], tiny_knobs: list[str], tmp_path: Path, refused: Callable[[ModuleType, str], str]
) -> None:
    trained_here(["--data.shards", places["no_test"], *tiny_knobs, "--train.epochs", 1, "--run", tmp_path / "run"])
    sentence = refused(evaluate_command, str(tmp_path / "run"))
    assert sentence.startswith(f"{places['no_test']}: has no test split, only train, dev")


def test_a_loss_that_is_not_finite_is_one_clear_sentence_and_the_last_checkpoint_is_the_step_before(
    synth_shards: Path, tiny_knobs: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = "--optimizer.name sgd --optimizer.learning_rate 1e30 --optimizer.clip_norm 0 --train.checkpoint_steps 1"
    with pytest.raises(UserError) as error:
        trained_here(["--data.shards", synth_shards, *tiny_knobs, *settings.split(), "--run", tmp_path / "run"])
    assert capfd.readouterr() == ("", "")
    told = re.fullmatch(
        r"the loss or gradient is not finite at epoch 1, step (\d+) \(rank 0: sentences [\d, ]+\); "
        r"nothing was updated; try a smaller --optimizer.learning_rate.*",
        str(error.value),
    )
    assert told
    last = checkpoint.load(tmp_path / "run" / "checkpoints" / "last")
    # Steps are counted from 0.
    assert last.progress.total_steps == int(told[1]) > 0
    assert all(np.isfinite(array).all() for array in last.arrays.values())


def test_a_full_disk_is_one_clear_sentence_and_the_checkpoint_before_loads(
    synth_shards: Path, tiny_knobs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    knobs = ["--data.shards", synth_shards, *tiny_knobs, "--model.word_units", 128, "--run", "run"]
    trained_here([*knobs, "--train.epochs", 1])
    places = [tmp_path / "run" / "checkpoints" / name for name in ("last", "best")]
    before = {path: path.read_bytes() for place in places for path in place.rglob("*") if path.is_file()}
    kilobytes = (places[0] / "arrays.npz").stat().st_size // 2048
    again = [*knobs, "--train.epochs", 2, "--train.resume", "true"]
    # No file may grow beyond half of what the arrays need.
    limited = ["bash", "-c", f'ulimit -f {kilobytes} && exec "$@"', "limited", *alone("ner_dist.train", *again)]
    finished = run(limited, tmp_path)
    assert finished.code == 1
    assert finished.err.count("\n") == 1, finished.err
    assert re.match(
        r"error: run/checkpoints/(last|best): the checkpoint could not be written \(File too large\); "
        r"the one before is intact; make room and continue with --train.resume true",
        finished.err,
    )
    assert {path: path.read_bytes() for path in before} == before
    assert checkpoint.load(places[0]).progress.epoch == 1
    assert [path for path in tmp_path.rglob("*") if ".partial" in path.name] == []
    trained_here(again)
    assert checkpoint.load(places[0]).progress.epoch == 2
