"""A made-up corpus of texts with character spans, prose whose entities often fit no token, and its files."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import NamedTuple

_LAST = ("Moe", "Lindqvist", "O'Hara", "Nguyen", "Petrov", "Adeyemi", "Katz", "Sato-Berg")
_NAMES = {
    "{PER}": ("Ada", "Björn", "Chloé", "Dmitri", "Esra", "Femi", "Grace", "Hiro"),
    "{LOC}": ("Oslo", "Bern", "Rome", "Lagos", "Kyoto", "Porto", "Tromsø", "St. Gallen"),
    "{ORG}": ("Statoil", "Zap! Labs", "Acme Ltd.", "B&W", "Quux AG", "Yell? Media"),
}
_SENTENCES = (
    "{PER} visited {LOC}, then left.",
    "The {LOC}-based firm {ORG} hired {PER}.",
    "Many in {LOC} ({LOC}, too) praised {ORG}.",
    "She likes pro-{PER} songs, anti{LOC}ism and tea; {PER}'s?",
    "Nothing happened \U0001f600 at all.",
    "“{ORG}”, says {PER}/{ORG}!",
)


class SpanRecord(NamedTuple):
    id: str
    text: str
    # (start, end, type), without white space at the ends.
    spans: list[tuple[int, int, str]]


def span_corpus(number: int, seed: int, overlaps: bool = False) -> list[SpanRecord]:
    """overlaps: whether some entities contain others."""
    chance = random.Random(seed)
    return [_record(chance, f"{seed}-{i}", overlaps) for i in range(number)]


def _record(chance: random.Random, name: str, overlaps: bool) -> SpanRecord:
    text, spans = chance.choice(["", "", " "]), []
    for i in range(chance.randint(1, 4)):
        text += chance.choice([" ", "  ", "\n\n"]) if i else ""
        for piece in re.split(r"(\{[A-Z]+\})", chance.choice(_SENTENCES)):
            said = chance.choice(_NAMES[piece]) if piece in _NAMES else piece
            if piece == "{PER}" and chance.random() < 0.7:
                said += " " + chance.choice(_LAST)
            if piece in _NAMES:
                spans.append((len(text), len(text) + len(said), piece[1:-1]))
            text += said
    if overlaps and spans and chance.random() < 0.3:
        start, end, entity_type = chance.choice(spans)
        end = start + len(text[start : end - 2].rstrip())
        if start < end:
            spans.append((start, end, {"PER": "LOC", "LOC": "ORG", "ORG": "PER"}[entity_type]))
    return SpanRecord(name, text + chance.choice(["", "\n"]), spans)


def write_spans(path: Path, records: list[SpanRecord]) -> Path:
    """JSON lines, in which every seventh span has white space at its end, where there is any."""
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            spans = [
                [start, end + (i % 7 == 0 and record.text[end : end + 1] == " "), entity_type]
                for i, (start, end, entity_type) in enumerate(record.spans)
            ]
            line = {"id": record.id, "text": record.text, "entities": spans}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path
