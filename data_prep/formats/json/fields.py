"""Which fields of a corpus's JSON objects hold tokens, tags, text and entities: only what is certain is taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from data_prep.formats.corpus_format import ReadOptions
from data_prep.formats.json.spans import keys_of, looks_like_span
from data_prep.problems import CorpusError
from data_prep.tags.tag_strings import is_well_formed

# Roles of --columns, and how else they may be called.
ROLES = ("token", "tag", "text", "entities", "id", "document")
ALIASES = {"tokens": "token", "tags": "tag", "span": "entities", "spans": "entities"}
# As a field of --columns: there is none.
NONE = "none"

TOKENS = ("tokens", "words", "token", "word", "tokenized", "forms", "form", "text", "sentence")
TAGS = re.compile(r"tags?|labels?|(.*_)?(ner|bio|iob|entity)(_.*)?", re.IGNORECASE)
# Of tokens, but no entities; chunks are in BIO as entities are.
NO_TAGS = re.compile(r"(.*_)?(pos|upos|xpos|chunk|dep|lemma|head)s?(_.*)?", re.IGNORECASE)
TEXTS = ("text", "sentence", "content", "data", "raw_text", "full_text", "body")
SPANS = ("entities", "spans", "labels", "label", "annotations", "ents", "ner", "entity_mentions", "named_entities")
IDS = ("id", "uid", "guid")
DOCUMENTS = ("document", "document_id", "doc_id", "docid", "document_name", "doc_name", "doc")
# A longer one is a text.
MAX_NAME_CHARS = 200


class Fields(NamedTuple):
    """The fields of each role; for document and id also those inside another object, as "meta.doc_id"."""

    tokens: str | None
    tags: str | None
    text: str | None
    spans: str | None
    id: str | None
    document: str | None
    # Name of each token feature and its field.
    features: tuple[tuple[str, str], ...]


class NameFields(NamedTuple):
    """The fields that name an object and its document; None: there is none."""

    id: str | None
    document: str | None


class Candidates(NamedTuple):
    """All fields that can have a role, by what their first values are; more than one is ambiguous."""

    tokens: list[str]
    tags: list[str]
    text: list[str]
    spans: list[str]
    # What is known of the values: whether tokens are objects, tags integers, and how entities are written ("" if there
    # is none among the first records).
    token_objects: bool
    tag_numbers: bool
    span_words: str


def look_up(value: dict[str, Any], field: str) -> Any:
    """A field's value, or that of one inside another object ("meta.doc_id"); None if there is none."""
    if field in value or "." not in field:
        return value.get(field)
    outer, _, inner = field.partition(".")
    return look_up(value[outer], inner) if isinstance(value.get(outer), dict) else None


def _columns(options: ReadOptions) -> dict[str, str]:
    """--columns by role. Raises CorpusError for a role that JSON objects do not have."""
    found = {ALIASES.get(role, role): "" if field == NONE else field for role, field in options.columns}
    if odd := found.keys() - set(ROLES):
        raise CorpusError(f"--columns {min(odd)}=...: fields of JSON and Parquet can be {', '.join(ROLES)}")
    return found


def _filled(values: Iterable[dict[str, Any]], field: str) -> list[Any]:
    """The values of a field that are neither absent nor empty."""
    return [found for value in values if (found := look_up(value, field)) not in (None, [], "", {})]


def _all_fields(values: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(field for value in values for field in value))


def _are_lists(values: list[Any], of: type) -> bool:
    return bool(values) and all(isinstance(value, list) and set(map(type, value)) <= {of} for value in values)


def _is_token_objects(values: list[Any]) -> bool:
    """Tokens, and not entities: objects with a text and no type, or with places in the text alone, as of spaCy."""
    if not _are_lists(values, dict):
        return False
    first = values[0][0]
    return is_place(first) if "text" not in first else isinstance(first["text"], str) and keys_of(first) is None


def is_place(token: dict[str, Any]) -> bool:
    """Whether it is a numbered token of which only the places of its characters are given."""
    return "text" not in token and all(type(token.get(key)) is int for key in ("id", "start", "end"))


def find_candidates(values: Sequence[dict[str, Any]], options: ReadOptions, path: str) -> Candidates:
    """What the fields of the first records can be. Raises CorpusError for a --columns that is not there."""
    chosen, fields = _columns(options), _all_fields(values)
    for role, field in chosen.items():
        if field and values and all(look_up(value, field) is None for value in values):
            there = ", ".join(fields)
            raise CorpusError(f"{path}: --columns {role}={field}: no such field; the first records have {there}")

    def of(role: str, found: Callable[[], list[str]]) -> list[str]:
        return [chosen[role]] * bool(chosen[role]) if role in chosen else found()

    tokens = of("token", lambda: _token_fields(values, fields))
    tags = of("tag", lambda: _tag_fields(values, fields, tokens))
    taken = {*tokens, *tags}
    texts = [field for field in TEXTS if field not in taken and _are_strings(_filled(values, field))]
    # The usual name is certain, and beside tokens any other may be a title.
    text = of("text", lambda: texts[:1] if "text" in texts[:1] else [] if tokens else texts)
    spans = of("entities", lambda: _span_fields(values, [f for f in fields if f not in taken], bool(tags)))
    examples = [found[0] for field in spans[:1] for found in _filled(values, field) if isinstance(found, list)]
    return Candidates(
        tokens,
        tags,
        text,
        spans,
        token_objects=any(_is_token_objects(_filled(values, field)) for field in tokens),
        tag_numbers=any(_are_lists(_filled(values, field), int) for field in tags),
        span_words=_span_words(examples[0]) if examples else "",
    )


def _are_strings(values: list[Any]) -> bool:
    """Most of them; the others will be reported."""
    return 2 * sum(isinstance(value, str) for value in values) > len(values)


def _token_fields(values: Sequence[dict[str, Any]], fields: list[str]) -> list[str]:
    found = {field: _filled(values, field) for field in TOKENS if field in fields}
    return [field for field, some in found.items() if _are_lists(some, str) or _is_token_objects(some)] or [
        # Of a wrong kind in some record, which will be reported.
        field
        for field, some in found.items()
        if field in TOKENS[:2] and any(isinstance(value, list) for value in some or [[]])
    ]


def _tag_fields(values: Sequence[dict[str, Any]], fields: list[str], tokens: list[str]) -> list[str]:
    """Lists of strings or integers, one for each token."""
    if not tokens:
        return ["tags"] if "tags" in fields else []

    def fits(field: str) -> bool:
        """For most records; those for which it does not fit will be reported."""
        pairs = [(value.get(tokens[0]), value[field]) for value in values if value.get(field) not in (None, [])]
        return bool(pairs) and 2 * sum(_fits(*pair) for pair in pairs) >= len(pairs)

    others = [field for field in fields if field not in tokens and not NO_TAGS.fullmatch(field)]
    named = [field for field in others if TAGS.fullmatch(field)]
    if found := [field for field in named if fits(field)]:
        return found
    # No usual name: then only what can be nothing else.
    if found := [field for field in others if fits(field) and _are_tags(_filled(values, field))]:
        return found
    # Certain by their names, although their lengths or some values are wrong, which will be reported.
    return [field for field in named if field in ("tags", "ner_tags")]


def _fits(tokens: Any, tags: Any) -> bool:
    is_pair = isinstance(tokens, list) and isinstance(tags, list) and len(tokens) == len(tags) > 0
    return is_pair and set(map(type, tags)) in ({str}, {int})


def _are_tags(values: list[Any]) -> bool:
    tags = {tag for value in values for tag in value}
    return all(isinstance(tag, str) and is_well_formed(tag) for tag in tags) and any(tag != "O" for tag in tags)


def _span_fields(values: Sequence[dict[str, Any]], fields: list[str], has_tags: bool) -> list[str]:
    def has_spans(field: str) -> bool:
        lists = [value for value in _filled(values, field) if isinstance(value, list)]
        return bool(lists) and any(looks_like_span(value[0]) for value in lists)

    usual = [field for field in SPANS if field in fields]
    found = [field for field in usual if has_spans(field)] or [field for field in fields if has_spans(field)]
    # Empty, or of a wrong kind, which will be reported. Beside tags, other names may mean anything.
    return found or [field for field in usual if field in SPANS[: 1 if has_tags else 2]][:1] or usual[: not has_tags]


def _span_words(span: Any) -> str:
    keys = keys_of(span) if isinstance(span, dict) else None
    return str(keys) if keys else "[start, end, type]"


def settle(candidates: Candidates, values: Sequence[dict[str, Any]], options: ReadOptions, path: str) -> Fields:
    """Raises CorpusError if a role is ambiguous, or if too little is there."""
    for role, names in zip(ROLES, candidates[:4]):
        if len(names) > 1:
            choice = " or ".join(map(repr, names))
            raise CorpusError(f"{path}: the {role} may be in {choice}; choose with --columns {role}={names[0]}")
    tokens, tags, text, spans = (names[0] if names else None for names in candidates[:4])
    if not (tokens and tags) and not (text and spans):
        there = ", ".join(_all_fields(values)) or "no fields"
        raise CorpusError(
            f"{path}: expected tokens and tags, or a text and entities with start, end and type, but the first records "
            f"have {there}; name the fields with --columns token=FIELD tag=FIELD, or text=FIELD entities=FIELD"
        )
    if candidates.tag_numbers and options.tag_names is None:
        raise CorpusError(
            f"{path}: the tags in {tags!r} are numbers, and their names are never guessed; pass --tag-names with the "
            "names from number 0 on, separated by commas, or a file with one a line"
        )
    own = find_names(values, options, text)
    return Fields(tokens, tags, text, spans, own.id, own.document, _features(values, options, tokens, path))


def find_names(
    values: Sequence[dict[str, Any]], options: ReadOptions, text: str | None = None, inner: str = "meta"
) -> NameFields:
    """The fields that name the objects and their documents, also inside the object `inner` of each; text: the field of
    the text, which may be called document, too."""
    documents = [*DOCUMENTS, *(f"{outer}.{field}" for outer in (inner, "meta", "metadata") for field in DOCUMENTS)]
    # A tool that keeps the fields of its input in an object of their own numbers the records itself.
    ids = [*(f"data.{field}" for field in IDS if inner == "data"), *IDS]
    found = {"id": ids, "document": [field for field in documents if field != text]}
    chosen = _columns(options)
    return NameFields(
        *(
            chosen[role] or None
            if role in chosen
            else next((field for field in fields if _are_names(_filled(values, field))), None)
            for role, fields in found.items()
        )
    )


def _are_names(values: list[Any]) -> bool:
    """Most of them; the others will be reported."""
    return 2 * sum(map(_is_name, values)) > len(values)


def _is_name(value: Any) -> bool:
    return type(value) is int or (isinstance(value, str) and len(value) <= MAX_NAME_CHARS and "\n" not in value)


def _features(
    values: Sequence[dict[str, Any]], options: ReadOptions, tokens: str | None, path: str
) -> tuple[tuple[str, str], ...]:
    if tokens is None:
        return ()
    fields, found = _all_fields(values), list(options.features)
    if isinstance(options.pos_column, str) and "pos" not in dict(found):
        chosen = options.pos_column if options.pos_column != "auto" else "pos"
        if options.pos_column != "auto" or "pos" in fields:
            found.append(("pos", chosen))
    for name, field in found:
        if field not in fields:
            raise CorpusError(f"{path}: --feature {name}={field}: no such field; there are {', '.join(fields)}")
    return tuple(found)
