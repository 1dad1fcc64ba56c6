"""What was scored as one JSON object, and as text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ner_dist.cli.text_table import text_table
from ner_dist.evaluation.intervals import f1_interval, wilson
from ner_dist.evaluation.score_table import score_table
from ner_dist.scoring.documents import by_document, worst
from ner_dist.scoring.score_model import Scored


def score_record(found: Scored, model: str, gold: Sequence[str]) -> dict[str, Any]:
    """docs/reference/result-format.md describes its fields.

    model: as it was named. gold: the files, if it was not the model's own shards.

    Raises ShardError.
    """
    facts, scores = found.facts, found.scores
    return {
        "model": model,
        "origin": facts.origin,
        **({"gold": list(gold)} if gold else {"split": facts.split}),
        "sentences": facts.index.num_sentences(facts.split),
        "tokens": facts.index.num_tokens(facts.split),
        **scores,
        "intervals": {name: _intervals(scores[name]) for name in ("entity", "characters") if name in scores},
        "unknown_types": facts.unknown_types,
        "documents": by_document(found.lines["documents"], facts.index, facts.shards, facts.split),
    }


def _intervals(part: dict[str, Any]) -> dict[str, Any]:
    """Of the micro scores, and of those by type."""
    return {
        **_interval(part),
        "per_type": {name: _interval(of_type) for name, of_type in part["per_type"].items()},
    }


def _interval(part: dict[str, Any]) -> dict[str, list[float]]:
    right, predicted, gold = (part[name] for name in ("right", "predicted", "gold"))
    pairs = {"precision": wilson(right, predicted), "recall": wilson(right, gold)}
    pairs["f1"] = f1_interval(right, predicted, gold)
    return {name: [round(value, 6) for value in pair] for name, pair in pairs.items()}


def score_text(record: dict[str, Any], tokenizer: dict[str, Any], num_documents: int) -> str:
    """tokenizer: the index's. num_documents: how many of those with the most mistakes are shown."""
    named = ", ".join(record["gold"]) if "gold" in record else record["split"]
    lines = [f"{record['model']} {named} ({record['origin']})", score_table(record, tokenizer), ""]
    for name, interval in record["intervals"].items():
        low, high = interval["f1"]
        over = "" if name == "entity" else " over characters"
        lines.append(f"95 % interval of F1{over}: {100 * low:.2f} to {100 * high:.2f}")
    if record["unknown_types"]:
        lines.append(unknown_types_text(record["unknown_types"]))
    if num_documents:
        lines += ["", *_documents(record["documents"], num_documents)]
    return "\n".join(lines)


def unknown_types_text(counts: dict[str, int]) -> str:
    """Their entities count as missed."""
    named = ", ".join(f"{name} ({count:,} entit{'y' if count == 1 else 'ies'})" for name, count in counts.items())
    several = "s" * (len(counts) > 1)
    return f"{len(counts)} type{several} that the model does not know, whose entities count as missed: {named}"


def _documents(documents: dict[str, dict[str, Any]], number: int) -> list[str]:
    if not documents:
        return ["the gold names no documents, and is one file"]
    rows = [
        [name, f"{100 * found['f1']:.2f}", *(str(found[key]) for key in ("gold", "predicted", "right"))]
        for name, found in ((name, documents[name]) for name in worst(documents, number))
    ]
    return text_table(["documents with the most mistakes", "F1", "gold", "predicted", "right"], rows)
