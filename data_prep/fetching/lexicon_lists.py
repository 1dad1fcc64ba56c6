"""The lists of the lexicon, one for each CoNLL type: names from packages, tokenized like CoNLL-2003, pruned by rules.

All choices were made on CoNLL's training set: entries that occur there against matches that are not such a mention.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from configparser import RawConfigParser
from pathlib import Path

from data_prep.fetching.lexicon_sources import NameSources, read_sources

MAX_TOKENS = 10
# Names in other languages are worth their noise only for places that are often in the news; the shortest are airport
# codes. A large city keeps a name that is also a person's ("Charlotte"); a metropolis is never a person ("London").
MIN_ALTERNATE_POPULATION = 100_000
MIN_ALTERNATE_CHARS = 4
MIN_CITY_POPULATION = 200_000
MIN_METROPOLIS_POPULATION = 1_000_000

_extra = RawConfigParser(delimiters="=", comment_prefixes="#")
_extra.read(Path(__file__).with_name("lexicon_extra.ini"), encoding="utf-8")
# Names that the packages lack, by the kind of list.
EXTRA = {kind: re.split(r"\s*[;\n]\s*", text.strip()) for kind, text in _extra["names"].items()}
LEGAL_FORMS, CALENDAR = (frozenset(_extra["words"][kind].split()) for kind in ("legal_forms", "calendar"))
# Letters that Unicode does not decompose into a plain letter and a mark.
PLAIN_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ł": "l"})
PLAIN_LETTERS |= str.maketrans({"Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "\u0131": "i"})
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})

# The tokens of a name.
Name = tuple[str, ...]


def tokens(text: str) -> Name:
    """A name's tokens as in CoNLL-2003: brackets, commas, quotes and slashes are separated, and the 's of a genitive.

    Full stops, hyphens and ampersands are not: "U.S.", "Coca-Cola Co", "Goldman , Sachs & Co", "Moody 's".
    """
    text = text.replace("\u2019", "'").replace("`", "'")
    text = re.sub(r'([,;:!?()\[\]"/])', r" \1 ", text)
    return tuple(re.sub(r"(?<=\w)('s|(?<=s)')(?=\s|$)", r" \1", text, flags=re.IGNORECASE).split())


def plain(text: str) -> str:
    """The text without accents, as news agencies write foreign names."""
    parts = unicodedata.normalize("NFD", text.translate(PLAIN_LETTERS))
    return "".join(char for char in parts if not unicodedata.combining(char))


def names(texts: Iterable[str]) -> set[Name]:
    """The tokens of each text in Latin script: unchanged, without accents, and with umlauts spelled out."""
    found: set[Name] = set()
    for text in texts:
        text = unicodedata.normalize("NFC", text)
        if all(ord(char) < 0x250 or 0x1E00 <= ord(char) < 0x1F00 for char in text):
            spellings = {text} if text.isascii() else {text, plain(text), plain(text.translate(UMLAUTS))}
            found.update(map(tokens, spellings))
    return found - {()}


def _folded(name: Name) -> Name:
    return tuple(token.lower() for token in name)


def without(entries: Iterable[Name], unwanted: Iterable[Name]) -> set[Name]:
    """The entries that are not unwanted, ignoring case."""
    folded = set(map(_folded, unwanted))
    return {name for name in entries if _folded(name) not in folded}


def without_words(entries: Iterable[Name], words: frozenset[str] | set[str]) -> set[Name]:
    """The entries except single tokens that, in lower case, are words.

    Matching ignores case, so most matches of "will", "may" or "reading" would be the word. Names that are rarer words
    ("baker", "fox") stay.
    """
    return {name for name in entries if len(name) > 1 or name[0].lower() not in words}


def _large_cities(sources: NameSources, min_population: int) -> set[Name]:
    return names(city.name for city in sources.cities if city.population >= min_population)


def place_names(sources: NameSources) -> set[Name]:
    """Countries, states, provinces, cities; no common words, and no villages with a person's first name."""
    cities = names(city.name for city in sources.cities) | names(
        name
        for city in sources.cities
        if city.population >= MIN_ALTERNATE_POPULATION
        for name in city.other_names
        # Transliterations begin with a lower-case letter.
        if len(name) >= MIN_ALTERNATE_CHARS and name[0].isupper() and not name.isupper()
    )
    people = without(names(sources.first_names), _large_cities(sources, MIN_CITY_POPULATION))
    found = without(without_words(cities | names(sources.provinces), sources.common_words), people)
    # Turkey is also a word and Jordan a first name, but nearly always they are places.
    found |= names(sources.countries) | names(sources.states)
    found |= {name[1:] for name in found if len(name) > 1 and name[0].lower() == "the"}
    return found | names(EXTRA["places"])


def _known_places(sources: NameSources) -> set[Name]:
    """Places whose names nearly always mean the place."""
    states = names(sources.countries) | names(sources.states) | names(EXTRA["places"])
    return states | _large_cities(sources, MIN_METROPOLIS_POPULATION)


def person_names(sources: NameSources) -> set[Name]:
    """Single first and last names, except those of countries, nationalities and metropolises.

    No list has the people of a corpus, but four of five mentions of persons contain a listed name.
    """
    single = without_words(names(sources.first_names) | names(sources.last_names), sources.common_words)
    return without(single, _known_places(sources) | names(sources.nationalities)) | names(sources.people)


def _company_names(company: Name) -> set[Name]:
    """A company's name with and without its legal form, the full stop of that, and the comma before it."""
    if all(token.lower().rstrip(".") in LEGAL_FORMS for token in company):
        return set()
    found = {company}
    if len(company) > 2 and company[-2] == ",":
        found.add((*company[:-2], company[-1]))
    found |= {(*name[:-1], name[-1].rstrip(".")) for name in found if name[-1].lower().rstrip(".") in LEGAL_FORMS}
    bare = company[1:] if company[0].lower() == "the" else company
    while bare and bare[-1].lower().rstrip(".") in LEGAL_FORMS:
        bare = bare[:-1]
    return found | ({bare} if bare else set())


def _team_names(sources: NameSources) -> tuple[set[Name], set[Name]]:
    """Nicknames of teams, and the places they play for; both can mean the team ("Red Sox", "BOSTON 5 TEXAS 2")."""
    places = set(map(_folded, names(city.name for city in sources.cities) | names(sources.states)))
    nicknames, homes = set(), set()
    for team in map(_folded, names(sources.teams)):
        for length in range(len(team) - 1, 0, -1):
            if team[:length] in places:
                homes.add(team[:length])
                nicknames.add(team[length:])
                break
    return nicknames, homes


def organisation_names(sources: NameSources) -> set[Name]:
    companies = {name for company in names(sources.companies) for name in _company_names(company)}
    # Share classes and funds: "BRIT.AMER.TOBACCO LS-,25".
    companies = {name for name in companies if not any(char.isdigit() for token in name for char in token)}
    nicknames, homes = _team_names(sources)
    found = without_words(companies | nicknames, sources.common_words)
    found = without(found, _known_places(sources) | names(sources.first_names))
    known = names(sources.schools) | names(sources.organisations) | names(sources.teams)
    return found | homes | known | names(EXTRA["organisations"])


def miscellaneous_names(sources: NameSources) -> set[Name]:
    countries = names(sources.countries)
    # Some packages give the name of the country itself for its people.
    peoples = without(names(sources.nationalities), countries)
    no_plural = ("ese", "ish", "s", "ch", "x", "z")
    plurals = {(*name[:-1], f"{name[-1]}s") for name in peoples if not name[-1].lower().endswith(no_plural)}
    languages = without(names(sources.languages), countries)
    return peoples | plurals | languages | names(EXTRA["miscellaneous"])


def _can_help(name: Name) -> bool:
    """Whether the name is not too long, not a single character, not without letters, and not a month or day."""
    return (
        len(name) <= MAX_TOKENS
        and (len(name) > 1 or (len(name[0]) > 1 and name[0].lower() not in CALENDAR))
        and any(char.isalpha() for token in name for char in token)
        # Readers of the lists would take it for a comment.
        and not name[0].startswith("#")
    )


def entries(found: Iterable[Name]) -> list[str]:
    """The lines of a list, sorted; of entries that differ only in case one, preferably not all in capitals."""
    best: dict[str, str] = {}
    for name in found:
        if _can_help(name):
            text = " ".join(name)
            other = best.setdefault(text.casefold(), text)
            best[text.casefold()] = min(text, other, key=lambda text: (text.isupper() or text.islower(), text))
    return sorted(best.values())


LISTS: dict[str, Callable[[NameSources], set[Name]]] = {
    "LOC": place_names,
    "MISC": miscellaneous_names,
    "ORG": organisation_names,
    "PER": person_names,
}


def write_lexicon(files: dict[str, Path], built: Path) -> None:
    """Write LOC.txt, MISC.txt, ORG.txt and PER.txt, one entry per line. files: the packages' files by package name."""
    sources = read_sources(files)
    for name, make in LISTS.items():
        lines = "".join(f"{entry}\n" for entry in entries(make(sources)))
        (built / f"{name}.txt").write_bytes(lines.encode())
