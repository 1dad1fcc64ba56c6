"""The front door: ner-dist and its commands, and what `from ner_dist import ...` offers."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from processes import ROOT, run

import ner_dist
from ner_dist.__main__ import COMMANDS


def ner_dist_command(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ner_dist", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_map_has_a_line_for_each_command() -> None:
    shown = ner_dist_command("--help")
    assert shown.returncode == 0
    for name, command in COMMANDS.items():
        assert f"\n  {name:9} {command.summary}\n" in shown.stdout
    assert ner_dist_command().stdout == shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 120


def test_the_console_command_is_the_same() -> None:
    (script,) = [point for point in distribution("ner-dist").entry_points if point.name == "ner-dist"]
    assert script.value == "ner_dist.__main__:main"
    beside = subprocess.run(
        [str(Path(sys.executable).with_name("ner-dist")), "--version"], capture_output=True, text=True, check=True
    )
    assert beside.stdout == f"ner-dist {ner_dist.__version__}\n" == ner_dist_command("--version").stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_help(name: str) -> None:
    through, directly = ner_dist_command(name, "--help"), [sys.executable, "-m", COMMANDS[name].module, "--help"]
    assert through.returncode == 0, through.stderr
    assert through.stdout == subprocess.run(directly, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", ["train", "evaluate", "predict", "export", "serve", "report"])
def test_help_begins_with_one_line_of_usage_an_example_and_the_options_one_needs(name: str) -> None:
    usage, empty, *lines = ner_dist_command(name, "--help").stdout.splitlines()
    assert usage.startswith(f"usage: python -m ner_dist.{name} ")
    assert empty == ""
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings[:2] == ["Example:", "most used:"]


def test_an_unknown_command_is_one_sentence_with_the_nearest() -> None:
    wrong = ner_dist_command("trian")
    assert (wrong.returncode, wrong.stderr) == (2, "error: there is no command 'trian'; did you mean train?\n")
    assert "expected one of prep, train" in ner_dist_command("zzz").stderr


def test_the_code_and_the_sentence_of_a_command_come_through() -> None:
    wrong = ner_dist_command("train", "--train.epochs", "many")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: --train.epochs is 'many'")


def test_completion_offers_the_commands_and_then_what_the_command_completes() -> None:
    assert {"train", "evaluate"} <= set(completions("ner-dist "))
    assert completions("ner-dist tr") == ["train "]
    assert "--conll" in [word.strip() for word in completions("ner-dist evaluate --c")]


def completions(line: str) -> list[str]:
    code = (
        "import os, sys; os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), 8); sys.argv = ['ner-dist'];"
        "from ner_dist.__main__ import main; main()"
    )
    out = ROOT / ".pytest_cache" / "completions"
    out.parent.mkdir(exist_ok=True)
    out.unlink(missing_ok=True)
    variables = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n"}
    run([sys.executable, "-c", code, str(out)], ROOT, **variables)
    return out.read_text().split("\n")


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys, ner_dist; print([m for m in ('numpy', 'yaml', 'mxnet', 'ner_dist.config') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_public_names_are_there_and_documented() -> None:
    for name in ner_dist.__all__:
        value = getattr(ner_dist, name)
        assert name == "__version__" or value.__doc__
    assert set(ner_dist.__all__) <= set(dir(ner_dist))
    with pytest.raises(AttributeError, match="has no attribute 'tarin'"):
        ner_dist.tarin  # noqa: B018


def test_a_notebook_prepares_trains_scores_and_tags(
    synth_corpus: dict[str, Path], tiny_knobs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {name.removeprefix("--model."): value for name, value in zip(tiny_knobs[::2], tiny_knobs[1::2])}
    index = ner_dist.prepare_shards(
        synth_corpus["train"], tmp_path / "shards", dev=synth_corpus["dev"], test=synth_corpus["test"], num_shards=2
    )
    assert index.num_sentences("train") == 320
    model = {**sizes, "features": ["caps"]}
    data = {"shards": str(tmp_path / "shards")}
    for number in (1, 2):
        run = tmp_path / f"run-{number}"
        result = ner_dist.train_tagger(data=data, model=model, train={"epochs": 1, "seed": number}, run=run)
        assert result["run"] == str(run)
        # Its progress is shown, and each run's log is its own.
        assert "epoch 1/1" in capsys.readouterr().err
        assert (run / "rank-0.log").read_text().count("epoch 1/1") == 1
        scores = ner_dist.evaluate_tagger(run)
        assert scores.items() >= result["test"].items()
    assert ner_dist.Tagger.load(run).tag(["Angela Merkel visited Paris."])[0] is not None


def test_what_is_wrong_in_a_notebook_is_an_exception(tmp_path: Path) -> None:
    with pytest.raises(ner_dist.errors.UserError, match="the shard directory does not exist"):
        ner_dist.train_tagger(data={"shards": str(tmp_path / "nowhere")}, run=tmp_path / "run")
    with pytest.raises(ner_dist.errors.UserError, match=r"unknown knob 'train\.epohcs'"):
        ner_dist.train_tagger(train={"epohcs": 1})
    with pytest.raises(ner_dist.errors.UserError, match="no checkpoint there"):
        ner_dist.evaluate_tagger(tmp_path / "run")
