"""What is wrong or unusual in a corpus, before hours are spent on it: problems and a report."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.annotation.misspelt_types import renamed_types
from data_prep.formats.columns.judge_column import PHRASE_TYPES
from data_prep.inspecting.summary import coverage_lines
from data_prep.passes.annotation_pass import check_annotation
from data_prep.passes.buckets import padding_share
from data_prep.passes.check_facts import PERCENTILES, facts_of, percentiles, token_lengths
from data_prep.passes.id_corpus import IdCorpus, ReadSource
from data_prep.passes.leak_pass import check_leaks
from data_prep.passes.prepare import PreparedCorpus, prepare, split_stats
from data_prep.passes.tag_collector import schemes_in_words
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.sources.source_files import Sources
from data_prep.sources.text_source import Progress
from ner_dist.cli.text_table import percent, text_table
from ner_dist.engines.one_process import OneProcess

RARE_ENTITIES = 50
MAX_SHOWN_TOKENS = 20
SINGLE_TAG_SHARE = 0.999
UNKNOWN_WORDS_SHARE = 0.2


def _report_unusual(prepared: PreparedCorpus, problems: Problems) -> None:
    tagged, where = prepared.tagged, str(prepared.corpus.sources[0].file)
    tag_K = tagged.tag_SK.sum(0)
    if tag_K.max() > SINGLE_TAG_SHARE * tag_K.sum():
        problems.warn("single_tag", where, f"one tag covers {percent(tag_K.max(), tag_K.sum())} of the tokens")
    chunk_types = PHRASE_TYPES & set(tagged.entity_types)
    if len(chunk_types) >= 2:
        names = ", ".join(sorted(chunk_types))
        problems.warn("chunk_tags", where, f"types {names} are phrases, not entities; is --tag-column right?")
    entities = [tagged.entities(split_id) for split_id in range(len(tagged.splits))]
    # A type that is a misspelling of another one is to be renamed, not to become more frequent.
    misspelt = renamed_types({name: sum(counts[name] for counts in entities) for name in tagged.entity_types})
    for name in tagged.entity_types:
        if name in misspelt:
            continue
        if 0 < entities[0][name] < RARE_ENTITIES:
            problems.warn("rare_types", "train", f"only {entities[0][name]} entities of type {name!r}")
        for split, counts in zip(tagged.splits[1:], entities[1:]):
            if not counts[name]:
                problems.warn("types_missing", split, f"no entity of type {name!r}, so its score there is undefined")
    # Not train: its unknown words are simply its rare ones.
    for split_id, split in list(enumerate(tagged.splits))[1:]:
        stats = split_stats(prepared, split_id)
        if stats["unknown_words"] > UNKNOWN_WORDS_SHARE * stats["num_tokens"]:
            share = percent(stats["unknown_words"], stats["num_tokens"])
            what = f"{share} of the words are unknown; is it the same kind of text as train?"
            problems.warn("many_unknown_words", split, what)


def _length_lines(prepared: PreparedCorpus) -> list[str]:
    tagged = prepared.tagged
    num_chars = [token_lengths(prepared, split_id) for split_id in range(len(tagged.splits))]
    rows = [
        [f"{what}, {split}", *map(str, percentiles(histogram).values())]
        for what, histograms in (("tokens per sentence", tagged.length_SL), ("characters per token", num_chars))
        for split, histogram in zip(tagged.splits, histograms)
        if histogram.any()
    ]
    lines = text_table(["length", *(f"{share:g} %" for share in PERCENTILES)], rows)
    lines += [
        f"longest sentence of {split}: {num_tokens} tokens, {where}"
        for split, (num_tokens, where) in zip(tagged.splits, tagged.longest)
        if num_tokens
    ]
    longest = max(prepared.corpus.token_V, key=len)
    return [*lines, f"longest token: {longest[:60]!r}, {len(longest)} characters"]


def _reading_lines(corpus: IdCorpus) -> list[str]:
    """How the files were read: formats with what shows them, the first sentence, features, the tokenizer."""
    kinds: dict[tuple[str, str, str], list[ReadSource]] = {}
    for source in corpus.sources:
        kinds.setdefault((source.split, source.format, source.evidence), []).append(source)
    lines = []
    for (split, name, evidence), sources in kinds.items():
        others = f" and {len(sources) - 1} more files" if len(sources) > 1 else ""
        lines.append(f"{split}: {sources[0].file}{others}: {name} ({evidence})")
    first = next((source.first for source in corpus.sources if source.first), None)
    if first is not None:
        shown = [
            [token, *values, tag] for token, *values, tag in zip(first.tokens, *first.features.values(), first.tags)
        ]
        lines += ["", "the first sentence as it was read:"]
        lines += text_table(["token", *first.features, "tag"], shown[:MAX_SHOWN_TOKENS])
        lines += ["..."] * (len(shown) > MAX_SHOWN_TOKENS)
    choice = corpus.cutter.choice()
    what = f"{choice.name}{f', {choice.language}' if choice.language else ''}"
    used = f"texts are cut into tokens by: {what}" if corpus.cutter.was_used else "the tokens are the corpus's own"
    return [*lines, "", used]


def _scheme_lines(corpus: IdCorpus) -> list[str]:
    """The tag scheme with its evidence; a line for each if files have several."""
    told = schemes_in_words([str(source.file) for source in corpus.sources], corpus.tags)
    if len(told) == 1:
        return [f"tag scheme: {told[0].scheme} ({told[0].evidence})"]
    return [f"tag scheme of {files}: {scheme} ({evidence})" for scheme, files, evidence in told]


def report_lines(prepared: PreparedCorpus) -> list[str]:
    """Sizes, entities, lengths, unknown words and padding of a corpus."""
    tagged = prepared.tagged
    stats = [split_stats(prepared, split_id) for split_id in range(len(tagged.splits))]
    rows = [
        [
            split,
            f"{facts['num_sentences']:,}",
            f"{facts['num_tokens']:,}",
            f"{sum(facts['entities'].values()):,}",
            percent(facts["num_tokens"] - facts["tags"]["O"], facts["num_tokens"]),
            percent(facts["unknown_words"], facts["num_tokens"]),
        ]
        for split, facts in zip(tagged.splits, stats)
    ]
    header = ["split", "sentences", "tokens", "entities", "tokens in entities", "unknown words"]
    entity_rows = [[name, *(f"{facts['entities'][name]:,}" for facts in stats)] for name in tagged.entity_types]
    padding = padding_share(tagged.length_SL.sum(0), prepared.edges)
    return [
        *_reading_lines(prepared.corpus),
        *_scheme_lines(prepared.corpus),
        "",
        *text_table(header, rows),
        "",
        *text_table(["entities", *tagged.splits], entity_rows),
        "",
        *_length_lines(prepared),
        *coverage_lines(dict(zip(tagged.splits, stats))),
        f"padding to the edges of {len(prepared.edges)} buckets: {percent(padding, 1)}",
    ]


class Checked(NamedTuple):
    """Problems and a report; facts as JSON values, see check_facts. Both are empty if nothing could be read."""

    problems: Problems
    report: list[str]
    facts: dict[str, Any] | None


def check(
    sources: Sources, settings: Settings, progress: Progress | None = None, problems: Problems | None = None
) -> Checked:
    """Everything that would stop `build`, everything unusual, and a report.

    problems: those that are known already.
    """
    problems = problems or Problems()
    with tempfile.TemporaryDirectory(prefix="data-prep-check-") as spill:
        prepared = prepare(sources, settings, Path(spill), problems, OneProcess(), progress, keep_read=True)
        if prepared is None:
            return Checked(problems, [], None)
        slips = check_annotation(prepared.corpus, prepared.tagged, Path(spill), problems)
        if len({split for split, _ in sources}) > 1:
            check_leaks(prepared.corpus, prepared.tagged.splits, problems)
    _report_unusual(prepared, problems)
    return Checked(problems, [*report_lines(prepared), *_slip_lines(slips)], facts_of(prepared))


def _slip_lines(slips: Mapping[str, int]) -> list[str]:
    if not slips:
        return []
    rows = [[kind, f"{number:,}"] for kind, number in sorted(slips.items(), key=lambda slip: -slip[1])]
    table = text_table(["probable slips of annotation", "places"], rows)
    return ["", *table, "the most surprising of each kind are above, all are in --list FILE"]
