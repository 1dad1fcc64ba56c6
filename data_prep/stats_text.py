"""Statistics of a corpus -> lines of plain text."""

from __future__ import annotations

from data_prep import stats_tables
from data_prep.stats import Stats
from data_prep.stats_tables import Table, visible
from data_prep.summary import table

MAX_AMBIGUOUS = 10
MAX_FREQUENT = 8
MAX_EXAMPLES = 5


def _ambiguity_lines(stats: Stats) -> list[str]:
    counts = [
        f"  {visible(one.text)}: {', '.join(f'{name} {count:,}' for name, count in one.counts.items())}"
        for one in stats.ambiguous[:MAX_AMBIGUOUS]
    ]
    return [stats_tables.ambiguity(stats), *counts]


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
        table(*stats_tables.sizes(stats)),
        table(*stats_tables.entities(stats)),
        table(*stats_tables.sentence_lengths(stats)),
        table(*stats_tables.entity_lengths(stats)),
        table(*stats_tables.unseen(stats)) if stats.unseen else [],
        _ambiguity_lines(stats),
        _frequent_lines(stats),
        table(*stats_tables.copies(stats)),
        _with_examples(stats_tables.odd_words(stats.odd), [kind.examples for kind in stats.odd]) if stats.odd else [],
        _with_examples(stats_tables.characters(stats.chars), [kind.examples for kind in stats.chars]),
    ]
    lines = [line for part in parts if part for line in ("", *part)]
    return lines[1:]
