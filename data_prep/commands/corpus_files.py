"""The options that name the files of a corpus, and that of the list of findings; several commands share them."""

from __future__ import annotations

import dataclasses
from typing import Optional

from data_prep.formats.find_sources import expand_splits
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.sources.source_files import Sources
from ner_dist.cli.options import option


@dataclasses.dataclass(frozen=True)
class SplitFiles:
    """The corpus files of the splits."""

    train: tuple[str, ...] = option((), metavar="FILE", stores=True)
    """training corpus: files, folders of files, patterns such as 'data/*.conll', or - for stdin; also compressed, and
    archives or files in them such as corpus.zip/train.conll; addresses of all of them in object stores, such as
    s3://bucket/data/*.conll"""
    dev: tuple[str, ...] = option((), metavar="FILE", stores=True)
    """development corpus"""
    test: tuple[str, ...] = option((), metavar="FILE", stores=True)
    """test corpus"""

    def sources(self, settings: Settings, problems: Problems) -> Sources:
        """Raises CorpusError if there is no such file, or if it is not clear which are meant."""
        return expand_splits(
            {split: names for split, names in vars(self).items() if names}, settings.read_options, problems
        )


@dataclasses.dataclass(frozen=True)
class CorpusFiles(SplitFiles):
    """The corpus files of the splits, or those that are to be split."""

    train: tuple[str, ...] = option(metavar="FILE", stores=True)
    """training corpus: files, folders of files, patterns such as 'data/*.conll', or - for stdin; also compressed, and
    archives or files in them such as corpus.zip/train.conll; addresses of all of them in object stores, such as
    s3://bucket/data/*.conll; without --dev and --test it is split"""


@dataclasses.dataclass(frozen=True)
class BuildFiles(SplitFiles):
    """The corpus files of the splits of a shard set, or those that are to be split."""

    train: tuple[str, ...] = option((), metavar="FILE", stores=True)
    """training corpus: files, folders of files, patterns such as 'data/*.conll', or - for stdin; also compressed, and
    archives or files in them such as corpus.zip/train.conll; addresses of all of them in object stores, such as
    s3://bucket/data/*.conll; without --dev and --test it is split; only with --like it
    may be left out"""


@dataclasses.dataclass(frozen=True)
class ListOption:
    """Where all findings are written."""

    name: Optional[str] = option(None, names=("--list",), metavar="FILE", stores=True)
    """write all findings to FILE, or - for stdout: JSON lines with document, place, kind, level, number, message,
    suggestion and, where it is known, the sentence as it would be after the suggestion in text, entities and tokens,
    which convert and annotation tools read; it is written also if the corpus cannot be used"""
