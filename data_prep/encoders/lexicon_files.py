"""The entity lists of --lexicon: which there are, and their entries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from data_prep.problems import CorpusError
from data_prep.settings import Settings, SettingsError
from ner_dist.contract.lexicon_matching import PartialMatch

# The name of a list's feature is this and its type.
FEATURE_PREFIX = "lexicon_"
# A single token of a person's name is telling; one of a place's or an organisation's name may be any word.
PERSON_TYPES = ("per", "person")
MIN_PART_TOKENS = 2
TYPE_NAME = re.compile(r"[A-Za-z0-9_-]+")


class EntityList(NamedTuple):
    """The list of one entity type, and which parts of its entries match, too."""

    type: str
    path: Path
    partial: PartialMatch


# Each list with the tokens of its entries.
Lexicon = Sequence[tuple[EntityList, list[list[str]]]]


def _paths_by_type(directory: Path) -> dict[str, Path]:
    """The files of a lexicon, sorted. Raises SettingsError if there are none or a type cannot name a column."""
    if not directory.is_dir():
        raise SettingsError(f"--lexicon {directory} is not a folder; expected one with a TYPE.txt for each type")
    paths = sorted(path for path in directory.iterdir() if path.suffix.lower() == ".txt")
    if not paths:
        raise SettingsError(f"--lexicon {directory} holds no TYPE.txt; expected one for each type, an entry per line")
    seen: dict[str, Path] = {}
    for path in paths:
        if not TYPE_NAME.fullmatch(path.stem):
            raise SettingsError(
                f"--lexicon: {path} names the type {path.stem!r}; expected only letters A to Z, digits, _ and -"
            )
        # Each type names a vocabulary file, and some file systems ignore case.
        if (other := seen.setdefault(path.stem.lower(), path)) != path:
            raise SettingsError(f"--lexicon: {other} and {path} name the same type but for case; rename or join them")
    return {path.stem: path for path in paths}


def entity_lists(settings: Settings) -> list[EntityList]:
    """The lists of --lexicon sorted by type; none without it. Raises SettingsError."""
    if settings.lexicon is None:
        return []
    paths = _paths_by_type(Path(settings.lexicon))
    in_part = {"all": list(paths), "none": []}.get(settings.lexicon_partial, settings.lexicon_partial.split(","))
    if unknown := [name for name in in_part if name not in paths]:
        raise SettingsError(
            f"--lexicon-partial names {unknown[0]!r}, but --lexicon has {', '.join(paths)}; "
            "expected all, none, or TYPE,TYPE"
        )
    lists = []
    for name, path in paths.items():
        least = 1 if name.lower() in PERSON_TYPES else MIN_PART_TOKENS
        lists.append(EntityList(name, path, PartialMatch(least, settings.max_tokens if name in in_part else 0)))
    return lists


def read_entries(path: Path) -> list[list[str]]:
    """The tokens of each entry, case folded; blank lines and lines that begin with # are skipped.

    Raises CorpusError for bytes that are not UTF-8, and for a file without an entry.
    """
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        number = 1 + error.object.count(b"\n", 0, error.start)
        raise CorpusError(
            f"{path}:{number}: error: byte 0x{error.object[error.start]:02x} is not UTF-8 text; convert the file, "
            "for example with iconv -f cp1252 -t utf-8"
        ) from error
    entries = [line.casefold().split() for line in lines if line.strip() and not line.startswith("#")]
    if not entries:
        raise CorpusError(f"{path}: error: no entry; expected one per line, for example: New York")
    return entries


def read_lexicon(settings: Settings) -> Lexicon:
    """The lists of --lexicon, each with its entries. Raises SettingsError or CorpusError."""
    return [(names, read_entries(names.path)) for names in entity_lists(settings)]
