"""Corpus files -> blocks of sentences as text and BILOU ids, for `convert` and `stats`.

Each file is read twice: once to survey its tags (scheme and entity types), once for its sentences.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from data_prep.cutting.cutter import Cutter
from data_prep.dirt.policies import FAIL
from data_prep.formats.read_corpus import read_corpus
from data_prep.passes.blank_tokens import blank_places, remaining, report_blank_tokens
from data_prep.passes.repair_tags import NONE, to_bilou
from data_prep.passes.tag_collector import Scheme, SourceTags, TagCollector, describe_schemes
from data_prep.problems import Problems
from data_prep.sentences.block import SentenceIds, TaggedSentences
from data_prep.sentences.record import Origin
from data_prep.sentences.string_ids import CorpusStrings, FeatureStrings, StringIds
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile
from data_prep.sources.text_source import Progress
from ner_dist.contract.visible_text import is_blank_text

# Sentences of which nothing is known follow one another.
_origin = lru_cache(maxsize=1)(Origin.from_bytes)


class TagSurvey(NamedTuple):
    """What must be known about files before their first sentence can be interpreted."""

    # Of all files, in words.
    scheme: Scheme
    tags: TagCollector
    # What the tags of each file mean.
    by_file: dict[SourceFile, SourceTags]
    # How texts are cut.
    cutter: Cutter
    # Names of the token features.
    features: tuple[str, ...]
    # Whether some token, value of a feature or type is empty or contains a space; whether some sentence has an id, or a
    # document.
    has_spaces: bool
    has_ids: bool
    has_documents: bool


def survey_tags(
    files: list[SourceFile],
    settings: Settings,
    option: str,
    problems: Problems,
    progress: Progress | None = None,
    splits: Sequence[str] | None = None,
) -> TagSurvey:
    """Read files that belong together, to learn about their tags.

    option: the one that sets the tag scheme, for messages. splits: the split of each file. Raises CorpusError if a
    scheme is not clear, or a file has no sentences. Invalid lines are not reported here: read_tagged does.
    """
    ignored = Problems()
    tags, has_spaces, has_ids, has_documents = TagCollector(), False, False, False
    features, cutter = FeatureStrings(), Cutter(settings.tokenizer, settings.language)
    for source_id, file in enumerate(files):
        tokens, num_sentences = StringIds(), 0
        strings = CorpusStrings(tokens, tags.ids, features)
        for block in read_corpus(file, settings.read_options, ignored, strings, cutter, progress):
            tags.add(block, source_id)
            num_sentences += len(block.length_N)
            has_documents = has_documents or bool(block.document_N.any())
            has_ids = has_ids or any(_origin(origin).record for origin in block.origins or ())
            for ids in (tokens, *features.values()):
                _, new = ids.take_new()
                has_spaces = has_spaces or any(not text or " " in text for text in new)
                ids.evict()
        if not num_sentences and not ignored.num_errors:
            problems.error(str(file), "the file holds no sentences", "no_sentences")
    names = [str(file) for file in files]
    found = tags.choose_schemes(names, settings, option, problems, not ignored.num_errors, splits)
    problems.raise_errors()
    has_spaces = has_spaces or any(" " in name for name in tags.entity_types)
    return TagSurvey(
        describe_schemes(names, found),
        tags,
        dict(zip(files, found)),
        cutter,
        tuple(features),
        has_spaces,
        has_ids,
        has_documents,
    )


def read_tagged(
    file: SourceFile, settings: Settings, found: TagSurvey, problems: Problems, progress: Progress | None = None
) -> Iterator[TaggedSentences]:
    """The sentences of a surveyed file; whatever is wrong with them goes to `problems`, worded as in `build`.

    Raises CorpusError if the whole file is unreadable.
    """
    tokens, features, where = StringIds(), FeatureStrings(), f"{file}:"
    blank: dict[int, str] = {}
    strings = CorpusStrings(tokens, found.tags.ids, features)
    for block in read_corpus(file, settings.read_options, problems, strings, found.cutter, progress):
        if not len(block.length_N):
            continue
        first_id, new = tokens.take_new()
        blank.update((token_id, text) for token_id, text in enumerate(new, first_id) if is_blank_text(text))
        report_blank_tokens(block, blank, str(file), settings.policies, problems)
        block, tag_M = _tagged(block, blank, str(file), found.by_file[file], settings, problems)
        texts = tokens.strings(block.token_M)
        values = {name: ids.strings(feature_M) for (name, ids), feature_M in zip(features.items(), block.feature_FM)}
        origins = None if block.origins is None else list(map(_origin, block.origins))
        yield TaggedSentences(texts, tag_M, values, block.length_N, where, block.line_M, block.document_N, origins)
        for ids in (tokens, *features.values()):
            ids.evict()


def _tagged(
    block: SentenceIds, blank: dict[int, str], path: str, tags: SourceTags, settings: Settings, problems: Problems
) -> tuple[SentenceIds, np.ndarray]:
    """The block without blank tokens, if they are to be dropped, and its BILOU ids."""
    place_P = NONE
    if settings.policies.on_blank_token != FAIL and np.isin(block.token_M, list(blank)).any():
        origins = None if block.origins is None else list(map(_origin, block.origins))
        place_P = blank_places(block, blank, origins)
    tag_M = to_bilou(block, path, tags, settings, problems, place_P)
    if not len(place_P):
        return block, tag_M
    kept_M, sentence_N, length_N = remaining(block.length_N, place_P)
    return block._replace(
        token_M=block.token_M[kept_M],
        line_M=block.line_M[kept_M],
        feature_FM=[feature_M[kept_M] for feature_M in block.feature_FM],
        length_N=length_N,
        document_N=block.document_N[sentence_N] if len(block.document_N) else block.document_N,
        origins=None if block.origins is None else [block.origins[i] for i in sentence_N.tolist()],
    ), tag_M
