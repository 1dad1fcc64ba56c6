"""What /openapi.json says of requests and answers: their schemas, and examples of each."""

# No postponed annotations: pydantic evaluates them while it runs.

from typing import Any

from pydantic import BaseModel, Field

from ner_dist.serving.limits import Limits

_OFFSETS = (
    "Places count code points from 0, as Python does, and ends are exclusive: `text[start:end]`. JavaScript counts "
    "UTF-16 units: there, `[...text].slice(start, end).join('')`."
)
DESCRIPTION = f"""Finds named entities in text.

{_OFFSETS}

Whatever is wrong with a request is answered with a status of 4xx and one sentence, `{{"error": "..."}}`; 503 with
`Retry-After` means that too much waits already."""


class FoundEntity(BaseModel):
    """An entity of a text."""

    start: int = Field(description="Its first character, in code points from 0.")
    end: int = Field(description="The character after its last.")
    type: str
    text: str = Field(description="What stands there.")
    confidence: float = Field(description="The model's probability of exactly this span and type, 0 to 1.")


class FoundTokens(BaseModel):
    """An entity of a sentence of tokens."""

    first_token: int = Field(description="Its first token, from 0.")
    end_token: int = Field(description="The token after its last.")
    type: str
    text: str = Field(description="Its tokens with a space between them.")
    confidence: float = Field(description="The model's probability of exactly this span and type, 0 to 1.")


class TextAnswer(BaseModel):
    """To `text`."""

    entities: list[FoundEntity]


class TextsAnswer(BaseModel):
    """To `texts`: a result a text, in their order."""

    results: list[TextAnswer]


class SentenceAnswer(BaseModel):
    entities: list[FoundTokens]


class TokensAnswer(BaseModel):
    """To `tokens`: a result a sentence, in their order."""

    results: list[SentenceAnswer]


class Problem(BaseModel):
    error: str = Field(description="What is wrong, in one sentence.")


class Health(BaseModel):
    status: str = Field(description="ok, or what is wrong.")
    entity_types: list[str] = Field(description="Those the model knows.")
    needs_pos: bool = Field(description="Whether it can only tag tokens with parts of speech.")
    limits: dict[str, float]


_TEXT, _TOKENS = "Angela Merkel visited Paris.", ["Angela", "Merkel", "visited", "Paris", "."]
_PERSON = {"type": "PER", "text": "Angela Merkel", "confidence": 0.998}
_PLACE = {"type": "LOC", "text": "Paris", "confidence": 0.999}
_IN_TEXT = [{"start": 0, "end": 13, **_PERSON}, {"start": 22, "end": 27, **_PLACE}]
_IN_TOKENS = [{"first_token": 0, "end_token": 2, **_PERSON}, {"first_token": 3, "end_token": 4, **_PLACE}]

REQUESTS: dict[str, dict[str, Any]] = {
    "text": {"summary": "One text", "value": {"text": _TEXT}},
    "texts": {"summary": "Several texts", "value": {"texts": [_TEXT, "It rained."]}},
    "tokens": {"summary": "Sentences that are tokens already", "value": {"tokens": [_TOKENS]}},
    "tokens with pos": {
        "summary": "With parts of speech, for models that were trained with them",
        "value": {"tokens": [_TOKENS], "pos": [["NNP", "NNP", "VBD", "NNP", "."]]},
    },
}
ANSWERS: dict[str, dict[str, Any]] = {
    "text": {"summary": "One text", "value": {"entities": _IN_TEXT}},
    "texts": {"summary": "Several texts", "value": {"results": [{"entities": _IN_TEXT}, {"entities": []}]}},
    "tokens": {"summary": "Sentences of tokens", "value": {"results": [{"entities": _IN_TOKENS}]}},
}


def request_body(limits: Limits) -> dict[str, Any]:
    """The body of POST /tag as OpenAPI describes it."""
    text = {"type": "string", "maxLength": limits.max_characters}
    texts = {"type": "array", "items": text, "maxItems": limits.max_texts}
    token = {"type": "string", "minLength": 1}
    sentence = {"type": "array", "items": token, "maxItems": limits.max_tokens}
    sentences = {"type": "array", "items": sentence, "maxItems": limits.max_texts}
    forms = [
        _form("Text", {"text": text}),
        _form("Texts", {"texts": texts}),
        _form("Tokens", {"tokens": sentences, "pos": {**sentences, "description": "Parts of speech, one a token."}}),
    ]
    return {"required": True, "content": {"application/json": {"schema": {"oneOf": forms}, "examples": REQUESTS}}}


def _form(title: str, properties: dict[str, Any]) -> dict[str, Any]:
    required = [name for name in properties if name != "pos"]
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
