"""JSON objects -> records: tokens and tags, or a text and entities, in the fields that `json_fields` finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from data_prep.formats.corpus_format import ReadOptions, Sample, Source
from data_prep.formats.json.fields import Candidates, Fields, find_candidates, is_place, look_up, settle
from data_prep.formats.json.spans import spans_of
from data_prep.formats.json.values import NUM_SAMPLE_VALUES, Layout, json_values, sample_values
from data_prep.problems import Complaint, ComplaintError
from data_prep.sentences.record import NO_FEATURES, Record
from data_prep.tags.tag_names import name_tags
from ner_dist.contract.visible_text import shown


class Found(NamedTuple):
    """What the first objects of a file are."""

    layout: Layout
    objects: list[dict[str, Any]]
    fields: Candidates

    @property
    def evidence(self) -> str:
        """What was found, in words: the fields that are used, and how entities are written."""
        names = [repr(name) for names in self.fields[:4] for name in names]
        spans = f" ({self.fields.span_words})" if self.fields.span_words and self.fields.spans else ""
        objects = "" if self.layout.name in ("lines", "objects") else " of objects"
        return f"{self.layout}{objects} with {', '.join(names)}{spans}" if names else ""


def find_objects(sample: Sample, options: ReadOptions) -> Found | None:
    """None if the file is not one of JSON objects."""
    found = sample_values(sample)
    objects = [value for value in found.values if isinstance(value, dict)] if found else []
    if found is None or not objects:
        return None
    return Found(found.layout, objects, find_candidates(objects, options, sample.name))


def first_objects(
    source: Source, values_of: Callable[[Source], Iterator[tuple[int, Any]]] = json_values
) -> tuple[list[dict[str, Any]], Iterator[tuple[int, Any]]]:
    """The first JSON objects of a file, to know what its fields are; and all its values, with their numbers."""
    values = values_of(source)
    if source.from_beginning is not None:
        first = islice(values_of(source.from_beginning()), NUM_SAMPLE_VALUES)
        return [value for _, value in first if isinstance(value, dict)], values
    begun = list(islice(values, NUM_SAMPLE_VALUES))
    return [value for _, value in begun if isinstance(value, dict)], chain(begun, values)


def records_of_objects(
    source: Source,
    prepare: Callable[[dict[str, Any], Fields], str | None] = lambda value, fields: None,
    begun: tuple[list[dict[str, Any]], Iterator[tuple[int, Any]]] | None = None,
) -> Iterator[Record]:
    """The records of a file of JSON objects, and reports of what is wrong with the others.

    prepare: changes an object, or gives the name of the warning with which it is left out. begun: the `first_objects`,
    if they were taken already. Raises CorpusError if it is not clear which fields are meant.
    """
    objects, values = begun or first_objects(source)
    fields = None
    if objects:
        candidates = find_candidates(objects, source.options, source.path)
        fields = settle(candidates, objects, source.options, source.path)
    for number, value in values:
        try:
            if fields is None or not isinstance(value, dict):
                raise ValueError("not a JSON object")
            if (reason := prepare(value, fields)) is not None:
                source.problems.warn(reason, f"{source.path}:{number}", f"{reason.replace('_', ' ')} are left out")
                continue
            record = record_of(number, value, fields, source.options)
        except ValueError as error:
            source.refuse(number, error, document_of(value, fields and fields.document), "malformed_record")
        else:
            yield record


def record_of(number: int, value: dict[str, Any], fields: Fields, options: ReadOptions) -> Record:
    """Raises ValueError that says what is wrong with the object."""
    text = _text(value, fields.text) if fields.text is not None else None
    tokens = starts = tags = spans = None
    if fields.tokens is not None and (given := look_up(value, fields.tokens)) is not None:
        tokens, starts = _tokens(given, fields.tokens, text)
    if fields.tags is not None and (given := look_up(value, fields.tags)) is not None:
        if not isinstance(given, list):
            raise ValueError(f'"{fields.tags}" is not a list of strings')
        tags = given if set(map(type, given)) <= {str} else name_tags(given, options.tag_names, f'"{fields.tags}"')
    if fields.spans is not None and (given := look_up(value, fields.spans)) is not None:
        spans = spans_of(given, fields.spans, text or "")
    features = NO_FEATURES
    if tokens is not None and fields.features:
        features = {name: _values(value, field) for name, field in fields.features if value.get(field) is not None}
    # Annotation tools know tokens, but no sentences.
    record = Record(number, tokens, tags, text, spans, starts, starts is not None, None, features)
    if fields.id is None and fields.document is None:
        return record
    return record._replace(id=name_of(value, fields.id) or "", document=name_of(value, fields.document))


def _text(value: dict[str, Any], field: str) -> str | None:
    text = look_up(value, field)
    if text is not None and not isinstance(text, str):
        raise ValueError(f'"{field}" is not a string')
    return text


def _tokens(given: Any, field: str, text: str | None) -> tuple[list[str], list[int] | None]:
    """Tokens, and where they begin if they are objects that say so."""
    if not isinstance(given, list):
        raise ValueError(f'"{field}" is not a list of strings')
    types = set(map(type, given))
    if types <= {str}:
        return given, None
    if types == {dict} and text is not None and all(map(is_place, given)):
        given = [{**token, "text": text[token["start"] : token["end"]]} for token in given]
    if types != {dict} or not all(isinstance(token.get("text"), str) for token in given):
        raise ValueError(f'"{field}" is not a list of strings')
    # White space is a token for spaCy and Prodigy, but not here.
    objects = [token for token in given if token["text"].strip()]
    tokens = [token["text"] for token in objects]
    starts = [token.get("start") for token in objects]
    if text is None:
        return tokens, None
    return tokens, starts if _are_there(tokens, starts, text) else search(tokens, text)


def _are_there(tokens: list[str], starts: list[Any], text: str) -> bool:
    """Whether the tokens are at these places, one after another. Not all tools write useful places."""
    end = 0
    for token, start in zip(tokens, starts):
        if type(start) is not int or start < end or not text.startswith(token, start):
            return False
        end = start + len(token)
    return True


def search(tokens: Sequence[str], text: str) -> list[int]:
    """Where each token begins in the text, one after another. Raises ValueError for one that is not there."""
    starts = []
    end = 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0:
            what = f"token {shown(token)} does not occur in the text after character {end}"
            raise ComplaintError(Complaint("token_not_in_text", what))
        starts.append(start)
        end = start + len(token)
    return starts


def _values(value: dict[str, Any], field: str) -> list[str]:
    """The values of a token feature; numbers of categories become strings."""
    found = value[field]
    if not isinstance(found, list) or not set(map(type, found)) <= {str, int}:
        raise ValueError(f'"{field}" is not a list of strings')
    return [str(one) for one in found]


def document_of(value: Any, field: str | None) -> str:
    """The name of the document of an object that cannot be read; "" if it has none."""
    name = look_up(value, field) if field and isinstance(value, dict) else None
    return str(name) if isinstance(name, (str, int)) else ""


def name_of(value: dict[str, Any], field: str | None) -> str | None:
    """An id or a document's name; None if there is none. Raises ValueError for another kind of value."""
    name = look_up(value, field) if field is not None else None
    if name is None or name == "":
        return None
    if type(name) is not int and not isinstance(name, str):
        raise ValueError(f'"{field}" is not a string or an integer')
    return str(name)
