"""Looking into a shard set: is it sound, what is its geometry, what do its sentences look like."""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from data_prep.inspecting.find_sentences import Sentence, Wanted, find, spellings
from data_prep.inspecting.lexicon_agreement import agreement_lines
from data_prep.inspecting.summary import percent, summary_lines, table
from ner_dist.contract.shard_format import Index, ShardError, read_index, verify_file
from ner_dist.contract.tag_schemes import bilou_tags

# Codes of terminals with 256 colours, after Okabe and Ito: apart for colour-blind eyes too, on light ground and dark.
COLOURS = [f"1;38;5;{code}" for code in (32, 208, 36, 170, 172, 75, 160, 105)]
UNDERLINE, FAINT = "4", "2"
MAX_SUGGESTIONS = 3


def in_colour(stream: IO[str]) -> bool:
    """Whether a stream is a terminal of which nobody has said that it should stay without colour (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def verify(directory: Path) -> Index:
    """The index, after size and checksum of every file have been compared. Raises ShardError."""
    if directory.is_file():
        raise ShardError(
            f"{directory} is a file, expected a directory of shards; a corpus is looked into by "
            f"python -m data_prep stats {directory}"
        )
    index = read_index(directory)
    for vocab in index.vocab.values():
        verify_file(directory, vocab)
    if index.vectors is not None:
        verify_file(directory, index.vectors)
    for shards in index.splits.values():
        for shard in shards:
            verify_file(directory, shard)
    return index


def _bucket_lines(index: Index) -> list[str]:
    """Sentences and padding of each bucket in each split."""
    rows = []
    below = 0
    for bucket, edge in enumerate(index.bucket_edges):
        row = [f"{below + 1}-{edge}"]
        for shards in index.splits.values():
            num_sentences = sum(shard.rows[bucket] for shard in shards)
            num_tokens = sum(shard.tokens[bucket] for shard in shards)
            row += [f"{num_sentences:,}", percent(num_sentences * edge - num_tokens, num_sentences * edge)]
        rows.append(row)
        below = edge
    return table(["length", *(cell for split in index.splits for cell in (split, "padding"))], rows)


def describe(directory: Path, index: Index) -> list[str]:
    """Lines on the whole set."""
    files = [shard for shards in index.splits.values() for shard in shards]
    megabytes = sum(shard.num_bytes for shard in files) / 1e6
    lines = [f"{directory}: {len(files)} shards, {megabytes:.1f} MB, every checksum as the index says", ""]
    lines += [*summary_lines(index), *agreement_lines(directory, index), "", *_bucket_lines(index), ""]
    lines += [
        f"source of {source['split']}: {source['name']}, {source['num_bytes']:,} bytes" for source in index.sources
    ]
    lines.append(f"fingerprint: {index.fingerprint()[:16]}")
    return lines


class Query(NamedTuple):
    """Which sentences are to be shown, and how much of them."""

    split: str | None = None
    grep: str | None = None
    type: str | None = None
    # Tokens to the left and to the right of what was found; None: the whole sentence.
    context: int | None = None
    limit: int = 10


def split_of(directory: Path, index: Index, split: str | None, command: str) -> str:
    """A split by its name. Raises ShardError if there is none of that name; `command` is what to try next."""
    if split in index.splits:
        return split
    splits = list(index.splits)
    near = difflib.get_close_matches((split or "").lower(), splits, n=1, cutoff=0.4) or splits[:1]
    what = "a shard set, of which one split is taken" if split is None else f"no split {split!r}"
    raise ShardError(
        f"{directory}: {what}; the set holds {', '.join(splits)}; try: python -m data_prep {command} --split {near[0]}"
    )


def _command(directory: Path, query: Query) -> str:
    """What the user would have to type for this query."""
    options = {"--split": query.split, "--type": query.type, "--grep": query.grep, "--context": query.context}
    given = [f" {name} {shlex.quote(str(value))}" for name, value in options.items() if value is not None]
    return f"inspect {directory}{''.join(given)}"


def _type_id(directory: Path, index: Index, query: Query) -> int | None:
    name = query.type
    if name is None or name in index.entity_types:
        return None if name is None else index.entity_types.index(name)
    near = difflib.get_close_matches(name.lower(), [known.lower() for known in index.entity_types], n=1, cutoff=0.4)
    hint = [known for known in index.entity_types if known.lower() in near]
    meant = f"; try: python -m data_prep {_command(directory, query._replace(type=hint[0]))}" if hint else ""
    raise ShardError(
        f"{directory}: no entity type {name!r}; the set holds {', '.join(index.entity_types) or 'none'}{meant}"
    )


def show_sentences(directory: Path, index: Index, query: Query, colour: bool) -> tuple[list[str], list[str]]:
    """(lines of sentences in the order of the corpus, one token a line with its tag; remarks for the user)."""
    split = split_of(directory, index, query.split or "train", _command(directory, query._replace(split=None)))
    words = (query.grep or "").split()
    if query.grep is not None and not words:
        raise ShardError("--grep is empty, expected one word or several in a row")
    wanted = Wanted(words, _type_id(directory, index, query))
    if query.context is not None and wanted.anything():
        raise ShardError("--context is about what --grep or --type finds; give one of them")
    found = find(directory, index, split, wanted, query.limit)
    held = " in ".join(
        [*([repr(query.grep)] if words else []), *([f"an entity of type {query.type}"] if query.type else [])]
    )
    if not found.num_sentences:
        return [f"no sentence of {split} holds {held}"], _next_commands(directory, index, wanted, query)
    tag_names = bilou_tags(index.entity_types)
    lines = [
        line for sentence in found.sentences for line in _sentence_lines(sentence, split, tag_names, query, colour)
    ]
    if found.num_sentences <= len(found.sentences):
        return lines, []
    what = f"{len(found.sentences):,} of {found.num_sentences:,} sentences of {split}"
    return lines, [f"{what}{f' that hold {held}' if held else ''}; --limit {found.num_sentences} shows all"]


def _next_commands(directory: Path, index: Index, wanted: Wanted, query: Query) -> list[str]:
    """Where the words are after all: in another split or case."""
    counts = spellings(directory, index, wanted) if wanted.words else {}
    if not counts and wanted.words and wanted.type_id is not None:
        counts = spellings(directory, index, wanted._replace(type_id=None))
        query = query._replace(type=None)
    return [
        f"try: python -m data_prep {_command(directory, query._replace(split=split, grep=spelling))}"
        f"   ({count:,} time{'s' if count > 1 else ''})"
        for (split, spelling), count in list(counts.items())[:MAX_SUGGESTIONS]
    ]


def _sentence_lines(sentence: Sentence, split: str, tag_names: list[str], query: Query, colour: bool) -> Iterator[str]:
    yield f"# {split} sentence {sentence.sentence_id}"
    shown = _shown(sentence.hits, query.context)
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
        text_marks = [*marks, *([UNDERLINE] if query.grep and sentence.hits[i] else [])]
        yield f"{_marked(text, text_marks)}{padding}  {_marked(tag_names[tag], marks or [FAINT])}"
    if last + 1 < len(sentence.texts):
        yield "..."
    yield ""


def _shown(hits: list[bool], context: int | None) -> list[int]:
    """Which tokens of a sentence to show."""
    if context is None:
        return list(range(len(hits)))
    places = [i for i, hit in enumerate(hits) if hit]
    return sorted({i for place in places for i in range(place - context, place + context + 1) if 0 <= i < len(hits)})


def _marked(text: str, marks: list[str]) -> str:
    return f"\x1b[{';'.join(marks)}m{text}\x1b[0m" if marks else text
