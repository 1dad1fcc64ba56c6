"""Commands that texts show, taken apart and compared with what is there: modules, options, targets and knobs."""

from __future__ import annotations

import functools
import importlib.util
import re
import shlex
from collections.abc import Container

from processes import ROOT, alone, run

from ner_dist import config

JOBS = sorted((ROOT / "job").glob("*.yaml"))
KNOBS = set(config.flat(config.Config()))
SECTIONS = "data|loss|model|optimizer|train"
WITH_SUBCOMMANDS = ("data_prep", "launch")


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


@functools.cache
def help_of(*command: str) -> str:
    finished = run(alone(*command, "--help"), ROOT)
    assert (finished.code, finished.err) == (0, "")
    return finished.out


def entry_points() -> list[str]:
    """Modules that the user starts, and that have options of their own."""
    found = ["data_prep", "launch"]
    for room in ("ner_dist", "bench", "job"):
        for path in sorted((ROOT / room).glob("*.py")):
            text = path.read_text(encoding="utf-8")
            if 'if __name__ == "__main__":' in text and (room == "ner_dist" or "ArgumentParser(" in text):
                found.append(f"{room}.{path.stem}")
    return found


def helps() -> str:
    """All that --help has to say anywhere."""
    texts = [help_of(module) for module in entry_points()]
    for module in WITH_SUBCOMMANDS:
        names = sorted(set(re.findall(rf"python -m {module} (\w+)", help_of(module))))
        assert names
        texts += [help_of(module, name) for name in names]
    return "\n".join(texts)


def documented(option: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(option)}(?![\w.-])", text) is not None


def check_python(words: list[str], made: Container[str] = ()) -> None:
    """`python -m MODULE ARGUMENT...`: the module is there, and its help knows each option."""
    if words[1].endswith(".py"):
        assert (ROOT / words[1]).is_file(), words
        return
    if words[1] == "-":
        return
    assert words[1] == "-m", words
    module, arguments = words[2], words[3:]
    assert importlib.util.find_spec(module), module
    if module == "launch" and "--" in arguments:
        # What follows is training's.
        end = arguments.index("--")
        check_python(["python", "-m", "ner_dist.train", *arguments[end + 1 :]], made)
        arguments = arguments[:end]
    with_command = module in WITH_SUBCOMMANDS and arguments and not arguments[0].startswith("-")
    command = (module, arguments[0]) if with_command else (module,)
    for argument in arguments:
        if argument.startswith("--"):
            assert documented(argument.split("=")[0], help_of(*command)), f"{argument} in {words}"
    for option, value in zip(arguments, arguments[1:]):
        if option == "--config":
            assert (ROOT / value).is_file() or value in made, f"{value} in {words}"


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


def check(words: list[str], made: Container[str] = ()) -> None:
    """Raises AssertionError if a command is not one that is there; made: files that the reader has made before."""
    if words[0] == "horovodrun":
        at = words.index("python")
        for option, value in zip(words[1:at:2], words[2:at:2]):
            assert option in ("-np", "--hostfile"), words
            assert value.isdigit() if option == "-np" else (ROOT / value).is_file() or value in made, words
        check_python(words[at:], made)
    elif words[0] == "python":
        check_python(words, made)
    elif words[0] == "make":
        check_make(words)
