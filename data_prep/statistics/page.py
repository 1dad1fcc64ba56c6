"""Statistics of a corpus -> one HTML file with pictures in it, which needs nothing else to be shown."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.settings import SettingsError
from data_prep.staging import OutputError
from data_prep.statistics import tables
from data_prep.statistics.counts import Stats
from data_prep.statistics.tables import Table

# Beside this file.
TEMPLATE = "page.html.j2"
PACKAGES = ("matplotlib", "jinja2")
MAX_AMBIGUOUS = 20
MAX_FREQUENT = 12


class Picture(NamedTuple):
    """One of the page's cards: what it shows, its numbers, and what to see in it."""

    title: str
    note: str
    svg: str
    table: Table | None = None


def require_page(out: Path) -> None:
    """Raise SettingsError if the page cannot be made, OutputError if it cannot be put there."""
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise SettingsError(
                f"--out needs {' and '.join(PACKAGES)} ({error}); pip install 'ner-dist[report]', or leave out --out "
                "for text alone"
            ) from error
    if out.is_dir():
        raise OutputError(f"--out {out} is a directory, expected a file")


def _pictures(stats: Stats) -> list[Picture]:
    # Only here: it imports matplotlib.
    from data_prep.statistics import figures as figures

    lengths = Picture(
        "Sentence lengths",
        "Share of the sentences by their tokens. What is very long costs padding; what is one token long is "
        "often a headline.",
        figures.sentence_lengths(stats),
        tables.sentence_lengths(stats),
    )
    if not stats.entity_types:
        return [lengths]
    many = len(stats.splits) > 1
    found = [
        Picture(
            "Entities by type",
            "Share of the entities" + (" of each split: do the splits have the same mixture?" if many else "."),
            figures.entity_types(stats),
            tables.entities(stats),
        ),
        lengths,
        Picture(
            "Entity lengths",
            "Share of each type's entities by their tokens: the longer, the harder to get whole.",
            figures.entity_lengths(stats),
            tables.entity_lengths(stats),
        ),
    ]
    if stats.unseen:
        found.append(
            Picture(
                "New entities",
                "Share of the entities whose text is never an entity of that type in train: context alone must tell.",
                figures.unseen_entities(stats),
                tables.unseen(stats),
            )
        )
    if stats.ambiguous:
        found.append(
            Picture(
                "Types that share texts",
                "How many texts, such as Washington, are entities of both types.",
                figures.shared_texts(stats),
            )
        )
    return found


def page(stats: Stats) -> str:
    """The HTML. The same statistics give the same bytes."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = tables.visible
    # Matplotlib has escaped what it wrote.
    pictures = [picture._replace(svg=Markup(picture.svg)) for picture in _pictures(stats)]
    frequent = [(name, stats.frequent(type_id, MAX_FREQUENT)) for type_id, name in enumerate(stats.entity_types)]
    values: dict[str, Any] = {
        "stats": stats,
        "sizes": tables.sizes(stats),
        "pictures": pictures,
        "frequent": [(name, entities) for name, entities in frequent if entities],
        "ambiguity": tables.ambiguity(stats),
        "ambiguous": stats.ambiguous[:MAX_AMBIGUOUS],
        "copies": tables.copies(stats),
        "odd": list(zip(tables.odd_words(stats.odd).rows, (kind.examples for kind in stats.odd))),
        "chars": list(zip(tables.characters(stats.chars).rows, (kind.examples for kind in stats.chars))),
    }
    return environment.get_template(TEMPLATE).render(values)


def write_page(out: Path, stats: Stats) -> None:
    """Write the page as a whole or not at all."""
    text = page(stats)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
