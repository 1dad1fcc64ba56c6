"""Integer tags, as in Hugging Face data sets -> tag strings, by the names that the user or the file itself gives."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.problems import CorpusError
from data_prep.remote.fetch_named import fetched
from data_prep.sentences.numbers import number_of
from ner_dist.contract.visible_text import shown, trim

OPTION = "--tag-names"
_NUMBER = re.compile(r"-?[0-9]+")


def read_tag_names(given: str) -> tuple[str, ...]:
    """The names of the tags 0, 1, ... from the value of --tag-names: a file, or names separated by commas.

    A file has one name per line, or is JSON: a list of names, an object from ids to names or from names to ids, or a
    configuration of a model with such an object as id2label or label2id. Raises CorpusError.
    """
    path = Path(fetched(given))
    if not path.is_file():
        if "," not in given:
            raise CorpusError(f"{OPTION} {given}: no such file, and not names separated by commas")
        return _checked([name.strip() for name in given.split(",")], OPTION)
    where = f"{OPTION} {given}"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{where}: cannot be read as UTF-8 text ({error})") from error
    if text.lstrip()[:1] in ("[", "{"):
        return _checked(_names_of_json(text, where), where)
    return _checked(text.rstrip().splitlines(), where)


def _names_of_json(text: str, where: str) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{where}: not JSON: {error}") from error
    if isinstance(value, dict):
        # A model's configuration, or the features of a data set.
        value = next((value[key] for key in ("id2label", "label2id", "names") if value.get(key)), value)
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and all(_NUMBER.fullmatch(key) for key in value):
        by_id = {number_of(key): name for key, name in value.items()}
    elif isinstance(value, dict) and all(type(number) is int for number in value.values()):
        by_id = {number: name for name, number in value.items()}
        if len(by_id) < len(value):
            raise CorpusError(f"{where}: two names have the same id")
    else:
        raise CorpusError(f"{where}: expected a JSON list of names, or an object of ids and names")
    if sorted(by_id) != list(range(len(by_id))):
        missing = next(number for number in range(len(by_id) + 1) if number not in by_id)
        raise CorpusError(f"{where}: the ids are not 0, 1, 2, ...: {missing} is missing")
    return [by_id[number] for number in range(len(by_id))]


def _checked(names: list[Any], where: str) -> tuple[str, ...]:
    trimmed = [trim(name) if isinstance(name, str) else name for name in names]
    for number, name in enumerate(trimmed):
        if not isinstance(name, str) or not name:
            found = "is empty" if isinstance(name, str) else f"is not a string but {json.dumps(name)[:40]}"
            raise CorpusError(f"{where}: the name of tag {number} {found}")
    for number, name in enumerate(trimmed):
        if name in trimmed[:number]:
            raise CorpusError(f"{where}: tags {trimmed.index(name)} and {number} have the same name {shown(name)}")
    if not trimmed:
        raise CorpusError(f"{where}: no names")
    return tuple(trimmed)


def name_tags(values: Sequence[Any], names: Sequence[str] | None, where: str) -> list[str]:
    """Integer tags as strings; strings stay as they are.

    where: what holds the values, for messages, such as '"ner_tags"'. Raises ValueError for integers without names, an
    integer without a name, or any other kind of value.
    """
    if all(type(value) is str for value in values):
        return list(values)
    named = []
    for value in values:
        if type(value) is not int:
            kinds = "strings and other values" if isinstance(value, str) else f"{json.dumps(value, default=str)[:40]}"
            raise ValueError(f"{where} holds {kinds}, expected integers or strings")
        if names is None:
            raise ValueError(f"{where} holds integers, which need names: {OPTION} FILE|A,B,C (they are never guessed)")
        if not 0 <= value < len(names):
            last = f"0 ({names[0]}) to {len(names) - 1} ({names[-1]})"
            raise ValueError(f"{where} holds {value}, but there are names for {last} only; see {OPTION}")
        named.append(names[value])
    return named
