"""The lexicon's lists, one a CoNLL type: names from packages, tokenised as CoNLL-2003 is, pruned by rule.

All choices were made on CoNLL's training set: entries found there against matches that are no such mention.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from data_prep.fetching import lexicon_extra
from data_prep.fetching.lexicon_sources import Sources, read_sources

MAX_TOKENS = 10
# Names in other languages are worth their noise only for places that are often in the news; the shortest are airport
# codes. A larger city keeps a name that is also a person's ("Charlotte"); a metropolis is no person ("London").
MIN_ALTERNATE_POPULATION = 100_000
MIN_ALTERNATE_CHARS = 4
MIN_CITY_POPULATION = 200_000
MIN_METROPOLIS_POPULATION = 1_000_000

LEGAL_FORMS = frozenset(lexicon_extra.LEGAL_FORMS.split())
CALENDAR = frozenset(lexicon_extra.CALENDAR.split())
# Letters that do not come apart into a plain one and a mark.
PLAIN_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ł": "l"})
PLAIN_LETTERS |= str.maketrans({"Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "\u0131": "i"})
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})

# The tokens of a name.
Name = tuple[str, ...]


def tokens(text: str) -> Name:
    """A name's tokens as CoNLL-2003 has them: brackets, commas, quotes and slashes apart, and the 's of a genitive.

    Full stops, hyphens and ampersands stay: "U.S.", "Coca-Cola Co", "Goldman , Sachs & Co", "Moody 's".
    """
    text = text.replace("\u2019", "'").replace("`", "'")
    text = re.sub(r'([,;:!?()\[\]"/])', r" \1 ", text)
    return tuple(re.sub(r"(?<=\w)('s|(?<=s)')(?=\s|$)", r" \1", text, flags=re.IGNORECASE).split())


def plain(text: str) -> str:
    """Without accents, as news agencies write foreign names."""
    parts = unicodedata.normalize("NFD", text.translate(PLAIN_LETTERS))
    return "".join(char for char in parts if not unicodedata.combining(char))


def _is_latin(text: str) -> bool:
    return all(ord(char) < 0x250 or 0x1E00 <= ord(char) < 0x1F00 for char in text)


def names(texts: Iterable[str]) -> set[Name]:
    """Tokens of each text of Latin script, as it is, without accents, and with umlauts spelled out."""
    found: set[Name] = set()
    for text in texts:
        text = unicodedata.normalize("NFC", text)
        if _is_latin(text):
            spellings = {text} if text.isascii() else {text, plain(text), plain(text.translate(UMLAUTS))}
            found.update(map(tokens, spellings))
    return found - {()}


def _folded(name: Name) -> Name:
    return tuple(token.lower() for token in name)


def without(entries: Iterable[Name], unwanted: Iterable[Name]) -> set[Name]:
    """The entries that are not unwanted in any case of letters."""
    folded = set(map(_folded, unwanted))
    return {name for name in entries if _folded(name) not in folded}


def without_words(entries: Iterable[Name], words: frozenset[str] | set[str]) -> set[Name]:
    """The entries but single tokens that, in lower case, are words: matching sees no case, and most matches of
    "will", "may" or "reading" would be the word. Names that are rarer words ("baker", "fox") stay.
    """
    return {name for name in entries if len(name) > 1 or name[0].lower() not in words}


def _large_cities(sources: Sources, min_population: int) -> set[Name]:
    return names(city.name for city in sources.cities if city.population >= min_population)


def place_names(sources: Sources) -> set[Name]:
    """Countries, states, provinces, cities; no single words, nor villages named for a Paul, a Martin or a David."""
    cities = names(city.name for city in sources.cities) | names(
        name
        for city in sources.cities
        if city.population >= MIN_ALTERNATE_POPULATION
        for name in city.other_names
        # Transliterations begin in lower case.
        if len(name) >= MIN_ALTERNATE_CHARS and name[0].isupper() and not name.isupper()
    )
    people = without(names(sources.first_names), _large_cities(sources, MIN_CITY_POPULATION))
    found = without(without_words(cities | names(sources.provinces), sources.common_words), people)
    # Turkey and Jordan are a word and a name, and places nearly always.
    found |= names(sources.countries) | names(sources.states)
    found |= {name[1:] for name in found if len(name) > 1 and name[0].lower() == "the"}
    return found | names(_extra(lexicon_extra.PLACES))


def _known_places(sources: Sources) -> set[Name]:
    """Places that a name in a text nearly always is."""
    states = names(sources.countries) | names(sources.states) | names(_extra(lexicon_extra.PLACES))
    return states | _large_cities(sources, MIN_METROPOLIS_POPULATION)


def person_names(sources: Sources) -> set[Name]:
    """Single first and last names: no list holds the people of a corpus, but four of five mentions of persons hold a
    listed name. Those of countries, nationalities and metropolises are left out: that is what they mean in news.
    """
    single = without_words(names(sources.first_names) | names(sources.last_names), sources.common_words)
    return without(single, _known_places(sources) | names(sources.nationalities)) | names(sources.people)


def _company_names(company: Name) -> set[Name]:
    """A company's name, with and without the full stop of its legal form, the comma before it, and the form itself."""
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


def _team_names(sources: Sources) -> tuple[set[Name], set[Name]]:
    """Nicknames of teams and the places they play for: either stands for the team ("Red Sox", "BOSTON 5 TEXAS 2")."""
    places = set(map(_folded, names(city.name for city in sources.cities) | names(sources.states)))
    nicknames, homes = set(), set()
    for team in map(_folded, names(sources.teams)):
        for length in range(len(team) - 1, 0, -1):
            if team[:length] in places:
                homes.add(team[:length])
                nicknames.add(team[length:])
                break
    return nicknames, homes


def organisation_names(sources: Sources) -> set[Name]:
    companies = {name for company in names(sources.companies) for name in _company_names(company)}
    # Share classes and funds: "BRIT.AMER.TOBACCO LS-,25".
    companies = {name for name in companies if not any(char.isdigit() for token in name for char in token)}
    nicknames, homes = _team_names(sources)
    found = without_words(companies | nicknames, sources.common_words)
    found = without(found, _known_places(sources) | names(sources.first_names))
    known = names(sources.schools) | names(sources.organisations) | names(sources.teams)
    return found | homes | known | names(_extra(lexicon_extra.ORGANISATIONS))


def miscellaneous_names(sources: Sources) -> set[Name]:
    countries = names(sources.countries)
    # Some packages give a country's own name for its people.
    peoples = without(names(sources.nationalities), countries)
    plurals = {
        (*name[:-1], f"{name[-1]}s")
        for name in peoples
        if not name[-1].lower().endswith(("ese", "ish", "s", "ch", "x", "z"))
    }
    languages = without(names(sources.languages), countries)
    return peoples | plurals | languages | names(_extra(lexicon_extra.MISCELLANEOUS))


def _extra(text: str) -> list[str]:
    return [name.strip() for name in re.split("[;\n]", text)]


def _can_help(name: Name) -> bool:
    """Neither too long to occur, nor a single character, nor without a letter, nor a month or a day."""
    return (
        len(name) <= MAX_TOKENS
        and (len(name) > 1 or (len(name[0]) > 1 and name[0].lower() not in CALENDAR))
        and any(char.isalpha() for token in name for char in token)
        # A comment to the reader of the lists.
        and not name[0].startswith("#")
    )


def entries(found: Iterable[Name]) -> list[str]:
    """The lines of a list: sorted, and one of those that differ in case only, rather not one all in capitals."""
    best: dict[str, str] = {}
    for name in found:
        if _can_help(name):
            text = " ".join(name)
            other = best.setdefault(text.casefold(), text)
            best[text.casefold()] = min(text, other, key=lambda text: (text.isupper() or text.islower(), text))
    return sorted(best.values())


LISTS: dict[str, Callable[[Sources], set[Name]]] = {
    "LOC": place_names,
    "MISC": miscellaneous_names,
    "ORG": organisation_names,
    "PER": person_names,
}


def write_lexicon(files: dict[str, Path], built: Path) -> None:
    """LOC.txt, MISC.txt, ORG.txt, PER.txt from the packages' files by package name: UTF-8, NFC, an entry a line."""
    sources = read_sources(files)
    for name, make in LISTS.items():
        with open(built / f"{name}.txt", "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{entry}\n" for entry in entries(make(sources)))
