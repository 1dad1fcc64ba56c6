"""The sentences of all files that are free of errors: what taggers are trained on and compared with."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from data_prep.passes.tagged_stream import TagSurvey, read_tagged, survey_tags
from data_prep.problems import Finding, Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.sentences.record import NO_ORIGIN, Origin
from data_prep.settings import Settings
from data_prep.sources.source_files import Sources
from data_prep.sources.text_source import Progress
from data_prep.writers.output_format import document_numbers
from data_prep.writers.whole_records import TokenSpan, sentence_entities
from ner_dist.contract.tag_schemes import ALL_SCHEMES
from ner_dist.contract.visible_text import is_blank_text


class PooledSentence(NamedTuple):
    """A sentence of the corpus, and where it is from."""

    # Number of the source.
    source: int
    tokens: list[str]
    gold: list[TokenSpan]
    # Line of each token, or number of the record.
    lines: list[int]
    # Number of its document in the source; 0: none.
    document: int
    origin: Origin


class Pool(NamedTuple):
    # In the order of the files. Sentences with errors are there, too: they may be parts of a record's text.
    sentences: list[PooledSentence]
    # Numbers of those that can be used.
    usable: list[int]
    # Of each source: its name, and the scheme of its tags.
    names: list[str]
    schemes: list[str]
    entity_types: list[str]


def read_pool(sources: Sources, settings: Settings, progress: Progress | None = None) -> Pool:
    """Read all files, whatever their split; what is wrong with them is not reported, but left out.

    Raises CorpusError if a tag scheme is not clear, or a whole file is unreadable.
    """
    errors: dict[str, set[int]] = defaultdict(set)

    def note(finding: Finding) -> None:
        place, _, line = finding.place.rpartition(":")
        if finding.is_error and line.isdigit():
            errors[place].add(int(line))

    files = [file for _, file in sources]
    found = survey_tags(files, settings, "--scheme", Problems(), progress)
    pool = Pool([], [], [str(file) for file in files], _schemes(found), found.tags.entity_types)
    for source, file in enumerate(files):
        problems, first = Problems(note), len(pool.sentences)
        for block in read_tagged(file, settings, found, problems, progress):
            pool.sentences.extend(_sentences(source, block, pool.entity_types))
        sentences = pool.sentences[first:]
        faulty = _faulty(sentences, errors[str(file)])
        pool.usable.extend(
            number
            for number, sentence in enumerate(sentences, first)
            if sentence.lines[0] not in faulty and _is_encodable(sentence.tokens, settings)
        )
    return pool


def _schemes(found: TagSurvey) -> list[str]:
    names = (tags.scheme.name for tags in found.by_file.values())
    return [name if name in ALL_SCHEMES else "bio" for name in names]


def _sentences(source: int, block: TaggedSentences, entity_types: list[str]) -> list[PooledSentence]:
    entities, numbers = sentence_entities(block, entity_types), document_numbers(block).tolist()
    origins = block.origins or [NO_ORIGIN] * len(numbers)
    return [
        PooledSentence(source, block.text_M[place], gold, block.number_M[place].tolist(), number, origin)
        for place, gold, number, origin in zip(block.sentence_slices(), entities, numbers, origins)
    ]


def _faulty(sentences: list[PooledSentence], errors: set[int]) -> set[int]:
    """The first lines of those sentences that an error may concern."""
    if all(sentence.lines[0] == sentence.lines[-1] for sentence in sentences):
        # Records, of which those that cannot be read are no sentences.
        return errors
    # A line that could not be read is missing in the sentence before it or, as its first one, in that after it.
    first_N = np.unique([sentence.lines[0] for sentence in sentences])
    line_E = np.array(sorted(errors), np.int64)
    before_E = np.searchsorted(first_N, line_E, side="right") - 1
    return {*first_N[before_E[before_E >= 0]].tolist(), *(line_E + 1).tolist()}


def _is_encodable(tokens: list[str], settings: Settings) -> bool:
    """Whether shards can hold the sentence as it is; `check` says what to do about the others."""
    limit = settings.max_chars if settings.on_long_word == "fail" else np.inf
    return len(tokens) <= settings.max_tokens and all(
        len(token) <= limit and not is_blank_text(token) for token in tokens
    )
