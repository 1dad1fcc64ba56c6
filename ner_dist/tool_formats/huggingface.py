"""The metadata by which Hugging Face's `datasets` knows the columns of a Parquet file: {"info": {"features": ...}}."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

METADATA_KEY = "huggingface"
ID, DOCUMENT, TOKENS, TAGS = "id", "document", "tokens", "ner_tags"


def value_feature(dtype: str) -> dict[str, object]:
    return {"dtype": dtype, "_type": "Value"}


TEXT = value_feature("string")


def list_feature(feature: Mapping[str, object]) -> dict[str, object]:
    """All versions of `datasets` read this name of a list; newer ones write another."""
    return {"feature": feature, "_type": "Sequence"}


def tag_feature(names: Sequence[str]) -> dict[str, object]:
    """A list of integers that stand for these names."""
    return list_feature({"names": list(names), "_type": "ClassLabel"})


def names_of_tags(entity_types: Sequence[str], letters: str = "BI") -> list[str]:
    """The tags by number: O, then those of each type; letters: of the scheme's tags, "" where there are none."""
    if not letters:
        return ["O", *entity_types]
    return ["O", *(f"{letter}-{entity_type}" for entity_type in entity_types for letter in letters)]


def metadata(features: Mapping[str, object]) -> dict[str, str]:
    """Of the schema. features: by column."""
    return {METADATA_KEY: json.dumps({"info": {"features": dict(features)}})}
