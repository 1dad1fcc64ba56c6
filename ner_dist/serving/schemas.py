"""The schemas of requests and answers, which validate requests and describe both in /openapi.json, and examples."""

# No postponed annotations: pydantic evaluates them while it runs.

import functools
import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, Optional, Union

from pydantic import BaseModel, ConfigDict, FailFast, Field, create_model

from ner_dist.serving.settings import Limits

DESCRIPTION = """Finds named entities in text.

Positions count code points from 0, as in Python, and ends are exclusive: `text[start:end]`. JavaScript counts UTF-16
units: there, use `[...text].slice(start, end).join('')`.

A wrong request is answered with a status of 4xx and one sentence, `{"error": "..."}`; 503 with `Retry-After` means that
too many texts are waiting."""
_CONFIDENCE = "The model's probability of exactly this span and type, 0 to 1."
# What no text may contain; pydantic itself refuses surrogates.
NUL_OR_SURROGATE = re.compile("[\x00\ud800-\udfff]")


class FoundEntity(BaseModel):
    """An entity of a text."""

    start: int = Field(description="Its first character, in code points from 0.")
    end: int = Field(description="The character after its last.")
    type: str
    text: str = Field(description="The text from start to end.")
    confidence: float = Field(description=_CONFIDENCE)


class FoundTokens(BaseModel):
    """An entity of a sentence of tokens."""

    first_token: int = Field(description="Its first token, from 0.")
    end_token: int = Field(description="The token after its last.")
    type: str
    text: str = Field(description="Its tokens joined by spaces.")
    confidence: float = Field(description=_CONFIDENCE)


class Sure(BaseModel):
    """With `confidence`: how sure the model is of a whole text or sentence, entities or none."""

    confidence: Optional[float] = Field(
        default=None, description="The model's probability that its best reading is right, which may have no entities."
    )
    margin: Optional[float] = Field(default=None, description="That minus the probability of the second best.")


class SureSentence(Sure):
    """A sentence of a text, with its place there."""

    start: int
    end: int


class TextAnswer(Sure):
    """The answer to `text`."""

    entities: list[FoundEntity]
    sentences: Optional[list[SureSentence]] = Field(default=None, description="With `confidence`, those of the text.")


class TextsAnswer(BaseModel):
    """The answer to `texts`: one result per text, in their order."""

    results: list[TextAnswer]


class SentenceAnswer(Sure):
    entities: list[FoundTokens]


class TokensAnswer(BaseModel):
    """The answer to `tokens`: one result per sentence, in their order."""

    results: list[SentenceAnswer]


class Problem(BaseModel):
    error: str = Field(description="What is wrong, in one sentence.")


class Model(BaseModel):
    """Which model answers."""

    name: str
    version: str
    sha256: str = Field(description="Of the export's tagger.json, or of the checkpoint's state.json.")
    commit: Optional[str] = Field(description="Of the code that trained or exported it.")
    data: Optional[str] = Field(description="The fingerprint of the shards that it was trained on.")
    dev_f1: Optional[float] = Field(description="Its entity F1 on dev, 0 to 1.")
    tokenizer: str
    created: Optional[str]


class ServedModel(BaseModel):
    """A model that requests can ask for, by `model`."""

    route: str = Field(description="What it is asked for by: /tag?model=ROUTE or /models/ROUTE/tag.")
    default: bool = Field(description="Whether it answers requests that name no model.")
    model: Optional[Model] = Field(description="Null while it is being loaded.")
    reload: str = Field(description="How the last attempt to load a new version ended, or none.")
    entity_types: list[str]
    features: list[str]
    examples: list[str] = Field(description="Texts to try it on.")


class Readiness(BaseModel):
    status: str = Field(description="ok, or why requests should go elsewhere.")


class Health(BaseModel):
    status: str = Field(description="ok, or what is wrong.")
    model: Optional[Model] = Field(description="The model of requests that name none; null while it is being loaded.")
    reload: str = Field(description="How the last attempt to load a new version of it ended, or none.")
    models: list[str] = Field(description="All that can be asked for.")
    entity_types: list[str] = Field(description="The types that the model knows.")
    tokenizer: str = Field(description="What cuts texts into tokens: rules (of a language), characters or whitespace.")
    features: list[str] = Field(description="Token features without which it cannot tag, such as pos.")
    needs_pos: bool = Field(description="Whether pos is one of them.")
    limits: dict[str, float]


class LineAnswer(BaseModel):
    """A line of the answer of /batch: entities, or what is wrong with this line."""

    id: Any = Field(description="That of the line of the request, or its number from 1 on.")
    entities: Optional[list[Union[FoundEntity, FoundTokens]]] = None
    error: Optional[str] = None


_TEXT, _TOKENS = "Angela Merkel visited Paris.", ["Angela", "Merkel", "visited", "Paris", "."]
_MERKEL = {"type": "PER", "text": "Angela Merkel", "confidence": 0.998}
_PARIS = {"type": "LOC", "text": "Paris", "confidence": 0.999}
_IN_TEXT = [{"start": 0, "end": 13, **_MERKEL}, {"start": 22, "end": 27, **_PARIS}]
_IN_TOKENS = [{"first_token": 0, "end_token": 2, **_MERKEL}, {"first_token": 3, "end_token": 4, **_PARIS}]

REQUESTS: dict[str, dict[str, Any]] = {
    "text": {"summary": "One text", "value": {"text": _TEXT}},
    "texts": {"summary": "Several texts", "value": {"texts": [_TEXT, "It rained."]}},
    "tokens": {"summary": "Sentences that are tokenized already", "value": {"tokens": [_TOKENS]}},
    "tokens with pos": {
        "summary": "With parts of speech or other features, for models that were trained with them",
        "value": {"tokens": [_TOKENS], "pos": [["NNP", "NNP", "VBD", "NNP", "."]]},
    },
}
LINES = [
    json.dumps({"id": "a-1", "text": _TEXT}),
    json.dumps(_TEXT),
    json.dumps({"id": "a-3", "text": 7}),
]
LINE_ANSWERS = [
    json.dumps({"id": "a-1", "entities": _IN_TEXT}),
    json.dumps({"id": 2, "entities": _IN_TEXT}),
    json.dumps({"id": "a-3", "error": "text is a number; expected a string"}),
]
ANSWERS: dict[str, dict[str, Any]] = {
    "text": {"summary": "One text", "value": {"entities": _IN_TEXT}},
    "texts": {"summary": "Several texts", "value": {"results": [{"entities": _IN_TEXT}, {"entities": []}]}},
    "tokens": {"summary": "Sentences of tokens", "value": {"results": [{"entities": _IN_TOKENS}]}},
}


# What a request may have besides what is to be tagged.
CHOICES = ("threshold", "confidence")


def feature_fields(needed: Iterable[str]) -> tuple[str, ...]:
    """The fields that may come with "tokens": the features that the model needs, and parts of speech in any case."""
    return tuple(dict.fromkeys(["pos", *needed]))


@functools.cache
def request_models(limits: Limits, features: tuple[str, ...] = ("pos",)) -> dict[str, type[BaseModel]]:
    """What validates a request, by the field that it must have. features: those that may come with tokens."""
    # Lists fail at the first error, so that a body of wrong items takes no memory for an error each.
    text: Any = Annotated[str, Field(max_length=limits.max_characters, pattern=r"^[^\x00]*$")]
    texts: Any = Annotated[list[text], Field(max_length=limits.max_texts), FailFast()]

    def sentences(of: Any) -> Any:
        sentence: Any = Annotated[list[of], Field(max_length=limits.max_tokens), FailFast()]
        return Annotated[list[sentence], Field(max_length=limits.max_texts), FailFast()]

    # By alias, because a feature may have a name that Python does not allow.
    of_tokens: Any = {
        f"feature_{number}": (
            sentences(text),
            Field(
                default_factory=lambda: None,
                alias=name,
                description="Parts of speech, one per token." if name == "pos" else f"Values of {name}, one per token.",
            ),
        )
        for number, name in enumerate(features)
    }
    tokens = sentences(Annotated[text, Field(min_length=1)])
    config = ConfigDict(extra="forbid", strict=True)
    share: Any = Annotated[float, Field(ge=0, le=1)]
    choices: Any = {
        "threshold": (
            Optional[Union[share, dict[str, share]]],
            Field(default=None, description='The confidence that entities must have, or one by type, "*" for others.'),
        ),
        "confidence": (
            Optional[bool],
            Field(default=None, description="Whether texts and sentences are answered with their confidence."),
        ),
    }
    return {
        "text": create_model("Text", __config__=config, text=(text, ...), **choices),
        "texts": create_model("Texts", __config__=config, texts=(texts, ...), **choices),
        "tokens": create_model("Tokens", __config__=config, tokens=(tokens, ...), **of_tokens, **choices),
    }


@functools.cache
def line_schema() -> dict[str, Any]:
    """A line of the body of /batch."""
    tokens = {"type": "array", "items": {"type": "string"}}
    fields = {"id": {}, "text": {"type": "string"}, "tokens": tokens, "pos": tokens}
    fields |= {"threshold": {}, "confidence": {"type": "boolean"}}
    return {"oneOf": [{"type": "string"}, {"type": "object", "properties": fields}]}
