"""Where the output of each of many files is written: below --out, under the name of its input with another ending."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from ner_dist.errors import UserError
from ner_dist.predicting.input_files import Named
from ner_dist.prediction.output_formats import ENDINGS
from ner_dist.stores.addresses import Address
from ner_dist.stores.facts import size
from ner_dist.stores.named_files import Place
from ner_dist.stores.patterns import is_like

# An ending is a word, so that the date 2026.01.31 has none.
_ENDING = re.compile(r"(?<=.)\.[A-Za-z][A-Za-z0-9]*$")


def output_name(name: str, format_name: str) -> str:
    """texts/a.txt.gz -> texts/a.jsonl."""
    path = PurePosixPath(name)
    own = path.name.removesuffix(".gz")
    return str(path.with_name(_ENDING.sub("", own) + ENDINGS[format_name]))


def output_places(out: Place, place: Place, named: Named, format_name: str) -> list[Place]:
    """Of each file. place: as the user has named them.

    Raises UserError if outputs would replace each other or an input, or be inputs of the same command the next time.
    """
    is_file = size(out) is not None if isinstance(out, Address) else out.exists() and not out.is_dir()
    if is_file:
        raise UserError(f"--out {out} is a file, expected the folder for the outputs of {place}")
    if not named.pattern and _lies_in(out, named.folder):
        where = "is the folder of the input" if _same(out, named.folder) else f"lies in the folder of the input {place}"
        raise UserError(f"--out {out} {where}, so its files would be input the next time; choose another --out")
    names = [output_name(file.name, format_name) for file in named.files]
    _refuse_collisions(out, named, names)
    places: list[Place] = [out / name for name in names]
    inputs = {_absolute(file.place) for file in named.files}
    pattern = _parts(named.folder) + named.pattern
    for output in places:
        if _absolute(output) in inputs or (named.pattern and is_like(_parts(output), pattern)):
            raise UserError(
                f"--out {out}: {output} is a name that {place} stands for, so it would be input the next time; choose "
                "another --out, or a pattern of input alone"
            )
    return places


def _refuse_collisions(out: Place, named: Named, names: list[str]) -> None:
    first: dict[str, str] = {}
    for file, name in zip(named.files, names):
        if name in first:
            raise UserError(
                f"{named.folder}: {first[name]} and {file.name} would both become {out / name}; rename one, or tag "
                "them into different folders"
            )
        first[name] = file.name
    for name, source in first.items():
        above = next((str(folder) for folder in PurePosixPath(name).parents if str(folder) in first), None)
        if above is not None:
            raise UserError(
                f"{named.folder}: {first[above]} would become {out / above}, the folder for {source}; rename one"
            )


def _parts(place: Place) -> list[str]:
    return _absolute(place).split("/")


def _absolute(place: Place) -> str:
    return str(place) if isinstance(place, Address) else Path(os.path.abspath(place)).as_posix()


def _lies_in(place: Place, folder: Place) -> bool:
    """Or is the same."""
    if isinstance(place, Address) or isinstance(folder, Address):
        return isinstance(place, type(folder)) and f"{place}/".startswith(f"{str(folder).rstrip('/')}/")
    return place.resolve().is_relative_to(folder.resolve())


def _same(place: Place, folder: Place) -> bool:
    return _lies_in(place, folder) and _lies_in(folder, place)
