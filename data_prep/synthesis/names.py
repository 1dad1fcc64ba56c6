"""Names of the synthetic corpus: a stock of known ones, and new ones whose endings tell their kind."""

from __future__ import annotations

import random
from typing import NamedTuple

from data_prep.synthesis import grammar

KNOWN_NAME_SHARE = 0.5
AMBIGUOUS_SHARE = 0.14
VAGUE_ENDING_SHARE = 0.1
STOCK_SIZES = {"given": 200, "surname": 400, "place": 400, "organisation": 300, "nationality": 80, "product": 80}
INITIALS = "ABCDEFGHIJKLMNOPRSTVW"

ONSETS, VOWELS, CODAS = grammar.ONSETS.split(), grammar.VOWELS.split(), grammar.CODAS.split()
ENDINGS = {kind: text.split() for kind, text in grammar.ENDINGS.items()}
VAGUE_ENDINGS = grammar.VAGUE_ENDINGS.split()
AMBIGUOUS = grammar.AMBIGUOUS.split()
COMPANY_SUFFIXES, CLUB_SUFFIXES = grammar.COMPANY_SUFFIXES.split(), grammar.CLUB_SUFFIXES.split()
BODY_HEADS, BODY_TAILS = grammar.BODY_HEADS.split(), grammar.BODY_TAILS.split()
PLACE_HEADS, PLACE_TAILS = grammar.PLACE_HEADS.split(), grammar.PLACE_TAILS.split()
EVENT_TAILS, FIELDS = grammar.EVENT_TAILS.split(), grammar.FIELDS.split()


class Token(NamedTuple):
    text: str
    pos: str
    # BIO.
    tag: str


def _entity(text: str, entity_type: str, pos: str = "NNP") -> list[Token]:
    """Tokens of a name; _ parts them like a space does."""
    words = text.replace("_", " ").split(" ")

    def pos_of(word: str) -> str:
        return "CD" if word.isdigit() else {"of": "IN", "&": "CC"}.get(word, pos)

    return [Token(word, pos_of(word), f"{'I' if i else 'B'}-{entity_type}") for i, word in enumerate(words)]


class Namer:
    """Makes names. All chance comes from one generator's random(), which every Python draws alike."""

    def __init__(self, seed: int):
        self.chance = random.Random(seed).random
        self.stock = {kind: [self.coin(kind) for _ in range(size)] for kind, size in STOCK_SIZES.items()}
        self.stock["given"] += grammar.GIVEN.split()

    def pick(self, options: list[str]) -> str:
        return options[int(self.chance() * len(options))]

    def initial(self) -> str:
        return INITIALS[int(self.chance() * len(INITIALS))]

    def year(self) -> str:
        return str(1950 + int(self.chance() * 70))

    def syllable(self) -> str:
        coda = self.pick(CODAS) if self.chance() < 0.5 else ""
        return self.pick(ONSETS) + self.pick(VOWELS) + coda

    def coin(self, kind: str) -> str:
        """A name nobody has heard before."""
        stem = self.syllable() + (self.syllable() if self.chance() < 0.4 else "")
        vague = self.chance() < VAGUE_ENDING_SHARE and kind != "product"
        return stem.capitalize() + self.pick(VAGUE_ENDINGS if vague else ENDINGS[kind])

    def name(self, kind: str) -> str:
        """A name from the stock, the first ones far more often than the last, or a new one."""
        if self.chance() < KNOWN_NAME_SHARE:
            stock = self.stock[kind]
            return stock[int(self.chance() ** 3 * len(stock))]
        return self.coin(kind)

    def ambiguous(self) -> str | None:
        """Now and then a name that can be a person, a place or an organisation."""
        return self.pick(AMBIGUOUS) if self.chance() < AMBIGUOUS_SHARE else None

    def person(self, clear: bool = True) -> list[Token]:
        """`clear`: the context tells the type, so the name need not; so too below."""
        given, surname, form = self.name("given"), self.name("surname"), self.chance()
        if clear and (shared := self.ambiguous()):
            return _entity(
                f"{shared} {surname}" if form < 0.3 else f"{given} {shared}" if form < 0.6 else shared, "PER"
            )
        if form < 0.55:
            return _entity(f"{given} {surname}", "PER")
        if form < 0.85:
            return _entity(surname, "PER")
        return _entity(f"{given[0]}. {surname}" if form < 0.95 else f"{given} {self.initial()}. {surname}", "PER")

    def place(self, clear: bool = True) -> list[Token]:
        place = (self.ambiguous() if clear else None) or self.name("place")
        form = self.chance()
        if form < 0.8:
            return _entity(place, "LOC")
        if form < 0.92:
            return _entity(f"{self.pick(PLACE_HEADS)} {place}", "LOC")
        return _entity(f"{place} {self.pick(PLACE_TAILS)}", "LOC")

    def place_in_capitals(self) -> list[Token]:
        return _entity(self.name("place").upper(), "LOC")

    def organisation(self, clear: bool = True) -> list[Token]:
        if clear and (shared := self.ambiguous()):
            return _entity(shared, "ORG")
        company, place, form = self.name("organisation"), self.name("place"), self.chance()
        if form < 0.4:
            text = company
        elif form < 0.58:
            text = f"{company} {self.pick(COMPANY_SUFFIXES)}"
        elif form < 0.68:
            text = f"{place} {self.pick(CLUB_SUFFIXES)}"
        elif form < 0.78:
            text = f"{self.pick(BODY_HEADS)} of {place}"
        elif form < 0.84:
            text = f"{place} {self.pick(BODY_TAILS)}"
        elif form < 0.88:
            text = f"Ministry of {self.pick(FIELDS)}"
        elif form < 0.92:
            text = f"{self.name('surname')} & {self.pick(['Sons', 'Co.', 'Partners'])}"
        else:
            text = "".join(self.initial() for _ in range(3 + (form < 0.96)))
        return _entity(text, "ORG")

    def nationality(self) -> list[Token]:
        return _entity(self.name("nationality"), "MISC", "JJ")

    def event(self) -> list[Token]:
        year = f"{self.year()} " if self.chance() < 0.2 else ""
        return _entity(f"{year}{self.name('place')} {self.pick(EVENT_TAILS)}", "MISC")

    def product(self) -> list[Token]:
        number = f" {int(self.chance() * 99) + 1}" if self.chance() < 0.4 else ""
        return _entity(self.name("product") + number, "MISC")

    def anything(self) -> list[Token]:
        """A name of any type, where only the name itself tells which."""
        draw = self.chance()
        if draw < 0.3:
            return self.person(clear=False)
        if draw < 0.6:
            return self.place(clear=False)
        if draw < 0.88:
            return self.organisation(clear=False)
        return self.product()
