"""CoNLL-U and CoNLL-U Plus: entities in MISC, as name=B-PER or NER=B-PER, or in a column of their own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from data_prep.formats.columns.csv_header import chosen_columns
from data_prep.formats.columns.judge_column import ColumnSample, looks_like_tags
from data_prep.formats.columns.names import TAG_NAMES, plain_name
from data_prep.formats.columns.plan import SAMPLE_CHARS, ColumnPlan, RowSample, choice_of, fix_features, sample_rows
from data_prep.formats.columns.read_columns import read_columns
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.sentences.block import SentenceIds
from data_prep.tags.tag_strings import is_well_formed

COLUMNS = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
GLOBAL_COLUMNS = re.compile(r"#\s*global\.columns\s*=\s*(.+)")
# Of a word, a multiword token or an empty node.
NUMBER = re.compile(r"[0-9]+(?:[-.][0-9]+)?")
# Keys in MISC under which corpora have entity tags, in lower case.
MISC_KEYS = ("name", "ner", "ne", "nertag", "ner_tag", "entity", "bio")
# What stands where nothing is said: CoNLL-U Plus has * for "not annotated".
NOTHING = ("_", "*", "-", "")


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    if not any(line.count("\t") == len(COLUMNS) - 1 for line in sample.lines):
        return None
    rows = sample_rows(sample.text[:SAMPLE_CHARS]).rows
    even = [row for row in rows if len(row) == len(COLUMNS) and NUMBER.fullmatch(row[0])]
    if not even or len(even) < len(rows) - 1 or not all(row[6].isdigit() or row[6] == "_" for row in even):
        return None
    is_conllu = any(map(is_no_word, {row[0] for row in even}))
    if not is_conllu and looks_like_tags(ColumnSample([row[-1] for row in even], [False] * len(even))):
        # Tags by themselves in the last column: what the other columns are must be found out.
        return None
    return "ten columns with a number first, as in CoNLL-U"


def recognise_plus(sample: Sample, options: ReadOptions) -> str | None:
    return "a line '# global.columns = ...'" if any(map(GLOBAL_COLUMNS.match, sample.lines[:5])) else None


def _by_name(names: Sequence[str], place: str | int) -> int:
    """A column by its name, in any case, or by its number. Raises ValueError."""
    upper = [name.upper() for name in names]
    if str(place).upper() in upper:
        return upper.index(str(place).upper())
    try:
        column = int(place)
    except ValueError as error:
        raise ValueError(f"there is no column {place!r}; the columns are {' '.join(names)}") from error
    if not -len(names) <= column < len(names):
        raise ValueError(f"there is no column {column}; the columns are {' '.join(names)}")
    return column % len(names)


def _plan_of(names: Sequence[str], sample: RowSample, source: Source) -> ColumnPlan:
    """Raises ValueError if there are no entity tags, or the columns are not as named."""
    options, choice = source.options, choice_of(source.options)
    named = chosen_columns(options)
    form = choice.token if choice.token is not None else named.get("token", "FORM")
    tag = choice.tag if choice.tag is not None else named.get("tag") or _tag_column(names)
    features = {name: _by_name(names, column) for name, column in choice.features}
    if choice.pos == "auto" and not features and "UPOS" in [name.upper() for name in names]:
        upos = _by_name(names, "UPOS")
        if any(len(row) > upos and row[upos] not in NOTHING for row in sample.rows):
            features["pos"] = upos
    elif choice.pos not in ("auto", None):
        features["pos"] = _by_name(names, choice.pos)
    features = fix_features(source, features, auto=choice.pos == "auto" and not choice.features)
    tag_column = _by_name(names, tag)
    fields = [row[tag_column] for row in sample.rows if len(row) == len(names)]
    if not fields:
        raise ValueError(f"the line has {len(sample.rows[0])} columns, but {len(names)} are named: {' '.join(names)}")
    skip = (_by_name(names, "ID"), is_no_word) if "ID" in [name.upper() for name in names] else None
    return ColumnPlan(
        len(names),
        _by_name(names, form),
        tag_column,
        features,
        tag_of=_tag_reader(fields, names[tag_column]),
        skip=skip,
        # Words have numbers, so no line that begins with # is one.
        is_tag=lambda field: False,
    )


def is_no_word(number: str) -> bool:
    """Whether a line is that of a multiword token, 1-2, or of an empty node, 1.1; the words have lines of their own."""
    return "-" in number or "." in number


def _tag_column(names: Sequence[str]) -> str:
    """The column of the tags: one that is named so, such as NER or EXAMPLE:NER, else MISC. Raises ValueError."""
    for name in names:
        if plain_name(name.rpartition(":")[2]) in TAG_NAMES:
            return name
    if "MISC" not in [name.upper() for name in names]:
        raise ValueError(f"no column is named as one of tags; name it by --columns tag=NAME: {' '.join(names)}")
    return "MISC"


def _pairs(field: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in field.split("|") if "=" in pair)


def _tag_reader(fields: Sequence[str], column: str) -> Callable[[str], str]:
    """How the tag is read from the field of its column. Raises ValueError if there is none."""
    keys = Counter(
        key for field in fields for key, value in _pairs(field).items() if key.lower() in MISC_KEYS and value
    )
    for key, _ in keys.most_common():
        values = [_pairs(field).get(key, "O") for field in fields]
        if any(char in value for value in values for char in "()"):
            continue
        if looks_like_tags(ColumnSample(values, [False] * len(values))):
            return lambda field: _pairs(field).get(key, "O")
    if any(pair.startswith(("Entity=(", "Entity=")) for field in fields for pair in field.split("|")):
        raise ValueError(
            f"{column} has Entity=, which marks mentions for coreference and not a tag for each word; "
            "expected name=B-PER or NER=B-PER"
        )
    if column.upper() == "MISC" and not any(map(is_well_formed, fields)):
        expected = "expected name=B-PER or NER=B-PER"
        raise ValueError(f"no entity tags in MISC, {expected}; --tag-column names another column of the tags")
    return lambda field: "O" if field in NOTHING else field


def _read_plan(sample: RowSample, source: Source) -> ColumnPlan:
    return _plan_of(COLUMNS, sample, source)


def read(source: Source) -> Iterator[SentenceIds]:
    return read_columns(source, _read_plan)


def read_plus(source: Source) -> Iterator[SentenceIds]:
    names: list[str] = []

    def blocks(source: Source) -> Iterator[tuple[int, str]]:
        for first_line, text in source.blocks:
            if not names:
                match = GLOBAL_COLUMNS.search(text)
                names.extend(match[1].split() if match else COLUMNS)
            yield first_line, text

    def named(source: Source) -> Source:
        begin = source.from_beginning
        # Of a piece, the beginning of the file is read first.
        return source._replace(blocks=blocks(source), from_beginning=begin and (lambda: named(begin())))

    return read_columns(named(source), lambda sample, source: _plan_of(names, sample, source))


CONLLU = Format(
    name="conllu",
    description="CoNLL-U with entities in MISC, as name=B-PER or NER=B-PER",
    default_encoding="utf-8",
    evidence="ten columns with a number first",
    recognise=recognise,
    read=read,
    cut_at=lambda sample: "sentences",
)
CONLLUP = Format(
    name="conllup",
    description="CoNLL-U Plus: columns named by '# global.columns', one of them of tags",
    default_encoding="utf-8",
    evidence="a line '# global.columns = ...'",
    recognise=recognise_plus,
    read=read_plus,
    cut_at=lambda sample: "sentences",
)
