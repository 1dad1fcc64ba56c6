"""What jsonargparse complains of, as one sentence: what, found, expected, and the nearest option if one is unknown."""

from __future__ import annotations

import difflib
import re

from jsonargparse import ArgumentParser

from ner_dist import config as knobs


def explain(message: str, name: str, parser: ArgumentParser) -> str:
    """message: of the exception that the parser of `python -m launch NAME` raised."""
    message = re.sub(r"\s+", " ", message).strip().rstrip(".")
    message = re.sub(r"(?:<class '(\w+)'>|typing\.)", r"\1", message)
    message = re.sub(r'^Parser key "([\w.]+)": ', lambda key: f"--{key[1].replace('_', '-')}: ", message)
    message = re.sub(r"Does not validate .* Errors: (.*) Given value type: \w+ Given value: ", _either, message)
    unknown = re.search(r"[Uu]nrecognized arguments: (\S+)|Option '([\w.\-]+)' is not accepted", message)
    if unknown:
        return _unknown(unknown[1] or unknown[2], name, parser)
    message = re.sub(r"^(--\S+): Expected an? (.+?)\. Got value:(.*)$", _wrong_type, message)
    message = re.sub(r"^Unexpected config:(.*)$", r"--settings holds no lines `name: value` but '\1'", message)
    message = message.replace("Problems parsing config:", "--settings is no YAML:")
    message = message.replace(' in "<unicode string>"', "")
    return f"{message}; see python -m launch {name} --help"


def _unknown(word: str, name: str, parser: ArgumentParser) -> str:
    options = [option.lstrip("-") for action in parser._actions for option in action.option_strings]
    plain = word.lstrip("-").split("=")[0]
    near = difflib.get_close_matches(plain.replace("_", "-"), options, n=1)
    if plain in {*knobs.flat(knobs.Config()), "config"}:
        advice = "what is for training follows --"
    else:
        advice = f"did you mean --{near[0]}?" if near else f"see python -m launch {name} --help"
    return f"{name} has no option {word}; {advice}"


_EXAMPLES = {
    "list": "a list such as '[a, b]'",
    "dict": "pairs such as '{a: b}'",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
}


def _wrong_type(complaint: re.Match[str]) -> str:
    option, kind, value = complaint[1], complaint[2], complaint[3].strip()
    choices = re.findall(r"'([^']*)'", kind)
    expected = f"one of {', '.join(choices)}" if choices else _EXAMPLES.get(kind, f"a {kind}")
    return f"{option} is {value!r}, expected {expected}"


def _either(complaint: re.Match[str]) -> str:
    """What was expected, of jsonargparse's list of all that was tried."""
    kinds = [kind for kind in re.findall(r"Expected an? (\w+)", complaint[1]) if kind != "NoneType"]
    return f"Expected a {' or '.join(kinds)}. Got value: "
