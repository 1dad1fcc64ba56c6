"""Commands that texts show, parsed and compared with what exists: modules, sub-commands, options, targets and knobs."""

from __future__ import annotations

import functools
import importlib.util
import re
import shlex
from collections.abc import Container

from processes import ROOT, alone, run

from ner_dist import config
from ner_dist.__main__ import COMMANDS as FRONT_DOOR

JOBS = sorted((ROOT / "job").glob("*.yaml"))
KNOBS = set(config.flat(config.Config()))
SECTIONS = "data|loss|model|optimizer|train"
WITH_SUBCOMMANDS = ("data_prep", "launch")
# Commands and those that get what follows their "--".
_PASS_ON = {
    "launch": ("ner_dist.train",),
    "ner_dist.evaluate": ("data_prep", "build"),
    "ner_dist.report": ("data_prep", "build"),
    "bench.cross_validation": ("ner_dist.train",),
}


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
    """Modules that a user starts and that have their own options."""
    found = ["data_prep", "launch"]
    for folder in ("ner_dist", "bench", "job"):
        for path in sorted((ROOT / folder).glob("*.py")):
            text = path.read_text(encoding="utf-8")
            if 'if __name__ == "__main__":' in text and path.name != "__main__.py":
                found.append(f"{folder}.{path.stem}")
    return found


def helps() -> str:
    """The --help of every command."""
    texts = [help_of(module) for module in entry_points()]
    for module in WITH_SUBCOMMANDS:
        names = sorted(set(re.findall(rf"python -m {module} ([a-z]\w*)", help_of(module))))
        assert names
        texts += [help_of(module, name) for name in names]
    return "\n".join(texts)


def documented(option: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(option)}(?![\w.-])", text) is not None


def check_python(words: list[str], made: Container[str] = ()) -> None:
    """`python -m MODULE ARGUMENT...`: the module exists, and its help knows each option."""
    if words[1].endswith(".py"):
        assert (ROOT / words[1]).is_file(), words
        return
    if words[1] == "-":
        return
    assert words[1] == "-m", words
    module, arguments = words[2], words[3:]
    assert importlib.util.find_spec(module), module
    if module in _PASS_ON and "--" in arguments:
        end = arguments.index("--")
        check_python(["python", "-m", *_PASS_ON[module], *arguments[end + 1 :]], made)
        arguments = arguments[:end]
    with_command = module in WITH_SUBCOMMANDS and arguments and not arguments[0].startswith("-")
    command = (module, arguments[0]) if with_command else (module,)
    for argument in arguments:
        if argument.startswith("--"):
            assert documented(argument.split("=")[0], help_of(*command)), f"{argument} in {words}"
    for option, value in zip(arguments, arguments[1:]):
        if option == "--config":
            assert (ROOT / value).is_file() or value in made, f"{value} in {words}"


def check_ner_dist(words: list[str], made: Container[str] = ()) -> None:
    """`ner-dist COMMAND ARGUMENT...`: the command exists, and the help of its module knows each option."""
    if words[1:] in (["--help"], ["--version"]):
        return
    assert words[1] in FRONT_DOOR, f"no command {words[1]}"
    check_python(["python", "-m", FRONT_DOOR[words[1]].module, *words[2:]], made)


def check_make(words: list[str]) -> None:
    """`make TARGET... VARIABLE=VALUE...`: the Makefile has all of them."""
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
    """Raises AssertionError if there is no such command; made: files that the reader has made by then."""
    if words[0] == "horovodrun":
        at = words.index("python")
        for option, value in zip(words[1:at:2], words[2:at:2]):
            assert option in ("-np", "--hostfile"), words
            assert value.isdigit() if option == "-np" else (ROOT / value).is_file() or value in made, words
        check_python(words[at:], made)
    elif words[0] == "python":
        check_python(words, made)
    elif words[0] == "ner-dist":
        check_ner_dist(words, made)
    elif words[0] == "make":
        check_make(words)
