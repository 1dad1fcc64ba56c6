"""Names of the synthetic corpus: a stock of known ones, and new ones whose endings reveal their kind."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from data_prep.synthesis.grammar import ENDINGS, NAMES

KNOWN_NAME_SHARE = 0.5
AMBIGUOUS_SHARE = 0.14
VAGUE_ENDING_SHARE = 0.1
STOCK_SIZES = {"given": 200, "surname": 400, "place": 400, "organisation": 300, "nationality": 80, "product": 80}
INITIALS = "ABCDEFGHIJKLMNOPRSTVW"

Option = TypeVar("Option")


class Token(NamedTuple):
    text: str
    pos: str
    # BIO.
    tag: str


def _entity(text: str, entity_type: str, pos: str = "NNP") -> list[Token]:
    """The tokens of a name; _ separates them as a space does."""
    words = text.replace("_", " ").split(" ")
    pos_W = ["CD" if word.isdigit() else {"of": "IN", "&": "CC"}.get(word, pos) for word in words]
    return [Token(words[i], pos_W[i], f"{'I' if i else 'B'}-{entity_type}") for i in range(len(words))]


class Namer:
    """Makes names. All randomness comes from random() of one generator, whose values are the same in every Python."""

    def __init__(self, seed: int):
        self.chance = random.Random(seed).random
        self.stock = {kind: [self.coin(kind) for _ in range(size)] for kind, size in STOCK_SIZES.items()}
        self.stock["given"] += NAMES["given"]

    def pick(self, options: Sequence[Option]) -> Option:
        return options[int(self.chance() * len(options))]

    def part(self, kind: str) -> str:
        return self.pick(NAMES[kind])

    def year(self) -> str:
        return str(1950 + int(self.chance() * 70))

    def syllable(self) -> str:
        coda = self.part("codas") if self.chance() < 0.5 else ""
        return self.part("onsets") + self.part("vowels") + coda

    def coin(self, kind: str) -> str:
        """A newly invented name."""
        stem = self.syllable() + (self.syllable() if self.chance() < 0.4 else "")
        vague = self.chance() < VAGUE_ENDING_SHARE and kind != "product"
        return stem.capitalize() + self.pick(ENDINGS["vague" if vague else kind])

    def name(self, kind: str) -> str:
        """A name from the stock, where the first ones are far more frequent than the last, or a new one."""
        if self.chance() < KNOWN_NAME_SHARE:
            stock = self.stock[kind]
            return stock[int(self.chance() ** 3 * len(stock))]
        return self.coin(kind)

    def ambiguous(self) -> str | None:
        """Sometimes a name that may belong to a person, a place or an organisation."""
        return self.part("ambiguous") if self.chance() < AMBIGUOUS_SHARE else None

    def person(self, clear: bool = True) -> list[Token]:
        """clear: the context reveals the type, so the name need not; likewise below."""
        given, surname, draw = self.name("given"), self.name("surname"), self.chance()
        if clear and (shared := self.ambiguous()):
            text = f"{shared} {surname}" if draw < 0.3 else f"{given} {shared}" if draw < 0.6 else shared
        elif draw < 0.55:
            text = f"{given} {surname}"
        elif draw < 0.85:
            text = surname
        else:
            text = f"{given[0]}. {surname}" if draw < 0.95 else f"{given} {self.pick(INITIALS)}. {surname}"
        return _entity(text, "PER")

    def place(self, clear: bool = True) -> list[Token]:
        place = (self.ambiguous() if clear else None) or self.name("place")
        draw = self.chance()
        if draw < 0.8:
            return _entity(place, "LOC")
        if draw < 0.92:
            return _entity(f"{self.part('place_heads')} {place}", "LOC")
        return _entity(f"{place} {self.part('place_tails')}", "LOC")

    def place_in_capitals(self) -> list[Token]:
        return _entity(self.name("place").upper(), "LOC")

    def organisation(self, clear: bool = True) -> list[Token]:
        if clear and (shared := self.ambiguous()):
            return _entity(shared, "ORG")
        company, place, draw = self.name("organisation"), self.name("place"), self.chance()
        if draw < 0.4:
            text = company
        elif draw < 0.58:
            text = f"{company} {self.part('company_suffixes')}"
        elif draw < 0.68:
            text = f"{place} {self.part('club_suffixes')}"
        elif draw < 0.78:
            text = f"{self.part('body_heads')} of {place}"
        elif draw < 0.84:
            text = f"{place} {self.part('body_tails')}"
        elif draw < 0.88:
            text = f"Ministry of {self.part('fields')}"
        elif draw < 0.92:
            text = f"{self.name('surname')} & {self.pick(['Sons', 'Co.', 'Partners'])}"
        else:
            text = "".join(self.pick(INITIALS) for _ in range(3 + (draw < 0.96)))
        return _entity(text, "ORG")

    def nationality(self) -> list[Token]:
        return _entity(self.name("nationality"), "MISC", "JJ")

    def event(self) -> list[Token]:
        year = f"{self.year()} " if self.chance() < 0.2 else ""
        return _entity(f"{year}{self.name('place')} {self.part('event_tails')}", "MISC")

    def product(self) -> list[Token]:
        number = f" {int(self.chance() * 99) + 1}" if self.chance() < 0.4 else ""
        return _entity(self.name("product") + number, "MISC")

    def anything(self) -> list[Token]:
        """A name of any type; only the name itself reveals which."""
        draw = self.chance()
        if draw < 0.3:
            return self.person(clear=False)
        if draw < 0.6:
            return self.place(clear=False)
        if draw < 0.88:
            return self.organisation(clear=False)
        return self.product()
