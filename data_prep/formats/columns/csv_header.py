"""The header of a CSV or TSV file: which of its columns is the token, the tag, the sentence and so on."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import NamedTuple

from data_prep.formats.columns.judge_column import ColumnSample, looks_like_tags
from data_prep.formats.columns.names import (
    DOCUMENT_NAMES,
    POS_NAMES,
    SENTENCE_NAMES,
    TAG_NAMES,
    TOKEN_NAMES,
    plain_name,
)
from data_prep.formats.corpus_format import ReadOptions
from data_prep.sentences.numbers import number_of

DELIMITERS = (",", "\t", ";", "|")
ROLES = {
    "token": TOKEN_NAMES,
    "tag": TAG_NAMES,
    "sentence": SENTENCE_NAMES,
    "document": DOCUMENT_NAMES,
    "pos": POS_NAMES,
}
# How roles of --columns may also be called, as those of JSON are.
ALIASES = {"tokens": "token", "tags": "tag"}


class Table(NamedTuple):
    """How the rows of a table are read."""

    names: list[str]
    delimiter: str
    # Whether fields may be quoted as in CSV.
    quoted: bool
    token: int
    tag: int
    # None: blank rows separate sentences.
    sentence: int | None
    document: int | None
    # Name and column of each token feature.
    features: dict[str, int]


def split_row(line: str, delimiter: str, quoted: bool) -> list[str]:
    """The fields of one line. Raises csv.Error if a quoted field is malformed or does not end on the line."""
    if not quoted:
        return line.split(delimiter)
    return next(csv.reader([line], delimiter=delimiter, strict=True), [])


def header_names(line: str, delimiter: str) -> list[str]:
    """The names in a header, [] if it is malformed."""
    try:
        return [name.strip() for name in split_row(line.lstrip("\ufeff").rstrip("\r"), delimiter, quoted=True)]
    except csv.Error:
        return []


def best_delimiter(line: str) -> str:
    """The delimiter at which a header falls into most names of columns that are known here."""
    known = frozenset().union(*ROLES.values())

    def num_known(delimiter: str) -> tuple[int, int]:
        names = header_names(line, delimiter)
        return sum(plain_name(name) in known for name in names), len(names)

    return max(DELIMITERS, key=num_known)


def is_quoted(lines: Sequence[str], delimiter: str) -> bool:
    """Whether fields may be quoted: always in CSV; with tabs if quotes are doubled or every quote closes its field."""
    if delimiter != "\t":
        return True
    fields = [field for line in lines for field in line.split("\t") if '"' in field]
    whole = [field for field in fields if len(field) > 1 and field[0] == field[-1] == '"']
    return bool(whole) and len(whole) == len(fields)


def read_header(line: str, lines: Sequence[str], options: ReadOptions) -> Table:
    """The table that begins with this header; `lines` are the first ones after it. Raises ValueError."""
    delimiter = best_delimiter(line)
    names, quoted = header_names(line, delimiter), is_quoted(lines, delimiter)
    chosen = chosen_columns(options)
    for role, column in (("token", options.token_column), ("tag", options.tag_column), ("pos", options.pos_column)):
        if column not in (None, "auto"):
            chosen.setdefault(role, str(column))
    unknown = [role for role in chosen if role not in ROLES]
    if unknown:
        raise ValueError(f"--columns {unknown[0]}=...: expected one of {', '.join(ROLES)}")
    places = {role: column_of(names, chosen[role], f"--columns {role}=") for role in chosen}
    rows = [row for row in (_lenient_row(text, delimiter, quoted) for text in lines) if len(row) == len(names)]
    for role in ROLES:
        if role not in places:
            found = [i for i, name in enumerate(names) if plain_name(name) in ROLES[role] and i not in places.values()]
            place = _choose(role, found, names, rows)
            if place is not None:
                places[role] = place
    missing = [role for role in ("token", "tag") if role not in places]
    if missing:
        found_names = ", ".join(map(repr, names))
        raise ValueError(
            f"the header lacks a column of the {' and of the '.join(missing)}; it has {found_names}; "
            f"name it, for example --columns {' '.join(f'{role}=NAME' for role in missing)}"
        )
    features = {name: column_of(names, place, f"--feature {name}=") for name, place in options.features}
    if "pos" in places and options.pos_column is not None and not features:
        features["pos"] = places["pos"]
    for role in ("token", "tag"):
        taken = [name for name, column in features.items() if column == places[role]]
        if taken and options.features:
            raise ValueError(f"--feature {taken[0]}: {names[places[role]]!r} is the column of the {role}")
    features = {name: column for name, column in features.items() if column not in (places["token"], places["tag"])}
    sentence, document = places.get("sentence"), places.get("document")
    return Table(names, delimiter, quoted, places["token"], places["tag"], sentence, document, features)


def chosen_columns(options: ReadOptions) -> dict[str, str]:
    """--columns by role."""
    return {ALIASES.get(role, role): column for role, column in options.columns}


def column_of(names: Sequence[str], place: str, option: str) -> int:
    """A column by its name or number. Raises ValueError if the header has none such."""
    if place in names:
        return names.index(place)
    same = [i for i, name in enumerate(names) if name.lower() == place.lower()]
    if len(same) == 1:
        return same[0]
    if place.removeprefix("-").isdecimal() and -len(names) <= number_of(place) < len(names):
        return number_of(place) % len(names)
    raise ValueError(f"{option}{place}: the header has no such column; it has {', '.join(map(repr, names))}")


def _lenient_row(line: str, delimiter: str, quoted: bool) -> list[str]:
    try:
        return split_row(line, delimiter, quoted)
    except csv.Error:
        return []


def _choose(role: str, found: list[int], names: Sequence[str], rows: Sequence[Sequence[str]]) -> int | None:
    """The one of several columns whose names fit a role. Raises ValueError if it is not clear."""
    if len(found) > 1 and role == "tag":
        like_tags = [i for i in found if looks_like_tags(ColumnSample([row[i] for row in rows], [True] * len(rows)))]
        found = like_tags or found
    if len(found) > 1 and role in ("token", "tag"):
        several = " or ".join(f"--columns {role}={names[i]}" for i in found)
        raise ValueError(f"several columns may be the {role}; choose by {several}")
    return found[0] if found else None
