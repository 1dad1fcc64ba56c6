"""A shard set's index -> lines of text: splits, entities, vocabularies, warnings."""

from __future__ import annotations

from typing import Any

from ner_dist.contract.shard_format import Index
from ner_dist.contract.word_lookup import STEPS


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a plain table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))
        )
        for row in [header, *rows]
    ]


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def coverage_lines(stats: dict[str, dict[str, Any]]) -> list[str]:
    """From the facts of each split: which words have a pretrained vector. No lines if there are no vectors."""
    rows = []
    for split, facts in stats.items():
        if "with_vector" in facts:
            types, tokens = (facts["with_vector"][kind] for kind in ("types", "tokens"))
            num_found = [sum(found[step] for step in STEPS) for found in (types, tokens)]
            shares = [percent(num_found[0], types["all"]), percent(num_found[1], tokens["all"])]
            rows.append([split, *shares, *(percent(tokens[step], tokens["all"]) for step in STEPS)])
    if not rows:
        return []
    misses = next(iter(stats.values()))["without_vector"]
    shown = ", ".join(f"{form} ({count:,})" for form, count in misses.items()) or "none"
    return [
        *table(["with a vector", "distinct words", "tokens", "as it is", "lower case", "digits as 0"], rows),
        f"most frequent words of train without one: {shown}",
    ]


def summary_lines(index: Index) -> list[str]:
    """What a set holds: a table of the splits, a table of entities, vocabulary sizes, counted warnings."""
    splits = list(index.splits)
    rows = [
        [
            split,
            f"{index.num_sentences(split):,}",
            f"{index.num_tokens(split):,}",
            f"{sum(index.stats[split]['entities'].values()):,}",
            percent(index.stats[split]["unknown_words"], index.num_tokens(split)),
            percent(index.stats[split]["padding_to_edge"], 1),
            str(index.stats[split]["longest"]),
            str(len(index.splits[split])),
        ]
        for split in splits
    ]
    header = ["split", "sentences", "tokens", "entities", "unknown words", "padding to edge", "longest", "shards"]
    entity_rows = [
        [name, *(f"{index.stats[split]['entities'][name]:,}" for split in splits)] for name in index.entity_types
    ]
    sizes = ", ".join(f"{name} {vocab.num_values:,}" for name, vocab in index.vocab.items())
    lines = [*table(header, rows), "", *table(["entities", *splits], entity_rows), ""]
    if index.vectors is not None:
        lines += [*coverage_lines(index.stats), ""]
    lines.append(f"vocabularies: {sizes}")
    if index.vectors is not None:
        alone = index.vocab["word"].num_values - index.vectors.first_unseen
        lines.append(f"vectors: {index.vectors.num_units} units; {alone:,} words are not in train, but have a vector")
    lines.append(f"tags: {index.settings.get('scheme_found')}, stored as BILOU")
    lines += [f"{name.replace('_', ' ')}: {count:,}" for name, count in index.warnings.items()]
    return lines
