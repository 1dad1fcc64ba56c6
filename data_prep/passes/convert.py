"""A corpus in one format and tag scheme -> the same sentences in another, written whole or not at all."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.dirt.policies import FAIL
from data_prep.formats.read_corpus import recognise
from data_prep.inspecting.read_sentences import read_ordered, survey_split
from data_prep.inspecting.show_shards import split_of, verify
from data_prep.passes.tagged_stream import TagSurvey, read_tagged, survey_tags
from data_prep.passes.whole_output import STDOUT, whole_output
from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.settings import Settings, SettingsError
from data_prep.sources.source_files import SourceFile
from data_prep.sources.text_source import Progress
from data_prep.staging import OutputError
from data_prep.writers import table
from data_prep.writers.output_format import OutputFormat, WriteOptions
from ner_dist.contract.tag_schemes import ALL_SCHEMES

# Warnings of how a text was cut into tokens, which a format without tokens does not show.
ABOUT_TOKENS = frozenset(("tokens_split", "sentences_joined", "long_sentences_split", "misaligned_entities_dropped"))
# Fields that sentences have in JSON and Parquet.
RESERVED = frozenset(("id", "document", "text", "tokens", "tags", "ner_tags", "entities"))


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


class _Input(NamedTuple):
    blocks: Iterator[TaggedSentences]
    options: WriteOptions
    # Where the sentences come from, for the user.
    description: str


def _output_format(target: Target) -> OutputFormat:
    if target.format is not None:
        found = table.WRITERS[target.format]
    else:
        found = next(iter(table.AS_TEXT.values())) if target.as_text else table.format_of_name(target.out)
    if not target.as_text:
        return found
    if found.name not in table.AS_TEXT:
        raise SettingsError(f"--text is for --to {' or '.join(table.AS_TEXT)}, not for {found.name}")
    return table.AS_TEXT[found.name]


def _open_files(
    files: list[SourceFile], to: OutputFormat, settings: Settings, problems: Problems, progress: Progress | None
) -> _Input:
    # Those of one folder or archive are of one format.
    source_format = recognise(files[0], settings.read_options).format
    # What a text's tokens are does not matter where only the text is written.
    as_in_source = to.is_text and settings.on_misaligned in ("fail", "split") and settings.policies.on_overlap == FAIL
    if as_in_source:
        settings = dataclasses.replace(settings, on_misaligned="split")
    found = survey_tags(files, settings, "--from-scheme", problems, progress, ["corpus"] * len(files))
    if as_in_source and found.cutter.made_tokens:
        problems.ignored = ABOUT_TOKENS
    options = WriteOptions(
        found.tags.entity_types,
        # Files of several schemes become one of bio.
        found.scheme.name if found.scheme.name in ALL_SCHEMES else "bio",
        found.has_spaces,
        found.features,
        found.has_ids,
        found.has_documents,
        has_own_tokens=not found.cutter.made_tokens,
        as_in_source=as_in_source,
    )
    blocks = _numbered(files, settings, found, problems, progress)
    return _Input(blocks, options, f"{source_format.name}, {found.scheme.name} ({found.scheme.evidence})")


def _numbered(
    files: list[SourceFile], settings: Settings, found: TagSurvey, problems: Problems, progress: Progress | None
) -> Iterator[TaggedSentences]:
    """The sentences of all files, with documents numbered through."""
    num_documents = 0
    for file in files:
        num_before = num_documents
        for block in read_tagged(file, settings, found, problems, progress):
            if len(block.document_N):
                number_N = np.where(block.document_N > 0, block.document_N + num_before, 0)
                block = block._replace(document_N=number_N)
                num_documents = max(num_documents, int(number_N.max()))
            yield block


def _open_shards(directory: Path, split: str | None, problems: Problems) -> _Input:
    """A split of a shard set; its scheme is that of the original corpus if the index says so."""
    index = verify(directory)
    split = split_of(directory, index, split, f"convert {directory} OUT")
    scheme = index.settings.get("scheme_found")
    found = survey_split(directory, index, split)
    for name in found.unknown_features:
        what = f"the token feature {name} is left out: train lacks some of its values, so the shards do not have them"
        problems.warn("features_left_out", f"{directory}: {split}", what)
    options = WriteOptions(
        index.entity_types,
        scheme if scheme in ALL_SCHEMES else "bio",
        found.has_spaces,
        found.features,
        found.has_ids,
        found.has_documents,
        has_own_tokens=not index.has_text,
        as_in_source=True,
    )
    return _Input(read_ordered(directory, index, split, found.features), options, f"{split} of shards")


def _report_left_out(to: OutputFormat, options: WriteOptions, done: Counter[str], out: str, problems: Problems) -> None:
    """Warn of what the format has no place for."""
    if to.holds_features is not None:
        for name in options.features:
            if name not in to.holds_features:
                what = f"{to.name} has no place for the token feature {name}; it is left out"
                problems.warn("features_left_out", out, what, done["tokens"])
    if not to.holds_ids and done["ids"]:
        what = f"{to.name} has no place for the ids of sentences; {done['ids']:,} are left out"
        problems.warn("ids_left_out", out, what, done["ids"])


def _check_output(to: OutputFormat, target: Target, options: WriteOptions) -> None:
    """Raise SettingsError for what cannot be written in this format."""
    if target.scheme is not None and not to.has_tags:
        what = "--text" if target.as_text else f"--to {to.name}"
        raise SettingsError(f"--scheme {target.scheme} is for tags, and {what} writes entities by their places")
    reserved = RESERVED & set(options.features)
    if reserved and to.holds_features is None:
        raise SettingsError(f"a token feature cannot be called {min(reserved)} in OUT; choose another name")


def convert(
    source: Path | list[SourceFile],
    target: Target,
    settings: Settings,
    split: str | None,
    problems: Problems,
    progress: Progress | None = None,
) -> Converted:
    """Write the sentences of corpus files, or of a split of a shard set, to `target`.

    source: files, or a path of a file or a shard set.

    `progress` is called with the number of bytes just read, in total twice the file's size; for shards, with the number
    of tokens just written. What the format of the output has no place for is a warning.

    Raises CorpusError listing what is wrong with the corpus or cannot be written in this format, OutputError for an
    output that must not be replaced, SettingsError and ShardError otherwise; the output is then unchanged.
    """
    to = _output_format(target)
    if target.out != STDOUT and Path(target.out).is_dir():
        raise OutputError(f"{target.out} is a directory, expected a file")
    directory = source if isinstance(source, Path) and source.is_dir() else None
    files = [SourceFile(source)] if isinstance(source, Path) else source
    if target.out != STDOUT and any(Path(target.out).resolve() == file.path.resolve() for file in files):
        raise OutputError(f"{target.out} is the input; choose another output")
    if directory is not None:
        found = _open_shards(directory, split, problems)
    elif split is not None:
        raise SettingsError(f"--split is for shard sets; {files[0]} is none")
    else:
        found = _open_files(files, to, settings, problems, progress)
    options = found.options._replace(scheme=target.scheme or found.options.scheme)
    _check_output(to, target, options)
    done: Counter[str] = Counter()
    with whole_output(target.out) as file:
        writer = to.open(file, options, problems)
        for block in found.blocks:
            writer.write(block)
            _count(block, done)
            if directory is not None and progress is not None:
                progress(len(block.text_M))
        writer.close()
        problems.raise_errors()
    _report_left_out(to, options, done, target.out, problems)
    written = f"{to.name}, {options.scheme if to.has_tags else 'text and spans'}"
    return Converted(done["sentences"], done["tokens"], done["entities"], f"{found.description} -> {written}")


def _count(block: TaggedSentences, done: Counter[str]) -> None:
    done["sentences"] += len(block.length_N)
    done["tokens"] += len(block.text_M)
    # An entity begins at each B and U.
    done["entities"] += int(np.isin(block.tag_M[block.tag_M > 0] % 4, (1, 0)).sum())
    done["ids"] += sum(bool(origin.record) for origin in block.origins or ())
