"""What is wrong or odd in a corpus, said before hours are spent on it: problems, and a report."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from data_prep.formats.text_source import Progress
from data_prep.inspecting.summary import coverage_lines, percent, table
from data_prep.passes.buckets import padding_share
from data_prep.passes.prepare import Prepared, prepare, split_stats
from data_prep.problems import Problems
from data_prep.settings import Settings

RARE_ENTITIES = 50
SINGLE_TAG_SHARE = 0.999
UNKNOWN_WORDS_SHARE = 0.2
PERCENTILES = (50, 90, 99, 99.9, 100)
# Names of phrases: if they are the "entity types", the chunk column was read.
CHUNK_TYPES = {"NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP"}


def _percentiles(histogram_L: np.ndarray) -> list[str]:
    """The lengths that the given percentages do not exceed."""
    cumulated = np.cumsum(histogram_L)
    return [str(int(np.searchsorted(cumulated, share / 100 * cumulated[-1]))) for share in PERCENTILES]


def _tag_problems(prepared: Prepared, problems: Problems) -> None:
    resolved, where = prepared.resolved, str(next(iter(prepared.sources.values())))
    tag_K = resolved.tag_SK.sum(0)
    if tag_K.max() > SINGLE_TAG_SHARE * tag_K.sum():
        problems.warn("single_tag", where, f"one tag covers {percent(tag_K.max(), tag_K.sum())} of the tokens")
    chunk_types = CHUNK_TYPES & set(resolved.entity_types)
    if len(chunk_types) >= 2:
        names = ", ".join(sorted(chunk_types))
        problems.warn("chunk_tags", where, f"types {names} are phrases, not entities; is --tag-column right?")
    entities = [resolved.entities(split_id) for split_id in range(len(resolved.splits))]
    for name in resolved.entity_types:
        if 0 < entities[0][name] < RARE_ENTITIES:
            problems.warn("rare_types", "train", f"only {entities[0][name]} entities of type {name!r}")
        for split, counts in zip(resolved.splits[1:], entities[1:]):
            if not counts[name]:
                problems.warn("types_missing", split, f"no entity of type {name!r}, so its score there is undefined")


def _word_problems(prepared: Prepared, problems: Problems) -> None:
    for split_id, split in enumerate(prepared.resolved.splits):
        stats = split_stats(prepared, split_id)
        if split_id and stats["unknown_words"] > UNKNOWN_WORDS_SHARE * stats["num_tokens"]:
            share = percent(stats["unknown_words"], stats["num_tokens"])
            problems.warn(
                "many_unknown_words", split, f"{share} of the words are unknown: is it the same kind of text?"
            )


def _length_lines(prepared: Prepared) -> list[str]:
    resolved, intake = prepared.resolved, prepared.intake
    chars_V = np.array([len(text) for text in intake.token_V])
    rows = []
    for split_id, split in enumerate(resolved.splits):
        if resolved.length_SL[split_id].any():
            rows.append([f"tokens a sentence, {split}", *_percentiles(resolved.length_SL[split_id])])
    for split_id, split in enumerate(resolved.splits):
        histogram_C = np.bincount(chars_V, resolved.token_SV[split_id]).astype(np.int64)
        if histogram_C.any():
            rows.append([f"characters a token, {split}", *_percentiles(histogram_C)])
    lines = table(["length", *(f"{share:g} %" for share in PERCENTILES)], rows)
    lines += [
        f"longest sentence of {split}: {longest.num_tokens} tokens, {longest.where}"
        for split, longest in zip(resolved.splits, resolved.longest)
        if longest.num_tokens
    ]
    longest = max(intake.token_V, key=len)
    return [*lines, f"longest token: {longest[:60]!r}, {len(longest)} characters"]


def report_lines(prepared: Prepared) -> list[str]:
    """Sizes, entities, lengths, unknown words and padding of a corpus."""
    resolved = prepared.resolved
    stats = [split_stats(prepared, split_id) for split_id in range(len(resolved.splits))]
    rows = [
        [
            split,
            f"{facts['num_sentences']:,}",
            f"{facts['num_tokens']:,}",
            f"{sum(facts['entities'].values()):,}",
            percent(facts["num_tokens"] - facts["tags"]["O"], facts["num_tokens"]),
            percent(facts["unknown_words"], facts["num_tokens"]),
        ]
        for split, facts in zip(resolved.splits, stats)
    ]
    header = ["split", "sentences", "tokens", "entities", "tokens in entities", "unknown words"]
    entity_rows = [[name, *(f"{facts['entities'][name]:,}" for facts in stats)] for name in resolved.entity_types]
    padding = padding_share(resolved.length_SL.sum(0), prepared.edges)
    return [
        f"tag scheme: {resolved.scheme.name} ({resolved.scheme.evidence})",
        "",
        *table(header, rows),
        "",
        *table(["entities", *resolved.splits], entity_rows),
        "",
        *_length_lines(prepared),
        *coverage_lines(dict(zip(resolved.splits, stats))),
        f"padding to the edges of {len(prepared.edges)} buckets: {percent(padding, 1)}",
    ]


def check(sources: dict[str, Path], settings: Settings, progress: Progress | None = None) -> tuple[Problems, list[str]]:
    """Everything that would stop `build`, everything odd, and a report (empty if nothing could be read)."""
    problems = Problems()
    with tempfile.TemporaryDirectory(prefix="data-prep-check-") as spill:
        prepared = prepare(sources, settings, Path(spill), problems, progress)
    if prepared is None:
        return problems, []
    _tag_problems(prepared, problems)
    _word_problems(prepared, problems)
    return problems, report_lines(prepared)
