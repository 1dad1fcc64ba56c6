"""README.md and the job files: every command, file, option and knob that they name exists and is in --help."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from processes import ROOT
from shown_commands import JOBS, KNOBS, SECTIONS, check, commands, documented, entry_points, help_of, helps

from ner_dist import config
from ner_dist.__main__ import COMMANDS as FRONT_DOOR

README = (ROOT / "README.md").read_text(encoding="utf-8")


def head(path: Path) -> str:
    """The comment at the top of a job file."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].strip())
    return "\n".join(lines)


README_COMMANDS = commands("\n".join(re.findall(r"```sh\n(.*?)```", README, re.S)))
# A command is indented in the comment; the rest of its line explains it.
JOB_COMMANDS = {
    path: commands("\n".join(re.findall(r"^(?:make|python|horovodrun|ner-dist)\b.*?(?=  |,|$)", head(path), re.M)))
    for path in JOBS
}
COMMANDS = [*README_COMMANDS, *(words for found in JOB_COMMANDS.values() for words in found)]


def test_readme_shows_how_to_train_prepare_and_score() -> None:
    lines = [" ".join(words) for words in README_COMMANDS]
    for begin in (
        *("make ", "python -m ner_dist.train", "horovodrun -np ", "python -m data_prep build"),
        *(f"ner-dist {name} " for name in FRONT_DOOR),
    ):
        assert any(line.startswith(begin) for line in lines), begin


def test_readme_shows_the_map_of_commands() -> None:
    assert all(f"\n  {name:9} {command.summary}\n" in README for name, command in FRONT_DOOR.items())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_shown_exists(words: list[str]) -> None:
    check(words)


def test_a_wrong_command_would_be_found() -> None:
    for line in (
        "python -m ner_dist.trian",
        "python -m ner_dist.train --train.epoch 3",
        "python -m ner_dist.train --config job/absent.yaml",
        "python -m data_prep build --shards 3",
        "horovodrun -np 2 --hostfile launch/absent python -m ner_dist.train",
        "make tarin",
        "ner-dist trian",
        "ner-dist prep build --shards 3",
        "ner-dist train --train.epoch 3",
        "make train NUM=3",
    ):
        with pytest.raises((AssertionError, ModuleNotFoundError)):
            check(*commands(line))


@pytest.mark.parametrize("module", entry_points())
def test_every_entry_point_explains_itself(module: str) -> None:
    assert documented("--help", help_of(module))
    assert f"python -m {module}" in help_of(module)


def test_readme_names_only_files_that_exist() -> None:
    folders = r"(?:bench|data_prep|job|launch|ner_dist|tests)"
    named = {*re.findall(rf"`({folders}/[\w./-]*)`", README), *re.findall(r"\]\((?!https?:|#)([^)]+)\)", README)}
    assert named
    assert [name for name in sorted(named) if not (ROOT / name.partition("#")[0]).exists()] == []


def test_contributing_names_tables_and_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"`(\w+)` of `([\w/.]+\.py)`", text)
    assert len(rows) >= 8
    assert [row for row in rows if not re.search(rf"^{row[0]}\b", (ROOT / row[1]).read_text(), re.M)] == []
    named = {*re.findall(r"`((?:bench|data_prep|job|launch|ner_dist)/[\w./-]*)`", text)}
    named |= {*re.findall(r"\]\((?!https?:)([^)]+)\)", text)}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_readme_names_only_knobs_and_options_that_exist() -> None:
    code = "\n".join(re.findall(r"`([^`\n]+)`", README))
    knobs = set(re.findall(rf"(?<![\w.])((?:{SECTIONS})\.[a-z_]+)(?![\w.])", code))
    assert knobs
    assert knobs - KNOBS == set()
    options = set(re.findall(r"(?<!\S)--[\w.-]+", code))
    assert options
    assert [option for option in sorted(options) if not documented(option, helps())] == []


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_a_job_is_valid_and_documented_by_the_help(path: Path) -> None:
    settings, name = config.parse(["--config", str(path)])
    assert name == path.stem
    record = yaml.safe_load(path.read_text(encoding="utf-8"))
    flat = config.flat(settings)
    for section, values in record.items():
        for knob, value in values.items():
            assert flat[f"{section}.{knob}"] == value
            assert documented(f"--{section}.{knob}", help_of("ner_dist.train"))


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_a_job_opens_with_its_command_hardware_time_and_expected_score(path: Path) -> None:
    assert JOB_COMMANDS[path]
    for word in ("Hardware: ", "Time: ", "Expected: "):
        assert word in head(path)
    assert re.search(r"F1", head(path))
    if path.name != Path(config.DEFAULT_JOB).name:
        assert any(path.stem in " ".join(words) for words in JOB_COMMANDS[path])
