"""A corpus in one format and tag scheme -> the same sentences in another; the output is there whole or not at all."""

from __future__ import annotations

import gzip
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from data_prep.formats.block import Tagged
from data_prep.formats.read_corpus import format_and_encoding
from data_prep.formats.text_source import Progress
from data_prep.formats.writers import Writer, conll_writer, jsonl_writer, kaggle_writer
from data_prep.inspecting.read_sentences import any_spaced, read_ordered
from data_prep.inspecting.show_shards import split_of, verify
from data_prep.passes.tagged_stream import read_tagged, survey
from data_prep.problems import Problems
from data_prep.settings import Settings, SettingsError
from data_prep.staging import OutputError, staged
from ner_dist.contract.tag_schemes import SCHEMES

FORMATS = ("conll", "jsonl", "kaggle")
FORMAT_OF_ENDING = {".jsonl": "jsonl", ".json": "jsonl", ".csv": "kaggle"}
STDOUT = "-"


class Target(NamedTuple):
    """What is to be written; None: the format by the file's name, the scheme that the input has."""

    out: str
    format: str | None = None
    scheme: str | None = None
    # jsonl: text and places of entities instead of tags.
    as_text: bool = False


class Input(NamedTuple):
    """Sentences to be converted, and what is known of them."""

    blocks: Iterator[Tagged]
    entity_types: list[str]
    scheme: str
    spaced: bool
    # Where the sentences are from, for the user.
    description: str


class Converted(NamedTuple):
    num_sentences: int
    num_tokens: int
    num_entities: int
    # From which format and scheme to which.
    description: str


def _output_format(target: Target) -> str:
    if target.format is not None:
        if target.as_text and target.format != "jsonl":
            raise SettingsError(f"--text is for --to jsonl, not for {target.format}")
        return target.format
    name = target.out.removesuffix(".gz")
    return "jsonl" if target.as_text else FORMAT_OF_ENDING.get(Path(name).suffix.lower(), "conll")


def _open_file(path: Path, settings: Settings, problems: Problems, progress: Progress | None) -> Input:
    name, _ = format_and_encoding(path, settings)
    found = survey([path], settings, "--from-scheme", problems, progress)
    blocks = read_tagged(path, settings, found, problems, progress)
    description = f"{name}, {found.scheme.name} ({found.scheme.evidence})"
    return Input(blocks, found.table.entity_types, found.scheme.name, found.spaced, description)


def _told(blocks: Iterator[Tagged], progress: Progress) -> Iterator[Tagged]:
    for block in blocks:
        yield block
        progress(len(block.text_M))


def _open_shards(directory: Path, split: str | None, progress: Progress | None) -> Input:
    """A split of a shard set; its tags are in the scheme that the corpus had, as far as that is known."""
    index = verify(directory)
    split = split_of(directory, index, split, f"convert {directory} OUT")
    scheme = index.settings.get("scheme_found")
    blocks, spaced = read_ordered(directory, index, split), any_spaced(directory, index, split)
    blocks = _told(blocks, progress) if progress is not None else blocks
    return Input(blocks, index.entity_types, scheme if scheme in SCHEMES else "bio", spaced, f"{split} of shards")


def _check_output(out: str, source: Path) -> None:
    """Raise OutputError if `out` is nothing that may be written."""
    if out == STDOUT:
        return
    if Path(out).is_dir():
        raise OutputError(f"{out} is a directory, expected a file")
    if Path(out).resolve() == source.resolve():
        raise OutputError(f"{out} is the input; choose another output")


@contextmanager
def _whole(out: str) -> Iterator[IO[bytes]]:
    """A file to write; once all of it is written, `out` gets its content."""
    path = Path(out)
    if out != STDOUT and (path.is_file() or not path.exists()):
        with staged(path) as (place, _):
            # Others stage a directory; here a file has its place.
            place.rmdir()
            with open(place, "wb") as file:
                yield file
        return
    with tempfile.TemporaryFile() as file:
        yield file
        file.seek(0)
        if out == STDOUT:
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.flush()
        else:
            # A pipe or a device is written to, not replaced.
            with open(path, "wb") as stream:
                shutil.copyfileobj(file, stream)


@contextmanager
def _text(out: str, file: IO[bytes]) -> Iterator[IO[str]]:
    """UTF-8 text into a file, packed if the name ends so; the same text gives the same bytes."""
    raw = gzip.GzipFile("", "wb", fileobj=file, mtime=0) if out.endswith(".gz") else file
    text = io.TextIOWrapper(raw, "utf-8", newline="\n")
    yield text
    text.flush()
    text.detach()
    if raw is not file:
        raw.close()


def _writer(given: Input, name: str, scheme: str, as_text: bool, problems: Problems) -> Writer:
    if name == "conll":
        return conll_writer(given.entity_types, scheme, given.spaced, problems)
    if name == "kaggle":
        return kaggle_writer(given.entity_types, scheme, problems)
    return jsonl_writer(given.entity_types, scheme, as_text, problems)


def convert(
    source: Path,
    target: Target,
    settings: Settings,
    split: str | None,
    problems: Problems,
    progress: Progress | None = None,
) -> Converted:
    """Write the sentences of a corpus file, or of a split of a shard set, as `target` says.

    `progress` is told of bytes read, twice over the file; of shards, of tokens written.

    Raises CorpusError listing what is wrong with the corpus or cannot be written so, OutputError for an output that
    must not be replaced, SettingsError and ShardError for the rest; the output is then as it was.
    """
    name = _output_format(target)
    _check_output(target.out, source)
    if source.is_dir():
        given = _open_shards(source, split, progress)
    elif split is not None:
        raise SettingsError(f"--split is for shard sets; {source} is not a directory")
    else:
        given = _open_file(source, settings, problems, progress)
    scheme = target.scheme or given.scheme
    write = _writer(given, name, scheme, target.as_text, problems)
    num_sentences, num_tokens, num_entities = 0, 0, 0
    with _whole(target.out) as file:
        with _text(target.out, file) as text:
            for block in given.blocks:
                text.write(write(block))
                num_sentences += len(block.length_N)
                num_tokens += len(block.text_M)
                # An entity begins at each B and U.
                num_entities += int(np.isin(block.tag_M[block.tag_M > 0] % 4, (1, 0)).sum())
        problems.raise_errors()
    written = f"{name}, {'text and spans' if target.as_text else scheme}"
    return Converted(num_sentences, num_tokens, num_entities, f"{given.description} -> {written}")
