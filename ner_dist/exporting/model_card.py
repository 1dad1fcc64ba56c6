"""The model card, README.md of an export: what the model is, what it learned from, how good it is, and its limits.

Nothing of the machine is in it: no paths, no names of hosts. Its front matter is that of Hugging Face's model cards.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

from ner_dist.contract.shard_format import SPLITS, UNK_ID, Index
from ner_dist.errors import UserError
from ner_dist.evaluation.intervals import f1_interval
from ner_dist.pages.templates import text_environment
from ner_dist.prediction.export_format import ReadExport
from ner_dist.prediction.export_schema import Quantisation
from ner_dist.prediction.identity import ModelIdentity

CARD_NAME = "README.md"
# Of the identifiers of Hugging Face and SPDX.
_LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
# What Markdown and HTML take for a sign anywhere, and at the beginning of a line.
_SIGNS = re.compile(r"([\\`*_{}\[\]<>|~#&$])")
_FIRST_SIGN = re.compile(r"^(\d*)((?<=\d)[.)]|(?<!\d)[-+=])")


@dataclasses.dataclass(frozen=True)
class CardSettings:
    """What is not known of a model, but told."""

    # An identifier of a licence, such as apache-2.0, and of the texts' language; None: not stated.
    license: str | None = None
    language: str | None = None
    # Markdown.
    note: str | None = None

    def __post_init__(self) -> None:
        """Raises UserError."""
        for option, text, pattern, example in (
            ("--license", self.license, _LICENSE, "an identifier such as apache-2.0, cc-by-4.0 or other"),
            ("--text-language", self.language, _LANGUAGE, "a language's code, such as en or pt-BR"),
        ):
            if text is not None and not pattern.fullmatch(text):
                raise UserError(f"{option} is {text!r}, expected {example}")


def model_card(
    identity: ModelIdentity,
    found: ReadExport,
    network_sha256: str,
    index: Index,
    result: dict[str, Any] | None,
    quantisation: Quantisation | None,
    settings: CardSettings,
) -> str:
    """The text of the card.

    network_sha256: the checksum of the network's file; that of the description changes with a calibration. result: what
    result.json says of these parameters; None: nothing is known.
    """
    template = Path(__file__).with_name("model_card.md.j2")
    environment = text_environment(template.parent, md=as_markdown, json=_as_json)
    vocabularies = found.vocabularies
    return environment.get_template(template.name).render(
        identity=identity,
        network_sha256=network_sha256,
        types=vocabularies.entity_types,
        tokenizer=vocabularies.tokenizer,
        tokenizer_applied=vocabularies.tokenizer_applied,
        features=vocabularies.given_features,
        # Without padding and the unknown word.
        num_words=len(vocabularies.words) - UNK_ID - 1,
        max_characters=vocabularies.max_characters,
        splits=_splits(index),
        sources=_sources(index),
        tables=_tables(result),
        examples=found.origin.get("examples") or [],
        calibration=found.calibration,
        quantisation=quantisation,
        language=settings.language or _language(found),
        settings=settings,
        versions=found.origin.get("versions") or {},
    )


def as_markdown(text: str) -> str:
    """A text of any origin that reads as itself, on one line."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in str(text)).split())
    return _FIRST_SIGN.sub(r"\1\\\2", _SIGNS.sub(r"\\\1", line))


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _language(found: ReadExport) -> str | None:
    """That of the texts, which is known only if the tokenizer of a language cut them."""
    vocabularies = found.vocabularies
    return (vocabularies.tokenizer.language or None) if vocabularies.tokenizer_applied else None


def _splits(index: Index) -> list[dict[str, Any]]:
    """Of each split that has sentences: its name, how much of what there is, and entities by type."""
    rows = []
    for name in SPLITS:
        facts = index.stats.get(name) or {}
        if facts.get("num_sentences"):
            known = 1 - facts.get("unknown_words", 0) / max(1, facts["num_tokens"])
            rows.append({"name": name, "known": known, "documents": 0, "longest": 0, "entities": {}, **facts})
    return rows


def _sources(index: Index) -> list[str]:
    """The names of its files, each once, without the folders that they were in."""
    return list(dict.fromkeys(PurePosixPath(str(source.get("name", ""))).name for source in index.sources))


def _tables(result: dict[str, Any] | None) -> list[dict[str, Any]]:
    """For each split that was scored: rows of type, precision, recall, F1 and its interval, number of gold entities."""
    tables = []
    for split in ("dev", "test"):
        for what, title in (("entity", "by tokens"), ("characters", "by characters of the source")):
            scores = ((result or {}).get(split) or {}).get(what)
            if scores:
                parts = {"all": scores, **scores.get("per_type", {})}
                rows = [_row(kind, counts) for kind, counts in parts.items()]
                tables.append({"split": split, "title": title, "rows": rows})
    return tables


def _row(kind: str, counts: dict[str, Any]) -> dict[str, Any]:
    low, high = f1_interval(counts["right"], counts["predicted"], counts["gold"])
    return {"type": kind, "low": low, "high": high, **{name: counts[name] for name in _COLUMNS}}


_COLUMNS = ("precision", "recall", "f1", "gold")
