"""Knobs from the command line and job files: values, and one sentence for every mistake."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from processes import ROOT

from ner_dist import config
from ner_dist.config import Config, ConfigError, paths

ABOVE_0 = [
    *(f"model.{name}" for name in ("word_units", "char_units", "char_width", "lstm_units", "lstm_layers")),
    *(f"optimizer.{name}" for name in ("learning_rate", "plateau_epochs", "plateau_factor")),
    *(f"train.{name}" for name in ("epochs", "batch_sentences", "eval_batch_sentences", "log_steps")),
    "model.feature_units",
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory without job/default.yaml, and a project without job files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paths, "_JOB_FOLDERS", [])


def parsed(*argv: str) -> dict[str, Any]:
    """The knobs that differ from their defaults."""
    found, defaults = config.flat(config.parse(list(argv))[0]), config.flat(Config())
    assert list(found) == list(defaults)
    return {name: value for name, value in found.items() if value != defaults[name]}


def refusal(*argv: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config.parse(list(argv))
    message = str(caught.value)
    assert "\n" not in message
    return message


def job(text: str, name: str = "mine.yaml") -> str:
    Path(name).write_text(text)
    return name


def test_without_anything_all_knobs_have_their_defaults() -> None:
    found, name = config.parse([])
    assert (found, name) == (Config(), "default")


def test_knobs_of_every_type_come_from_the_command_line() -> None:
    argv = "--run here --data.shards there --model.lstm_units 5 --model.dropout_input 0.125 --loss.divide_by tokens"
    argv += " --optimizer.name sgd --optimizer.learning_rate 1e-3 --train.resume true --train.hang_seconds 0"
    assert parsed(*argv.split(), "--optimizer.params", "{momentum: 0.9}") == {
        "run": "here",
        "data.shards": "there",
        "model.lstm_units": 5,
        "model.dropout_input": 0.125,
        "loss.divide_by": "tokens",
        "optimizer.name": "sgd",
        "optimizer.learning_rate": 0.001,
        "optimizer.params": {"momentum": 0.9},
        "train.resume": True,
        "train.hang_seconds": 0.0,
    }
    assert parsed("--optimizer.params.momentum", "0.9") == {"optimizer.params": {"momentum": 0.9}}
    assert parsed("--loss.weighting", "given", "--loss.weights", "{O: 0.5, B-LOC: 2}") == {
        "loss.weighting": "given",
        "loss.weights": {"O": 0.5, "B-LOC": 2.0},
    }


def test_a_number_for_a_path_stays_text() -> None:
    assert parsed("--run", "5", "--data.shards", "7") == {"run": "5", "data.shards": "7"}


def test_the_command_line_prevails_over_the_job_file_and_later_files_over_earlier_ones() -> None:
    first = job("train: {epochs: 3, seed: 5}\nmodel:\n  lstm_units: 9\n", "first.yaml")
    second = job("train:\n  epochs: 4\n", "second.yaml")
    assert parsed("--config", first) == {"train.epochs": 3, "train.seed": 5, "model.lstm_units": 9}
    assert parsed("--config", first, "--config", second)["train.epochs"] == 4
    for argv in (["--train.epochs", "7", f"--config={first}"], [f"--config={first}", "--train.epochs", "7"]):
        assert parsed(*argv)["train.seed"] == 5
    assert parsed(f"--config={first}", "--train.epochs", "7")["train.epochs"] == 7


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    """The directory of a run, as far as its knobs are concerned."""
    weights = {"B-LOC": 2.0, "O": 0.5}
    made = Config(
        run="runs/old",
        data=config.Data("data/old: 1"),
        model=config.Model(features=["caps"], lstm_units=7),
        loss=config.Loss(weighting="given", weights=weights),
        train=config.Train(resume=True, begin_from="runs/older", device="cpu"),
    )
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.yaml").write_text(config.to_yaml(made))
    return tmp_path / "old"


def test_a_run_takes_the_knobs_of_a_model_but_not_what_concerns_that_run_alone(old_run: Path) -> None:
    argv = ["--model.lstm_units", "9", "--like", str(old_run), "--train.epochs=3"]
    found, name = config.parse(argv)
    assert name == "old"
    assert config.flat(found) == {
        **config.flat(config.read_stored(old_run / "config.yaml")),
        "run": None,
        "train.resume": False,
        "train.begin_from": None,
        "model.lstm_units": 9,
        "train.epochs": 3,
    }
    assert config.like_sentence(argv) == (
        f"as {old_run}: data.shards data/old: 1, model.features ['caps'], loss.weighting given, loss.weights "
        '{"B-LOC": 2.0, "O": 0.5}, train.device cpu; not its run, train.resume, train.begin_from'
    )


def test_the_knobs_of_a_checkpoint_and_of_an_export_are_those_of_their_run(old_run: Path, tmp_path: Path) -> None:
    expected, _ = config.parse(["--like", str(old_run)])
    best = tmp_path / "new" / "checkpoints" / "best"
    best.mkdir(parents=True)
    (old_run / "config.yaml").rename(best / "config.yaml")
    assert config.parse(["--like", str(best)]) == (expected, "new")
    assert config.parse([f"--like={tmp_path / 'new'}"]) == (expected, "new")
    origin = {"config": dataclasses.asdict(config.read_stored(best / "config.yaml"))}
    (tmp_path / "tagger.json").write_text(json.dumps({"origin": origin}))
    assert config.parse(["--like", str(tmp_path)]) == (expected, tmp_path.name)
    (tmp_path / "tagger.json").write_text('{"origin": {"config": {"runs": 1}}}')
    with pytest.raises(ConfigError, match=r"^--like .*tagger.json: "):
        config.parse(["--like", str(tmp_path)])


LIKE_MISTAKES = {
    "--like": "--like has no value, expected the directory of a run, of a checkpoint or of an export",
    "--like --run x": "--like has no value, expected the directory of a run, of a checkpoint or of an export",
    "--like a --config job/smoke.yaml": "--like and --config both say which knobs to begin with; keep one of them",
    "--like a --like=b": "--like and --like both say which knobs to begin with; keep one of them",
    "--like nowhere": "--like nowhere: neither a run, nor a checkpoint (config.yaml), nor an export (tagger.json)",
    "--like s4://bucket/run": "--like: 's4://bucket/run': s4:// is not supported",
}


@pytest.mark.parametrize("argv", LIKE_MISTAKES)
def test_what_is_no_model_is_refused(argv: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(argv.split())
    assert str(caught.value).startswith(LIKE_MISTAKES[argv])


def test_a_run_is_named_after_its_job_file() -> None:
    Path("jobs").mkdir()
    assert config.parse(["--config", job("train: {epochs: 3}", "jobs/gmb.yaml")])[1] == "gmb"


def test_the_default_job_is_read_unless_another_is_named() -> None:
    Path("job").mkdir()
    job("train: {epochs: 3}", config.DEFAULT_JOB)
    assert parsed() == {"train.epochs": 3}
    assert parsed("--train.epochs", "4") == {"train.epochs": 4}
    for argv in (["--config", job("train: {seed: 2}")], ["--config=mine.yaml"]):
        assert parsed(*argv) == {"train.seed": 2}


@pytest.mark.parametrize("words", [["--config", "job/default.yaml"], ["--config=job/default.yaml"], []])
def test_the_jobs_of_the_project_are_known_in_every_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr(paths, "_JOB_FOLDERS", [tmp_path / "none", tmp_path / "jobs"])
    Path("jobs").mkdir()
    job("train: {epochs: 3}", "jobs/default.yaml")
    assert parsed(*words) == {"train.epochs": 3}
    assert config.parse(words)[1] == "default"
    # A file of that name in the current directory comes first.
    Path("job").mkdir()
    job("train: {epochs: 4}", "job/default.yaml")
    assert parsed(*words) == {"train.epochs": 4}


def test_every_job_of_the_project_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    names = [path.name for path in (ROOT / "job").glob("*.yaml")]
    assert "conll2003.yaml" in names
    assert all(config.job_file(f"job/{name}").read_text() for name in names)


@pytest.mark.parametrize(
    ("knob", "near"),
    [
        ("train.epoch", "train.epochs"),
        ("trian.epochs", "train.epochs"),
        ("epochs", "train.epochs"),
        ("model.lstm_unit", "model.lstm_units"),
        ("optimizer.lerning_rate", "optimizer.learning_rate"),
        ("shards", "data.shards"),
        ("conifg", "config"),
    ],
)
def test_an_unknown_knob_is_answered_with_the_nearest_name(knob: str, near: str) -> None:
    expected = f"unknown knob {knob!r}; did you mean --{near}?"
    assert refusal(f"--{knob}", "3") == expected
    section, dot, name = knob.partition(".")
    if dot:
        assert refusal("--config", job(f"{section}:\n  {name}: 3\n")) == expected


def test_an_abbreviated_knob_is_unknown() -> None:
    # Silently completing it would let a new knob change what an old command means.
    assert refusal("--train.epo", "3").startswith("unknown knob 'train.epo'; did you mean --train.epochs?")


@pytest.mark.parametrize(
    ("knob", "value", "expected"),
    [
        ("train.epochs", "three", "a whole number"),
        ("train.epochs", "1.5", "a whole number"),
        ("optimizer.learning_rate", "fast", "a number"),
        ("train.resume", "maybe", "true or false"),
        ("train.device", "tpu", "one of auto, cpu, gpu"),
        ("optimizer.name", "adamw", "one of adadelta, adagrad, adam, "),
        ("optimizer.params", "3", "pairs, for example '{a: b}'"),
        ("loss.weights", "[1]", "pairs, for example '{a: b}'"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_the_knob_and_what_was_expected(
    knob: str, value: str, expected: str
) -> None:
    section, _, name = knob.partition(".")
    for argv in ([f"--{knob}", value], ["--config", job(f"{section}:\n  {name}: {value}\n")]):
        message = refusal(*argv)
        assert message.startswith(f"--{knob} is {value!r}, expected {expected}")
        assert message.endswith("; see python -m ner_dist.train --help")


@pytest.mark.parametrize(
    ("knob", "value", "expected"),
    [
        *((knob, "0", "expected a number above 0") for knob in ABOVE_0),
        ("optimizer.learning_rate", "-1", "expected a number above 0"),
        ("train.seed", "-1", "expected a finite number of 0 or more"),
        ("train.seed", str(1 << 64), "expected a number below 2^64"),
        ("model.char_filters", "-1", "expected a finite number of 0 or more"),
        ("optimizer.clip_norm", "-0.5", "expected a finite number of 0 or more"),
        ("model.dropout_input", "1", "expected 0 to 0.95"),
        ("model.dropout_output", "-0.1", "expected a finite number of 0 or more"),
        ("model.char_width", "4", "expected an odd number"),
    ],
)
def test_a_value_out_of_range_is_refused_with_what_was_expected(knob: str, value: str, expected: str) -> None:
    message = refusal(f"--{knob}", value)
    assert message.startswith(f"--{knob} is ")
    assert message.endswith(expected)
    section, _, name = knob.partition(".")
    assert refusal("--config", job(f"{section}:\n  {name}: {value}\n")) == message


def test_the_edges_of_the_ranges_are_allowed() -> None:
    argv = "--model.dropout_input 0.95 --model.char_filters 0 --model.char_type_units 0"
    argv += f" --train.seed {(1 << 64) - 1} --train.patience 0 --optimizer.clip_norm 0 --model.char_width 1"
    assert parsed(*argv.split())["train.seed"] == (1 << 64) - 1


@pytest.mark.parametrize("argv", [["--loss.weighting", "given"], ["--loss.weights", "{O: 2}"]])
def test_weights_and_their_weighting_belong_together(argv: list[str]) -> None:
    assert "belong together" in refusal(*argv)


@pytest.mark.parametrize("weight", ["-2", ".inf", ".nan"])
def test_weights_are_finite_and_not_negative(weight: str) -> None:
    text = f"loss: {{weighting: given, weights: {{O: 1.0, LOC: {weight}}}}}"
    assert refusal("--config", job(text)).startswith("--loss.weights")


@pytest.mark.parametrize("value", ["nan", ".nan", "inf", ".inf"])
def test_what_is_no_number_is_refused(value: str) -> None:
    assert refusal("--optimizer.clip_norm", value).startswith("--optimizer.clip_norm")
    assert refusal("--config", job(f"optimizer: {{clip_norm: {value}}}")).startswith("--optimizer.clip_norm")


def test_a_knob_of_a_job_file_without_a_value_is_refused() -> None:
    assert (
        refusal("--config", job("train:\n  patience:\n"))
        == "--train.patience has no value, expected one, for example 0"
    )
    assert parsed("--config", job("run:\ntrain:\n  seed: 2\n")) == {"train.seed": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train: [1", "--config is no YAML: while parsing a flow sequence, line 1"),
        ("- 1\n", "--config has no lines `name: value` but ' - 1'; see"),
        ("3\n", "--config has no lines `name: value` but ' 3'; see"),
        ("\x00", "--config is no YAML: unacceptable character"),
        ("", "--config has no lines `name: value` but ''; see"),
    ],
)
def test_a_job_file_that_is_no_list_of_knobs_is_refused(text: str, expected: str) -> None:
    assert refusal("--config", job(text)).startswith(expected)


@pytest.mark.parametrize("value", ["5", "", "[epochs]"])
def test_a_section_without_knobs_is_refused(value: str) -> None:
    message = refusal("--config", job(f"train: {value}\nmodel:\n  char_width: 5\n"))
    assert message.startswith("train is ")
    assert message.endswith(", expected knobs under it; leave it out to change none")


def test_an_absent_job_file_is_named() -> None:
    for argv in (["--config", "nowhere.yaml"], ["--config=nowhere.yaml"]):
        assert refusal(*argv).startswith("the job file nowhere.yaml does not exist; ")


def test_words_that_belong_to_no_knob_are_refused() -> None:
    assert refusal("train", "--train.epochs", "3").startswith("unknown knob 'train'")
    assert "expected one argument" in refusal("--train.epochs")


def test_help_names_every_knob_with_its_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        config.parse(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for name in config.flat(Config()):
        assert f"--{name} " in text
    assert "Sentences in one step, over all ranks." in text


def test_help_begins_with_the_usage_an_example_and_the_most_used_options(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        config.parse(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("usage: python -m ner_dist.train [--config JOB | --like MODEL] ")
    assert lines[1] == ""
    assert len(lines) < 210
    headings = [place for place, line in enumerate(lines) if line.endswith(":") and not line.startswith(" ")]
    assert [lines[place] for place in headings[:3]] == ["Example:", "most used:", "Shards to train on:"]
    most_used = [line.split()[0] for line in lines[headings[1] : headings[2]] if line.startswith("  --")]
    assert most_used == ["--config", "--like", "--data.shards", "--run", "--train.epochs", "--train.resume"]
    # None of jsonargparse's own: types, and a file for each section.
    text = "\n".join(lines)
    assert not [noise for noise in ("type:", "--data ", "--train ", "Optional[", "features+ ") if noise in text]


def test_a_configuration_comes_back_from_yaml_and_from_a_record() -> None:
    argv = ["--run", "r", "--train.seed", "3", "--optimizer.params", "{momentum: 0.5}"]
    found, _ = config.parse([*argv, "--loss.weighting", "given", "--loss.weights", "{Ö-rt: 2}"])
    assert found != Config()
    text = config.to_yaml(found)
    assert "Ö-rt: 2.0" in text
    assert config.from_dict(yaml.safe_load(text)) == found
    assert config.from_dict(dataclasses.asdict(found)) == found
    # The resolved configuration of a run is a job file of its own.
    assert config.parse(["--config", job(text)])[0] == found


def test_every_knob_has_a_meaning_and_every_exception_is_a_knob() -> None:
    knobs = config.flat(Config())
    assert set(knobs) >= config.RESUMABLE
    sections = [field.name for field in dataclasses.fields(Config) if field.name != "run"]
    assert {name.split(".")[0] for name in knobs if "." in name} == set(sections)


def test_what_decides_the_result_may_not_change_in_a_continuation() -> None:
    parts = ("model.", "loss.", "optimizer.", "train.seed", "train.batch_sentences")
    assert not [name for name in config.RESUMABLE if name.startswith(parts)]


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        ("--loss.likelihood sentence --loss.weighting frequency", "which --loss.likelihood sentence does not have"),
        ("--data.train_on train+dev", "use --train.keep last"),
        ("--train.average 1", "--train.average is 1.0, expected a number below 1"),
        ("--optimizer.plateau_factor 1.5", "--optimizer.plateau_factor is 1.5, expected a number below 1"),
        ("--model.dropout_singletons 1.5", "--model.dropout_singletons is 1.5, expected 0 to 1"),
        ("--model.dropout_words 0.99", "--model.dropout_words is 0.99, expected 0 to 0.95"),
        ("--model.features 3", "--model.features"),
        ("--model.feature_units 0", "--model.feature_units is 0, expected a number above 0"),
    ],
)
def test_what_contradicts_itself_is_refused(argv: str, part: str) -> None:
    assert part in refusal(*argv.split())


def test_features_are_a_list_of_names_or_nothing() -> None:
    assert parsed("--model.features", "[caps,lexicon]")["model.features"] == ["caps", "lexicon"]
    assert parsed("--model.features", "[]")["model.features"] == []
    assert parsed("--model.features", "null") == {}
