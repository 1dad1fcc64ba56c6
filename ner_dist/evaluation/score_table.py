"""Scores as a table for the terminal."""

from __future__ import annotations

from typing import Any

from ner_dist.cli.text_table import text_table


def score_table(scores: dict[str, Any]) -> str:
    """For the terminal: a row for each type, totals, other ways to count, and the confusion between types."""
    entity = scores["entity"]
    parts = [
        *entity["per_type"].items(),
        ("", {}),
        ("micro", entity),
        ("macro", entity["macro"]),
        ("boundaries", entity["boundaries"]),
        ("overlap", entity["overlap"]),
        ("token", scores["token"]),
        ("token, BIO", scores["token"]["bio"]),
    ]
    rows = [
        [
            name,
            *(f"{100 * part[key]:.2f}" if part else "" for key in ("precision", "recall", "f1")),
            *(str(part.get(key, "")) for key in ("gold", "predicted", "right")),
        ]
        for name, part in parts
    ]
    names = list(entity["confusion"])
    confusion = [[name, *(str(entity["confusion"][name].get(other, 0)) for other in names)] for name in names]
    return "\n".join(
        [
            *text_table(["", "precision", "recall", "F1", "gold", "predicted", "right"], rows),
            "",
            "gold (down) predicted (across) at the same span; - is no entity there",
            *text_table(["", *names], confusion),
        ]
    )
