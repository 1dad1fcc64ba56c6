"""The lists of names of --lexicon: which there are, and their entries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from data_prep.problems import CorpusError
from data_prep.settings import Settings, SettingsError
from ner_dist.contract.lexicon_matching import Parts

# A list's feature is named for it.
FEATURE = "lexicon_"
# A single name of a person's tells something; a single word of a place's or an organisation's may be any word.
PERSON_TYPES = ("per", "person")
MIN_PART_TOKENS = 2
TYPE_NAME = re.compile(r"[A-Za-z0-9_-]+")


class Lexicon(NamedTuple):
    """The list of one type, and which parts of its entries are matches too."""

    name: str
    path: Path
    parts: Parts


def _lexicon_paths(directory: Path) -> dict[str, Path]:
    """The lists of a folder by type, sorted. Raises SettingsError if there are none or a name cannot be a column's."""
    if not directory.is_dir():
        raise SettingsError(f"--lexicon {directory} is no folder; expected one with a TYPE.txt a type")
    paths = sorted(path for path in directory.iterdir() if path.suffix.lower() == ".txt")
    if not paths:
        raise SettingsError(f"--lexicon {directory} holds no TYPE.txt; expected one a type, an entry a line")
    seen: dict[str, Path] = {}
    for path in paths:
        if not TYPE_NAME.fullmatch(path.stem):
            raise SettingsError(
                f"--lexicon: {path} names the type {path.stem!r}; expected only letters A to Z, digits, _ and -"
            )
        # A vocabulary file is named for each, and not every file system tells upper from lower case.
        if (other := seen.setdefault(path.stem.lower(), path)) != path:
            raise SettingsError(f"--lexicon: {other} and {path} name the same type but for case; rename or join them")
    return {path.stem: path for path in paths}


def lexicons(settings: Settings) -> list[Lexicon]:
    """The lists of --lexicon in the order of their names; none without it. Raises SettingsError."""
    if settings.lexicon is None:
        return []
    paths = _lexicon_paths(Path(settings.lexicon))
    wanted = {"all": list(paths), "none": []}.get(settings.lexicon_partial, settings.lexicon_partial.split(","))
    if foreign := [name for name in wanted if name not in paths]:
        raise SettingsError(
            f"--lexicon-partial names {foreign[0]!r}, but --lexicon has {', '.join(paths)}; "
            "expected all, none, or TYPE,TYPE"
        )
    return [
        Lexicon(
            name,
            path,
            Parts(1 if name.lower() in PERSON_TYPES else MIN_PART_TOKENS, settings.max_tokens if name in wanted else 0),
        )
        for name, path in paths.items()
    ]


def read_entries(path: Path) -> Iterator[list[str]]:
    """The tokens of each entry, case folded; passes over blank lines and lines that begin with #.

    Raises CorpusError for bytes that are not UTF-8, and for a file with no entry.
    """
    num_entries = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                # Only the first line may bear a byte-order mark.
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise CorpusError(
                    f"{path}:{number}: error: byte 0x{line[error.start]:02x} is not UTF-8 text; convert the file, "
                    "such as by iconv -f cp1252 -t utf-8"
                ) from error
            tokens = text.casefold().split()
            if tokens and not text.startswith("#"):
                num_entries += 1
                yield tokens
    if not num_entries:
        raise CorpusError(f"{path}: error: no entry; expected one a line, such as: New York")
