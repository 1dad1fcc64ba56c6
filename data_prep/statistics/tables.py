"""Statistics of a corpus -> tables of text, which the terminal and the page share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data_prep.inspecting.summary import percent
from data_prep.statistics.counts import Stats
from data_prep.statistics.odd_tokens import CharKind, OddKind

# Lower ends of the classes of lengths.
SENTENCE_CLASSES = (1, 6, 11, 21, 31, 51, 101)
ENTITY_CLASSES = (1, 2, 3, 4, 5)
MAX_VISIBLE = 40


class Table(NamedTuple):
    """The first column is of names, the others of numbers."""

    header: list[str]
    rows: list[list[str]]


def classes(histogram_L: np.ndarray, lower: tuple[int, ...]) -> list[int]:
    """A histogram of lengths, added up in classes that begin at the given lengths."""
    bounds = [*lower, max(lower[-1] + 1, len(histogram_L))]
    return [int(histogram_L[begin:end].sum()) for begin, end in zip(bounds, bounds[1:])]


def class_names(lower: tuple[int, ...]) -> list[str]:
    ends = [following - 1 for following in lower[1:]]
    return [f"{begin}-{end}" if end > begin else str(begin) for begin, end in zip(lower, ends)] + [f"{lower[-1]}+"]


def sizes(stats: Stats) -> Table:
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
    return Table(["split", "sentences", "tokens", "distinct tokens", "entities", "O", "tokens a sentence"], rows)


def entities(stats: Stats) -> Table:
    """How many of each type, and their share of the split's entities."""
    rows = []
    for type_id, name in enumerate(stats.entity_types):
        counts = [(split.num_entities(type_id), split.num_entities()) for split in stats.splits]
        rows.append([name, *(cell for count, total in counts for cell in (f"{count:,}", percent(count, total)))])
    return Table(["entities", *(cell for split in stats.splits for cell in (split.name, "share"))], rows)


def sentence_lengths(stats: Stats) -> Table:
    rows = [
        [split.name, *(percent(count, split.num_sentences) for count in classes(split.sentence_L, SENTENCE_CLASSES))]
        for split in stats.splits
    ]
    return Table(["tokens a sentence", *class_names(SENTENCE_CLASSES)], rows)


def entity_lengths(stats: Stats) -> Table:
    """Of all splits together."""
    rows = []
    for type_id, name in enumerate(stats.entity_types):
        counts = entity_length_counts(stats, type_id)
        rows.append([name, *(percent(count, sum(counts)) for count in counts)])
    return Table(["tokens an entity", *class_names(ENTITY_CLASSES)], rows)


def entity_length_counts(stats: Stats, type_id: int) -> list[int]:
    """Entities of a type in each of ENTITY_CLASSES, over all splits."""
    histograms = [classes(split.entity_TL[type_id], ENTITY_CLASSES) for split in stats.splits]
    return [sum(column) for column in zip(*histograms)]


def unseen(stats: Stats) -> Table:
    """What train does not have; no rows without a train."""
    rows = []
    for found in stats.unseen:
        shares = [percent(found.num_tokens, found.all_tokens), percent(found.num_distinct, found.all_distinct)]
        by_type = [percent(new, total) for new, total in zip(found.entities_T, found.all_T)]
        rows.append([found.split, *shares, percent(sum(found.entities_T), sum(found.all_T)), *by_type])
    return Table(["not in train", "tokens", "distinct tokens", "entities", *stats.entity_types], rows)


def copies(stats: Stats) -> Table:
    rows = [
        [
            f"{found.split}, more than once there"
            if found.other == found.split
            else f"{found.split}, in {found.other} too",
            f"{found.num_sentences:,}",
            percent(found.num_sentences, found.all_sentences),
        ]
        for found in stats.copies
    ]
    return Table(["sentences of", "number", "share"], rows)


def odd_words(kinds: list[OddKind]) -> Table:
    return Table(
        ["odd words", "tokens", "distinct"], [[k.name, f"{k.num_tokens:,}", f"{k.num_distinct:,}"] for k in kinds]
    )


def characters(kinds: list[CharKind]) -> Table:
    rows = [[kind.name, f"{kind.num_occurrences:,}", f"{kind.num_distinct:,}"] for kind in kinds]
    return Table(["characters", "in all", "distinct"], rows)


def ambiguity(stats: Stats) -> str:
    """A sentence on how much of it there is."""
    num_mentions = sum(split.num_entities() for split in stats.splits)
    share = percent(stats.num_ambiguous_mentions, num_mentions)
    return f"{len(stats.ambiguous):,} texts are entities of several types; {share} of all entities are such texts"


def visible(text: str, max_chars: int = MAX_VISIBLE) -> str:
    """A text with what cannot be seen, or would move the cursor, spelled out; of a long one the beginning."""
    text = text if len(text) <= max_chars else text[: max_chars - 3] + "..."
    return "".join(
        char if char.isprintable() and (char == " " or not char.isspace()) else char.encode("unicode_escape").decode()
        for char in text
    )
