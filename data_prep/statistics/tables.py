"""Statistics of a corpus -> tables, for the terminal and the page, and the text of the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from data_prep.statistics.counts import CorpusStats
from data_prep.statistics.odd_tokens import TextKind
from ner_dist.cli.text_table import percent, text_table

# Lower bounds of the classes of lengths.
SENTENCE_LENGTHS = (1, 6, 11, 21, 31, 51, 101)
ENTITY_LENGTHS = (1, 2, 3, 4, 5)
MAX_VISIBLE = 40
# In the terminal; the page shows more.
MAX_AMBIGUOUS = 10
MAX_FREQUENT = 8
MAX_EXAMPLES = 5


class StatsTable(NamedTuple):
    """The first column holds names, the others numbers."""

    header: list[str]
    rows: list[list[str]]


def classes(histogram_L: np.ndarray, lower: tuple[int, ...]) -> list[int]:
    """A histogram of lengths summed into classes that begin at the given lengths."""
    bounds = [*lower, max(lower[-1] + 1, len(histogram_L))]
    return [int(histogram_L[begin:end].sum()) for begin, end in zip(bounds, bounds[1:])]


def class_names(lower: tuple[int, ...]) -> list[str]:
    bounds = zip(lower, lower[1:])
    return [f"{low}-{high - 1}" if high - 1 > low else str(low) for low, high in bounds] + [f"{lower[-1]}+"]


def sizes(stats: CorpusStats) -> StatsTable:
    rows = [
        [
            split.name,
            f"{split.num_sentences:,}",
            f"{split.num_tokens:,}",
            f"{len(split.tokens):,}",
            f"{split.num_entities():,}",
            percent(split.share_outside(), 1),
            f"{split.num_tokens / max(1, split.num_sentences):.1f}",
        ]
        for split in stats.splits
    ]
    return StatsTable(["split", "sentences", "tokens", "distinct tokens", "entities", "O", "tokens per sentence"], rows)


def entities(stats: CorpusStats) -> StatsTable:
    """How many of each type, and their share of the split's entities."""
    rows = []
    for type_id, name in enumerate(stats.entity_types):
        counts = [(split.num_entities(type_id), split.num_entities()) for split in stats.splits]
        rows.append([name, *(cell for count, total in counts for cell in (f"{count:,}", percent(count, total)))])
    return StatsTable(["entities", *(cell for split in stats.splits for cell in (split.name, "share"))], rows)


def sentence_lengths(stats: CorpusStats) -> StatsTable:
    rows = [
        [split.name, *(percent(count, split.num_sentences) for count in classes(split.sentence_L, SENTENCE_LENGTHS))]
        for split in stats.splits
    ]
    return StatsTable(["tokens per sentence", *class_names(SENTENCE_LENGTHS)], rows)


def entity_lengths(stats: CorpusStats) -> StatsTable:
    """Over all splits."""
    rows = []
    for type_id, name in enumerate(stats.entity_types):
        counts = entity_length_counts(stats, type_id)
        rows.append([name, *(percent(count, sum(counts)) for count in counts)])
    return StatsTable(["tokens per entity", *class_names(ENTITY_LENGTHS)], rows)


def entity_length_counts(stats: CorpusStats, type_id: int) -> list[int]:
    """Entities of a type in each class of ENTITY_LENGTHS, over all splits."""
    histograms = [classes(split.entity_TL[type_id], ENTITY_LENGTHS) for split in stats.splits]
    return [sum(column) for column in zip(*histograms)]


def unseen(stats: CorpusStats) -> StatsTable:
    """What train does not have; no rows without a train split."""
    rows = []
    for found in stats.unseen:
        shares = [percent(found.num_tokens, found.all_tokens), percent(found.num_distinct, found.all_distinct)]
        by_type = [percent(new, total) for new, total in zip(found.entities_T, found.all_T)]
        rows.append([found.split, *shares, percent(sum(found.entities_T), sum(found.all_T)), *by_type])
    return StatsTable(["not in train", "tokens", "distinct tokens", "entities", *stats.entity_types], rows)


def copies(stats: CorpusStats) -> StatsTable:
    rows = []
    for split, other, count, total in stats.copies:
        where = "more than once there" if other == split else f"in {other} too"
        rows.append([f"{split}, {where}", f"{count:,}", percent(count, total)])
    return StatsTable(["sentences of", "number", "share"], rows)


def ambiguity(stats: CorpusStats) -> str:
    """A sentence that says how much of it there is."""
    share = percent(stats.num_ambiguous_mentions, sum(split.num_entities() for split in stats.splits))
    return f"{len(stats.ambiguous):,} texts are entities of several types; {share} of all entities have such a text"


def visible(text: str, max_chars: int = MAX_VISIBLE) -> str:
    """A text with invisible and control characters spelled out; a long one is cut."""
    text = text if len(text) <= max_chars else text[: max_chars - 3] + "..."
    return "".join(
        char if char.isprintable() and (char == " " or not char.isspace()) else char.encode("unicode_escape").decode()
        for char in text
    )


def _counted(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{visible(text)} {count:,}" for text, count in counts)


def _kind_lines(header: list[str], kinds: list[TextKind]) -> list[str]:
    """A table with examples beside it."""
    rows = [[kind.name, f"{kind.num_occurrences:,}", f"{kind.num_distinct:,}"] for kind in kinds]
    head, *lines = text_table(header, rows)
    shown = (" ".join(map(visible, kind.examples[:MAX_EXAMPLES])) for kind in kinds)
    return [head, *(f"{line}  {words}" for line, words in zip(lines, shown))]


def text_lines(stats: CorpusStats) -> list[str]:
    """The statistics for the terminal; the longer lists are on the page alone."""
    ambiguous = [f"  {visible(one.text)}: {_counted(one.counts.items())}" for one in stats.ambiguous[:MAX_AMBIGUOUS]]
    frequent = [
        f"most frequent {name}: {_counted(stats.frequent(type_id, MAX_FREQUENT)) or 'none'}"
        for type_id, name in enumerate(stats.entity_types)
    ]
    parts = [
        [f"{stats.title}: tags {stats.scheme}"],
        text_table(*sizes(stats)),
        text_table(*entities(stats)),
        text_table(*sentence_lengths(stats)),
        text_table(*entity_lengths(stats)),
        text_table(*unseen(stats)) if stats.unseen else [],
        [ambiguity(stats), *ambiguous],
        frequent,
        text_table(*copies(stats)),
        _kind_lines(["odd words", "tokens", "distinct"], stats.odd) if stats.odd else [],
        _kind_lines(["characters", "in all", "distinct"], stats.chars),
    ]
    lines = [line for part in parts if part for line in ("", *part)]
    return lines[1:]
