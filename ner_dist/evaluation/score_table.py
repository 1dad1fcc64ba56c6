"""Scores as a table for the terminal."""

from __future__ import annotations

from typing import Any

from ner_dist.cli.text_table import text_table


def score_table(scores: dict[str, Any], tokenizer: dict[str, Any] | None = None) -> str:
    """For the terminal: a row for each type, totals, other ways to count, and the confusion between types.

    tokenizer: the index's, needed if there is a score over characters.
    """
    entity, characters = scores["entity"], scores.get("characters")
    parts = [
        *entity["per_type"].items(),
        ("", {}),
        ("micro", entity),
        ("macro", entity["macro"]),
        ("boundaries", entity["boundaries"]),
        ("overlap", entity["overlap"]),
        ("token", scores["token"]),
        ("token, BIO", scores["token"]["bio"]),
        *([] if characters is None else [("characters", characters)]),
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
            *([] if characters is None or tokenizer is None else ["", about_characters(characters, tokenizer)]),
            "",
            "gold (down) predicted (across) at the same span; - is no entity there",
            *text_table(["", *names], confusion),
        ]
    )


def about_characters(characters: dict[str, Any], tokenizer: dict[str, Any]) -> str:
    """In one sentence, without its full stop: what the score over characters counts."""
    name = "/".join(filter(None, (tokenizer["name"], tokenizer["language"])))
    number = characters["inexpressible"]
    unfit = f"{number:,} gold spans fit no tokens and count as missed"
    if number < 2:
        unfit = "1 gold span fits no tokens and counts as missed" if number else "all gold spans fit its tokens"
    return f"characters: entities by exact characters of the source text, cut by {name} as predict cuts it; {unfit}"
