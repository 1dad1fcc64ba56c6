"""Verifies a shard set, describes it, and shows its sentences."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import itertools
import json
import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Optional

from data_prep.inspecting.find_sentences import FoundSentence, Search, find, spellings
from data_prep.inspecting.summary import summary_lines
from ner_dist.cli.options import option
from ner_dist.cli.text_table import percent, text_table
from ner_dist.contract.shard_format import INDEX_NAME, Index, ShardError, read_index, verify_file
from ner_dist.contract.tag_schemes import bilou_tags

# Codes for terminals with 256 colours, after Okabe and Ito: distinct for colour-blind eyes, on light and dark ground.
COLOURS = [f"1;38;5;{code}" for code in (32, 208, 36, 170, 172, 75, 160, 105)]
UNDERLINE, FAINT = "4", "2"
MAX_SUGGESTIONS = 3


def in_colour(stream: IO[str]) -> bool:
    """Whether a stream is a terminal and the user has not asked for output without colour (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def verify(directory: Path) -> Index:
    """The index, after comparing size and checksum of every file with it. Raises ShardError."""
    if directory.is_file():
        raise ShardError(
            f"{directory} is a file, expected a directory of shards; for a corpus use "
            f"python -m data_prep stats {directory}"
        )
    index = read_index(directory)
    vectors = [index.vectors] if index.vectors else []
    for file in itertools.chain(index.vocab.values(), vectors, *index.splits.values(), *index.raw.values()):
        verify_file(directory, file)
    return index


def _bucket_lines(index: Index) -> list[str]:
    """Sentences and padding of each bucket in each split."""
    rows = []
    for bucket, (below, edge) in enumerate(zip([0, *index.bucket_edges], index.bucket_edges)):
        row = [f"{below + 1}-{edge}"]
        for shards in index.splits.values():
            num_sentences = sum(shard.rows[bucket] for shard in shards)
            num_tokens = sum(shard.tokens[bucket] for shard in shards)
            row += [f"{num_sentences:,}", percent(num_sentences * edge - num_tokens, num_sentences * edge)]
        rows.append(row)
    return text_table(["length", *(cell for split in index.splits for cell in (split, "padding"))], rows)


def describe(directory: Path, index: Index) -> list[str]:
    """Lines about the whole set."""
    files = [shard for shards in (*index.splits.values(), *index.raw.values()) for shard in shards]
    megabytes = sum(shard.num_bytes for shard in files) / 1e6
    lines = [f"{directory}: {len(files)} shards, {megabytes:.1f} MB, every checksum as in the index", ""]
    lines += [*summary_lines(directory, index), "", *_bucket_lines(index), ""]
    lines += [f"source of {file['split']}: {file['name']}, {file['num_bytes']:,} bytes" for file in index.sources]
    return [*lines, f"fingerprint: {index.fingerprint()[:16]}"]


def complete_from_index(directory: str, key: str) -> Callable[..., list[str]]:
    """A completer that offers what the index lists under a key; nothing if there is no index.

    directory: the destination of the option that names the shard set.
    """

    def complete(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
        try:
            path = Path(getattr(parsed_args, directory)) / INDEX_NAME
            return [str(name) for name in json.loads(path.read_text(encoding="utf-8"))[key]]
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return []

    return complete


@dataclasses.dataclass(frozen=True)
class InspectQuery:
    """Which sentences to show, and how much of them."""

    split: Optional[str] = option(None, completer=complete_from_index("directory", "splits"))
    """show sentences of this split (default with --grep or --type: train)"""
    grep: Optional[str] = option(None, metavar="WORDS")
    """only sentences that contain this word, or these words in a row"""
    type: Optional[str] = option(None, completer=complete_from_index("directory", "entity_types"))
    """only sentences with an entity of this type; with --grep, one that includes some of the words"""
    context: Optional[int] = option(None, least=0)
    """show only what was found, and N tokens on either side (default: the whole sentence)"""
    limit: int = option(10, least=1)
    """maximum number of sentences"""


def split_of(directory: Path, index: Index, split: str | None, command: str) -> str:
    """A split by its name. Raises ShardError if there is none of that name; command: what to suggest then."""
    if split in index.splits:
        return split
    splits = list(index.splits)
    near = difflib.get_close_matches((split or "").lower(), splits, n=1, cutoff=0.4) or splits[:1]
    what = "a shard set, from which one split is read" if split is None else f"no split {split!r}"
    raise ShardError(
        f"{directory}: {what}; the set holds {', '.join(splits)}; try: python -m data_prep {command} --split {near[0]}"
    )


def _command(directory: Path, query: InspectQuery) -> str:
    """The command line for this query."""
    options = {"--split": query.split, "--type": query.type, "--grep": query.grep, "--context": query.context}
    given = [f" {name} {shlex.quote(str(value))}" for name, value in options.items() if value is not None]
    return f"inspect {directory}{''.join(given)}"


def _type_id(directory: Path, index: Index, query: InspectQuery) -> int | None:
    name = query.type
    if name is None or name in index.entity_types:
        return None if name is None else index.entity_types.index(name)
    known = {entity_type.lower(): entity_type for entity_type in index.entity_types}
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.4)
    meant = f"; try: python -m data_prep {_command(directory, replace(query, type=known[near[0]]))}" if near else ""
    raise ShardError(
        f"{directory}: no entity type {name!r}; the set holds {', '.join(index.entity_types) or 'none'}{meant}"
    )


def show_sentences(directory: Path, index: Index, query: InspectQuery, colour: bool) -> tuple[list[str], list[str]]:
    """(lines of sentences in the order of the corpus, one token per line with its tag; remarks for the user)."""
    split = split_of(directory, index, query.split or "train", _command(directory, replace(query, split=None)))
    words = (query.grep or "").split()
    if query.grep is not None and not words:
        raise ShardError("--grep is empty, expected one word or several in a row")
    search = Search(words, _type_id(directory, index, query))
    if query.context is not None and search.matches_all():
        raise ShardError("--context applies to what --grep or --type finds; give one of them")
    found, num_found = find(directory, index, split, search, query.limit)
    parts = [repr(query.grep) if words else "", f"an entity of type {query.type}" if query.type else ""]
    content = " in ".join(filter(None, parts))
    if not num_found:
        return [f"no sentence of {split} contains {content}"], _next_commands(directory, index, search, query)
    tag_names = bilou_tags(index.entity_types)
    lines = [line for sentence in found for line in _sentence_lines(sentence, split, tag_names, query, colour)]
    if num_found <= len(found):
        return lines, []
    what = f"{len(found):,} of {num_found:,} sentences of {split}{f' that contain {content}' if content else ''}"
    return lines, [f"{what}; --limit {num_found} shows all"]


def _next_commands(directory: Path, index: Index, search: Search, query: InspectQuery) -> list[str]:
    """Commands that do find the words: in another split, case or type."""
    counts = spellings(directory, index, search) if search.words else {}
    if not counts and search.words and search.type_id is not None:
        counts = spellings(directory, index, search._replace(type_id=None))
        query = replace(query, type=None)
    return [
        f"try: python -m data_prep {_command(directory, replace(query, split=split, grep=spelling))}"
        f"   ({count:,} time{'s' if count > 1 else ''})"
        for (split, spelling), count in list(counts.items())[:MAX_SUGGESTIONS]
    ]


def _sentence_lines(
    sentence: FoundSentence, split: str, tag_names: list[str], query: InspectQuery, colour: bool
) -> Iterator[str]:
    yield f"# {split} sentence {sentence.sentence_id}"
    hits, context = sentence.hits, query.context
    shown = [i for i in range(len(hits)) if context is None or any(hits[max(0, i - context) : i + context + 1])]
    width = max(len(sentence.texts[i]) for i in shown)
    last = -1
    for i in shown:
        if i > last + 1:
            yield "..."
        last = i
        text, tag = sentence.texts[i], sentence.tags[i]
        padding = " " * (width - len(text))
        if not colour:
            yield f"{text}{padding}  {tag_names[tag]}"
            continue
        marks = [COLOURS[(tag - 1) // 4 % len(COLOURS)]] if tag else []
        text_marks = [*marks, *([UNDERLINE] if query.grep and hits[i] else [])]
        yield f"{_marked(text, text_marks)}{padding}  {_marked(tag_names[tag], marks or [FAINT])}"
    if last + 1 < len(sentence.texts):
        yield "..."
    yield ""


def _marked(text: str, marks: list[str]) -> str:
    return f"\x1b[{';'.join(marks)}m{text}\x1b[0m" if marks else text
