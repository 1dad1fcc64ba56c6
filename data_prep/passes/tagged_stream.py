"""Corpus files -> blocks of sentences as text and BILOU ids, for `convert` and `stats`.

Each file is read twice: once to survey its tags (scheme and entity types), once for its sentences.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from data_prep.formats.block import TaggedSentences
from data_prep.formats.read_corpus import read_corpus
from data_prep.formats.string_ids import CorpusStrings, StringIds
from data_prep.formats.tag_strings import Scheme
from data_prep.formats.text_source import Progress
from data_prep.passes.read_pass import report_blank_token
from data_prep.passes.repair_tags import to_bilou
from data_prep.passes.tag_collector import TagCollector
from data_prep.problems import Problems
from data_prep.settings import Settings


class TagSurvey(NamedTuple):
    """What must be known about files before their first sentence can be interpreted."""

    scheme: Scheme
    tags: TagCollector
    # Whether some token, part of speech or type is empty or contains a space.
    has_spaces: bool


def survey_tags(
    paths: list[Path], settings: Settings, option: str, problems: Problems, progress: Progress | None = None
) -> TagSurvey:
    """Read files that belong together, to learn about their tags.

    option: the one that sets the tag scheme, for messages. Raises CorpusError if the scheme is not clear, or a file
    has no sentences. Invalid lines are not reported here: read_tagged does.
    """
    ignored = Problems()
    tags, has_spaces = TagCollector(), False
    for path in paths:
        tokens, pos, num_sentences = StringIds(), StringIds(), 0
        for block in read_corpus(path, settings.read_options, ignored, CorpusStrings(tokens, tags.ids, pos), progress):
            tags.add(block)
            num_sentences += len(block.length_N)
            for ids in (tokens, pos):
                _, new = ids.take_new()
                has_spaces = has_spaces or any(not text or " " in text for text in new)
                ids.evict()
        if not num_sentences and not ignored.num_errors:
            problems.error(str(path), "the file holds no sentences")
    tags.report_many_types(paths[0], problems)
    scheme = tags.choose_scheme(settings, option, paths[0], problems, report=not ignored.num_errors)
    problems.raise_errors()
    return TagSurvey(scheme, tags, has_spaces or any(" " in name for name in tags.table.entity_types))


def read_tagged(
    path: Path, settings: Settings, found: TagSurvey, problems: Problems, progress: Progress | None = None
) -> Iterator[TaggedSentences]:
    """The sentences of a surveyed file; whatever is wrong with them goes to `problems`, worded as in `build`.

    Raises CorpusError if the whole file is unreadable.
    """
    tokens, pos, where = StringIds(), StringIds(), f"{path}:"
    for block in read_corpus(
        path, settings.read_options, problems, CorpusStrings(tokens, found.tags.ids, pos), progress
    ):
        found.tags.report_malformed(block, path, problems)
        texts = tokens.strings(block.token_M)
        for i in (i for i, text in enumerate(texts) if not text or text.isspace()):
            report_blank_token(texts[i], f"{where}{block.line_M[i]}", problems)
        tag_M = to_bilou(block, path, found.tags.table, found.scheme.name, settings, problems)
        yield TaggedSentences(texts, tag_M, pos.strings(block.pos_M), block.length_N, where, block.line_M)
        tokens.evict()
        pos.evict()
