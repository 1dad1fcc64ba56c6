"""A finished shard set -> lines of text: splits, entities, vocabularies, warnings, and how far a lexicon agrees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data_prep.encoders.lexicon_files import FEATURE_PREFIX
from data_prep.inspecting.read_sentences import flat, row_groups
from data_prep.sentences.block import starts_mask
from ner_dist.cli.text_table import percent, text_table
from ner_dist.contract.lexicon_matching import FIRST_ID
from ner_dist.contract.shard_format import Index
from ner_dist.contract.tag_schemes import split_ids, strict_spans
from ner_dist.contract.word_lookup import STEPS


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
        *text_table(["with a vector", "distinct words", "tokens", "as it is", "lower case", "digits as 0"], rows),
        f"most frequent words of train without one: {shown}",
    ]


def _type_ids(index: Index) -> dict[str, int]:
    """The entity type of each lexicon feature that is named like one, ignoring case."""
    type_ids = {name.casefold(): type_id for type_id, name in enumerate(index.entity_types)}
    names = [feature.name for feature in index.features if feature.name.startswith(FEATURE_PREFIX)]
    typed = {name: type_ids.get(name.removeprefix(FEATURE_PREFIX).casefold()) for name in names}
    return {name: type_id for name, type_id in typed.items() if type_id is not None}


def agreement_lines(directory: Path, index: Index) -> list[str]:
    """A table of the lists that are named like an entity type; no lines if there are none.

    Only whole matches count, with the beginning and the end of an entry; right are those that are entities of the type.
    """
    type_ids = _type_ids(index)
    if not type_ids or "train" not in index.splits:
        return []
    # For each list: entities of its type, matches, and matches that are such entities.
    counts = {name: np.zeros(3, np.int64) for name in type_ids}
    for rows in row_groups(directory, index, "train", ("length", "tag", *type_ids)):
        starts_M = starts_mask(rows["length"].to_numpy())
        prefix_M, type_M = split_ids(flat(rows, "tag").to_numpy())
        for name, type_id in type_ids.items():
            label_M = flat(rows, name).to_numpy().astype(np.int64) - FIRST_ID
            entities = strict_spans(np.where(type_M == type_id, prefix_M, 0), type_M, starts_M)
            matches = strict_spans(label_M, np.zeros_like(label_M), starts_M)
            # A number for each span.
            span_E, match_E = (spans.start_E * len(type_M) + spans.end_E for spans in (entities, matches))
            counts[name] += len(span_E), len(match_E), len(np.intersect1d(span_E, match_E))
    table = []
    for name, (entities, matches, both) in counts.items():
        shares = f"{entities:,}", percent(both, entities), f"{matches:,}", percent(both, matches)
        table.append([name.removeprefix(FEATURE_PREFIX), *shares])
    header = ["lexicon in train", "entities", "matched", "whole matches", "right"]
    # The empty line separates the table from the lines above it.
    return ["", *text_table(header, table)]


def text_lines(index: Index) -> list[str]:
    """How the texts of the corpus were cut, and what entities the tokens do not express; no lines without texts."""
    if not index.has_text:
        return []
    lost = sum(sum(stats.get("inexpressible", {}).values()) for stats in index.stats.values())
    tokenizer = " ".join(index.tokenizer[name] for name in ("name", "language") if index.tokenizer[name])
    return [f"texts cut by: {tokenizer}; {lost:,} entities fit none of its tokens"]


def summary_lines(directory: Path, index: Index) -> list[str]:
    """What a set contains: tables of splits, entities and lexicon, vocabulary sizes, counted warnings."""
    splits = list(index.splits)
    rows = [
        [
            split,
            f"{index.num_sentences(split):,}",
            f"{index.num_tokens(split):,}",
            f"{index.stats[split]['documents']:,}",
            f"{sum(index.stats[split]['entities'].values()):,}",
            percent(index.stats[split]["unknown_words"], index.num_tokens(split)),
            percent(index.stats[split]["padding_to_edge"], 1),
            str(index.stats[split]["longest"]),
            str(len(index.splits[split])),
        ]
        for split in splits
    ]
    header = [
        "split",
        "sentences",
        "tokens",
        "documents",
        "entities",
        "unknown words",
        "padding to edge",
        "longest",
        "shards",
    ]
    entity_rows = [
        [name, *(f"{index.stats[split]['entities'][name]:,}" for split in splits)] for name in index.entity_types
    ]
    sizes = ", ".join(f"{name} {vocab.num_values:,}" for name, vocab in index.vocab.items())
    lines = [*text_table(header, rows), "", *text_table(["entities", *splits], entity_rows), ""]
    if index.vectors is not None:
        lines += [*coverage_lines(index.stats), ""]
    lines.append(f"vocabularies: {sizes}")
    if index.vectors is not None:
        alone = index.vocab["word"].num_values - index.vectors.first_unseen
        lines.append(f"vectors: {index.vectors.num_units} units; {alone:,} words are not in train, but have a vector")
        unknown = next(iter(index.stats.values())).get("unknown_word", [])
        if unknown:
            lines.append(f"unknown words: the vector of {', '.join(map(repr, unknown))} in the files of vectors")
    lines.append(f"tags: {index.settings.get('scheme_found')}, stored as BILOU")
    lines += [f"{name.replace('_', ' ')}: {count:,}" for name, count in index.warnings.items()]
    return [*lines, *text_lines(index), *agreement_lines(directory, index)]
