"""A corpus in one format and tag scheme -> the same sentences in another, written whole or not at all."""

from __future__ import annotations

import gzip
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from data_prep.formats import table
from data_prep.formats.block import TaggedSentences
from data_prep.formats.corpus_format import Format, WriteOptions
from data_prep.formats.read_corpus import format_and_encoding
from data_prep.formats.text_source import Progress
from data_prep.inspecting.read_sentences import any_spaced, read_ordered
from data_prep.inspecting.show_shards import split_of, verify
from data_prep.passes.tagged_stream import read_tagged, survey_tags
from data_prep.problems import Problems
from data_prep.settings import Settings, SettingsError
from data_prep.staging import OutputError, staged
from ner_dist.contract.tag_schemes import SCHEMES

STDOUT = "-"


class Target(NamedTuple):
    out: str
    # None: inferred from the file name.
    format: str | None = None
    # None: that of the input.
    scheme: str | None = None
    # The text with entity spans instead of tags.
    as_text: bool = False


class Converted(NamedTuple):
    num_sentences: int
    num_tokens: int
    num_entities: int
    # Formats and schemes of input and output, for the user.
    description: str


def _output_format(target: Target) -> Format:
    with_spans = [name for name in table.WRITABLE if table.FORMATS[name].writes_spans]
    if target.format is not None:
        if target.as_text and target.format not in with_spans:
            raise SettingsError(f"--text is for --to {' or '.join(with_spans)}, not for {target.format}")
        return table.FORMATS[target.format]
    return table.FORMATS[with_spans[0]] if target.as_text else table.format_of_name(target.out)


# The sentences to convert, what is known about them, and where they come from, for the user.
_Input = tuple[Iterator[TaggedSentences], WriteOptions, str]


def _open_file(path: Path, settings: Settings, problems: Problems, progress: Progress | None) -> _Input:
    source_format, _ = format_and_encoding(path, settings.read_options)
    found = survey_tags([path], settings, "--from-scheme", problems, progress)
    blocks = read_tagged(path, settings, found, problems, progress)
    description = f"{source_format.name}, {found.scheme.name} ({found.scheme.evidence})"
    return blocks, WriteOptions(found.tags.table.entity_types, found.scheme.name, found.has_spaces), description


def _open_shards(directory: Path, split: str | None) -> _Input:
    """A split of a shard set; its scheme is that of the original corpus if the index says so."""
    index = verify(directory)
    split = split_of(directory, index, split, f"convert {directory} OUT")
    scheme = index.settings.get("scheme_found")
    options = WriteOptions(
        index.entity_types, scheme if scheme in SCHEMES else "bio", any_spaced(directory, index, split)
    )
    return read_ordered(directory, index, split), options, f"{split} of shards"


@contextmanager
def _whole_output(out: str) -> Iterator[IO[str]]:
    """Takes UTF-8 text, to be compressed if `out` ends in .gz; `out` gets it once all of it is written.

    The same text gives the same bytes.
    """
    path = Path(out)
    # A pipe or a device must be written to, not replaced.
    is_replaced = out != STDOUT and (path.is_file() or not path.exists())
    with ExitStack() as stack:
        if is_replaced:
            place, _ = stack.enter_context(staged(path))
            # `staged` prepares for a directory; put a file in its place.
            place.rmdir()
            file: IO[bytes] = stack.enter_context(open(place, "wb"))
        else:
            file = stack.enter_context(tempfile.TemporaryFile())
        raw = gzip.GzipFile("", "wb", fileobj=file, mtime=0) if out.endswith(".gz") else file
        text = io.TextIOWrapper(raw, "utf-8", newline="\n")
        yield text
        text.flush()
        text.detach()
        if raw is not file:
            raw.close()
        if not is_replaced:
            file.seek(0)
            with nullcontext(sys.stdout.buffer) if out == STDOUT else open(path, "wb") as stream:
                shutil.copyfileobj(file, stream)
                stream.flush()


def convert(
    source: Path,
    target: Target,
    settings: Settings,
    split: str | None,
    problems: Problems,
    progress: Progress | None = None,
) -> Converted:
    """Write the sentences of a corpus file, or of a split of a shard set, to `target`.

    `progress` is called with the number of bytes just read, in total twice the file's size; for shards, with the number
    of tokens just written.

    Raises CorpusError listing what is wrong with the corpus or cannot be written in this format, OutputError for an
    output that must not be replaced, SettingsError and ShardError otherwise; the output is then unchanged.
    """
    to_format = _output_format(target)
    if target.out != STDOUT and Path(target.out).is_dir():
        raise OutputError(f"{target.out} is a directory, expected a file")
    if target.out != STDOUT and Path(target.out).resolve() == source.resolve():
        raise OutputError(f"{target.out} is the input; choose another output")
    if source.is_dir():
        blocks, options, description = _open_shards(source, split)
    elif split is not None:
        raise SettingsError(f"--split is for shard sets; {source} is not a directory")
    else:
        blocks, options, description = _open_file(source, settings, problems, progress)
    options = options._replace(scheme=target.scheme or options.scheme, as_text=target.as_text)
    assert to_format.write is not None
    num_sentences, num_tokens, num_entities = 0, 0, 0
    with _whole_output(target.out) as text:
        for block in blocks:
            text.write(to_format.write(block, num_sentences, options, problems))
            num_sentences += len(block.length_N)
            num_tokens += len(block.text_M)
            if source.is_dir() and progress is not None:
                progress(len(block.text_M))
            # An entity begins at each B and U.
            num_entities += int(np.isin(block.tag_M[block.tag_M > 0] % 4, (1, 0)).sum())
        problems.raise_errors()
    written = f"{to_format.name}, {'text and spans' if target.as_text else options.scheme}"
    return Converted(num_sentences, num_tokens, num_entities, f"{description} -> {written}")
