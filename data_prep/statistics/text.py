"""Statistics of a corpus -> lines of plain text."""

from __future__ import annotations

from data_prep.inspecting.summary import table
from data_prep.statistics import tables
from data_prep.statistics.counts import Stats
from data_prep.statistics.tables import Table, visible

MAX_AMBIGUOUS = 10
MAX_FREQUENT = 8
MAX_EXAMPLES = 5


def _ambiguity_lines(stats: Stats) -> list[str]:
    counts = [
        f"  {visible(one.text)}: {', '.join(f'{name} {count:,}' for name, count in one.counts.items())}"
        for one in stats.ambiguous[:MAX_AMBIGUOUS]
    ]
    return [tables.ambiguity(stats), *counts]


def _frequent_lines(stats: Stats) -> list[str]:
    lines = []
    for type_id, name in enumerate(stats.entity_types):
        shown = ", ".join(f"{visible(text)} {count:,}" for text, count in stats.frequent(type_id, MAX_FREQUENT))
        lines.append(f"most frequent {name}: {shown or 'none'}")
    return lines


def _with_examples(rows: Table, examples: list[list[str]]) -> list[str]:
    lines = table(*rows)
    shown = (" ".join(map(visible, some[:MAX_EXAMPLES])) for some in examples)
    return [lines[0], *(f"{line}  {words}" for line, words in zip(lines[1:], shown))]


def text_lines(stats: Stats) -> list[str]:
    """All of the statistics but the longer lists, which the page has."""
    parts = [
        [f"{stats.title}: tags {stats.scheme}"],
        table(*tables.sizes(stats)),
        table(*tables.entities(stats)),
        table(*tables.sentence_lengths(stats)),
        table(*tables.entity_lengths(stats)),
        table(*tables.unseen(stats)) if stats.unseen else [],
        _ambiguity_lines(stats),
        _frequent_lines(stats),
        table(*tables.copies(stats)),
        _with_examples(tables.odd_words(stats.odd), [kind.examples for kind in stats.odd]) if stats.odd else [],
        _with_examples(tables.characters(stats.chars), [kind.examples for kind in stats.chars]),
    ]
    lines = [line for part in parts if part for line in ("", *part)]
    return lines[1:]
