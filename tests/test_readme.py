"""README.md, the job files and the help of the commands say what is there: every command, file, option and knob."""

from __future__ import annotations

import functools
import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import yaml
from processes import ROOT, alone, run

from ner_dist import config

README = (ROOT / "README.md").read_text(encoding="utf-8")
JOBS = sorted((ROOT / "job").glob("*.yaml"))
KNOBS = set(config.flat(config.Config()))
SECTIONS = "data|loss|model|optimizer|train"


def commands(text: str) -> list[list[str]]:
    """The words of each command in lines of shell: without comments and assignments, split at && and ;."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("&;|"):
                found.append(words)
                words = []
            elif words or not re.fullmatch(r"\w+=.*", word):
                words.append(word)
    return [words for words in found if words]


def head(path: Path) -> str:
    """The comment block that opens a job file."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].strip())
    return "\n".join(lines)


README_COMMANDS = commands("\n".join(re.findall(r"```sh\n(.*?)```", README, re.S)))
# A command in a comment block stands indented; what follows it in the line explains it.
JOB_COMMANDS = {
    path: commands("\n".join(re.findall(r"^(?:make|python|horovodrun)\b.*?(?=  |,|$)", head(path), re.M)))
    for path in JOBS
}
COMMANDS = [*README_COMMANDS, *(words for found in JOB_COMMANDS.values() for words in found)]


@functools.cache
def help_of(*command: str) -> str:
    finished = run(alone(*command, "--help"), ROOT)
    assert (finished.code, finished.err) == (0, "")
    return finished.out


def entry_points() -> list[str]:
    """Modules that the user starts, and that have options of their own."""
    found = ["data_prep"]
    for room in ("ner_dist", "bench", "job"):
        for path in sorted((ROOT / room).glob("*.py")):
            text = path.read_text(encoding="utf-8")
            if 'if __name__ == "__main__":' in text and (room == "ner_dist" or "ArgumentParser(" in text):
                found.append(f"{room}.{path.stem}")
    return found


def helps() -> str:
    """All that --help has to say anywhere."""
    subcommands = re.search(r"^ +\{?(\w+(?:,\w+)*)\}?", help_of("data_prep"), re.M)
    assert subcommands
    names = re.findall(r"python -m data_prep (\w+)", help_of("data_prep"))
    texts = [help_of(module) for module in entry_points()]
    return "\n".join([*texts, *(help_of("data_prep", name) for name in sorted(set(names)))])


def documented(option: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(option)}(?![\w.-])", text) is not None


def check_python(words: list[str]) -> None:
    """`python -m MODULE ARGUMENT...`: the module is there, and its help knows each option."""
    assert words[1] == "-m", words
    module, arguments = words[2], words[3:]
    assert importlib.util.find_spec(module), module
    command = (module, arguments[0]) if module == "data_prep" and not arguments[0].startswith("-") else (module,)
    for argument in arguments:
        if argument.startswith("--"):
            assert documented(argument.split("=")[0], help_of(*command)), f"{argument} in {words}"
    for option, value in zip(arguments, arguments[1:]):
        if option == "--config":
            assert (ROOT / value).is_file(), f"{value} in {words}"


def check_make(words: list[str]) -> None:
    """`make TARGET... VARIABLE=VALUE...`: the Makefile has them all."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words[1:]:
        variable = re.fullmatch(r"([A-Z]\w*)=(.*)", word)
        if variable:
            assert re.search(rf"\$\({variable[1]}\)|ifdef {variable[1]}\b|\$\(or \$\({variable[1]}\)", makefile), word
            for knob in re.findall(rf"--((?:{SECTIONS})\.\w+)", variable[2]):
                assert knob in KNOBS
        else:
            assert re.search(rf"^{re.escape(word)}(?: [\w-]+)*:(?!=)", makefile, re.M), f"no target {word}"


def check(words: list[str]) -> None:
    if words[0] == "horovodrun":
        at = words.index("python")
        for option, value in zip(words[1:at:2], words[2:at:2]):
            assert option in ("-np", "--hostfile"), words
            assert value.isdigit() if option == "-np" else (ROOT / value).is_file(), words
        check_python(words[at:])
    elif words[0] == "python":
        check_python(words)
    elif words[0] == "make":
        check_make(words)


def test_readme_shows_how_to_train_prepare_and_score() -> None:
    lines = [" ".join(words) for words in README_COMMANDS]
    for begin in ("make ", "python -m ner_dist.train", "horovodrun -np ", "python -m data_prep build"):
        assert any(line.startswith(begin) for line in lines), begin


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_shown_is_one_that_is_there(words: list[str]) -> None:
    check(words)


def test_a_wrong_command_would_be_found() -> None:
    for line in (
        "python -m ner_dist.trian",
        "python -m ner_dist.train --train.epoch 3",
        "python -m ner_dist.train --config job/absent.yaml",
        "python -m data_prep build --shards 3",
        "horovodrun -np 2 --hostfile launch/absent python -m ner_dist.train",
        "make tarin",
        "make train NUM=3",
    ):
        with pytest.raises((AssertionError, ModuleNotFoundError)):
            check(*commands(line))


@pytest.mark.parametrize("module", entry_points())
def test_every_entry_point_explains_itself(module: str) -> None:
    assert documented("--help", help_of(module))
    assert f"python -m {module}" in help_of(module)


def test_readme_names_only_files_that_are_there() -> None:
    rooms = r"(?:bench|data_prep|job|launch|ner_dist|tests)"
    named = {*re.findall(rf"`({rooms}/[\w./-]*)`", README), *re.findall(r"\]\((?!https?:|#)([^)]+)\)", README)}
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_readme_names_only_knobs_and_options_that_are_there() -> None:
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
