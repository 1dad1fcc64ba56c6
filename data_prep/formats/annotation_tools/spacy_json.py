"""Training data of spaCy 2 as JSON: [text, {"entities": [[start, end, type], ...]}], or documents with paragraphs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, chain
from typing import Any

from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.json.records import search
from data_prep.formats.json.spans import spans_of
from data_prep.formats.json.values import json_values, sample_values
from data_prep.formats.read_records import reader
from data_prep.sentences.record import Record, Span
from ner_dist.contract.visible_text import shown


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= 2 and isinstance(value[0], str) and isinstance(value[1], dict)


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    found = sample_values(sample)
    if found is None:
        return None
    if any(_is_pair(value) and "entities" in value[1] for value in found.values):
        return f"{found.layout} of texts with 'entities'"
    if any(isinstance(value, dict) and isinstance(value.get("paragraphs"), list) for value in found.values):
        return f"{found.layout} of documents with 'paragraphs'"
    return None


def records(source: Source) -> Iterator[Record]:
    for number, value in json_values(source):
        try:
            if _is_pair(value):
                text = value[0]
                found = [Record(number, text=text, spans=spans_of(value[1].get("entities"), "entities", text))]
            elif isinstance(value, dict) and isinstance(value.get("paragraphs"), list):
                found = list(_of_document(number, value, source.options))
            elif value is None:
                # As the tool that wrote it does for a text that was not annotated.
                source.problems.warn("records_not_annotated", f"{source.path}:{number}", "null is left out")
                continue
            else:
                raise ValueError('expected [text, {"entities": ...}] or a document with paragraphs')
        except ValueError as error:
            source.refuse(number, error, kind="malformed_record")
        else:
            yield from found


def _of_document(number: int, value: dict[str, Any], options: ReadOptions) -> Iterator[Record]:
    name = value.get("id")
    document = str(name) if isinstance(name, (str, int)) else ""
    for paragraph in value["paragraphs"]:
        if not isinstance(paragraph, dict):
            raise ValueError("a paragraph is not an object")
        raw, sentences = paragraph.get("raw"), paragraph.get("sentences", [])
        if raw is not None and not isinstance(raw, str):
            raise ValueError('"raw" is not a string')
        if not isinstance(sentences, list):
            raise ValueError('"sentences" is not a list')
        spans = spans_of(paragraph["entities"], "entities", raw or "") if "entities" in paragraph else None
        tokens = [_tokens(sentence) for sentence in sentences]
        yield from _of_paragraph(number, [some for some in tokens if some], raw, spans, document, options)


def _tokens(sentence: Any) -> list[dict[str, Any]]:
    """The tokens of a sentence, without white space. Raises ValueError."""
    tokens = sentence.get("tokens") if isinstance(sentence, dict) else None
    if not isinstance(tokens, list) or not all(
        isinstance(token, dict) and isinstance(token.get("orth"), str) for token in tokens
    ):
        raise ValueError('a sentence without "tokens" that have an "orth"')
    return [token for token in tokens if token["orth"].strip()]


def _of_paragraph(
    number: int,
    sentences: list[list[dict[str, Any]]],
    raw: str | None,
    spans: list[Span] | None,
    document: str,
    options: ReadOptions,
) -> Iterator[Record]:
    """A record for the text, whose spans, if there are any, say more than the tags; or one for each sentence."""
    if raw is None:
        for sentence in sentences:
            words, features = [token["orth"] for token in sentence], _features(sentence, options)
            yield Record(number, words, _tags(sentence), features=features, document=document)
    elif sentences:
        tokens = list(chain.from_iterable(sentences))
        words = [token["orth"] for token in tokens]
        yield Record(
            number,
            words,
            _tags(tokens) if spans is None else None,
            raw,
            spans,
            search(words, raw),
            sentence_starts=[0, *accumulate(map(len, sentences[:-1]))],
            features=_features(tokens, options),
            document=document,
        )
    elif spans is not None:
        yield Record(number, text=raw, spans=spans, document=document)


def _tags(sentence: list[dict[str, Any]]) -> list[str]:
    for token in sentence:
        if not isinstance(token.get("ner"), str) or token["ner"] == "-":
            raise ValueError(f'the token {shown(token["orth"])} has no entity tag in "ner": it is not annotated')
    return [token["ner"] for token in sentence]


def _features(sentence: list[dict[str, Any]], options: ReadOptions) -> dict[str, list[str]]:
    return {name: [str(token.get(field, "")) for token in sentence] for name, field in options.features}


SPACY_JSON = Format(
    name="spacy-json",
    description="training data of spaCy 2: texts with entities, or documents with paragraphs and tokens",
    default_encoding="utf-8",
    evidence='JSON arrays of a text and an object with "entities", or JSON objects with "paragraphs"',
    recognise=recognise,
    read=reader(records),
)
