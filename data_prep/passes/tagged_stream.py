"""Corpus files -> blocks of sentences as text and BILOU ids: what is converted and what statistics are made of.

A file is gone through twice: once for its tag scheme and its types (survey), once for its sentences (read_tagged).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.formats import tag_strings, text_source
from data_prep.formats.block import Tagged, starts_mask
from data_prep.formats.numbering import Numbering, Recent, Strings
from data_prep.formats.read_corpus import format_and_encoding, read_corpus
from data_prep.formats.text_source import Progress
from data_prep.passes.read_pass import MAX_TYPES
from data_prep.passes.repair_tags import Mender
from data_prep.problems import Problems
from data_prep.settings import Settings


class Survey(NamedTuple):
    """What must be known of files before their first sentence can be told."""

    scheme: tag_strings.Scheme
    tag_names: Numbering
    table: tag_strings.TagTable
    # Whether some token, part of speech or type has a space in it, or is empty.
    spaced: bool


def survey(
    paths: list[Path], settings: Settings, option: str, problems: Problems, progress: Progress | None = None
) -> Survey:
    """Read files that belong together for what their tags are.

    Raises CorpusError if their scheme cannot be told; `option` is then what the user should name it with. What is
    wrong with single lines is left for read_tagged to tell.
    """
    unheard = Problems()
    names, table, pairs, spaced = Numbering(), tag_strings.tag_table([]), np.zeros((5, 5, 2), np.int64), False
    for path in paths:
        tokens, pos, num_sentences = Recent(), Recent(), 0
        for block in read_corpus(path, settings, unheard, Strings(tokens, names, pos), progress):
            if len(names) > len(table.prefix_K):
                table = tag_strings.tag_table(list(names))
            starts_M = starts_mask(block.length_N)
            pairs += tag_strings.count_pairs(table.prefix_K[block.tag_M], table.type_K[block.tag_M], starts_M)
            num_sentences += len(block.length_N)
            for numbering in (tokens, pos):
                spaced = any(not text or " " in text for text in numbering.news()) or spaced
                numbering.forget()
        if not num_sentences and not unheard.num_errors:
            problems.error(str(path), "the file holds no sentences")
    if len(table.entity_types) > MAX_TYPES:
        found = f"{len(table.entity_types):,} entity types, such as {table.entity_types[0]!r}"
        problems.error(str(paths[0]), f"{found}; is this the column of the tags?")
    scheme = _scheme(paths, settings, pairs, table)
    if not scheme.clear and not unheard.num_errors:
        problems.error(str(paths[0]), f"the tag scheme is not clear ({scheme.evidence}); pass {option}")
    problems.raise_errors()
    return Survey(scheme, names, table, spaced or any(" " in name for name in table.entity_types))


def _scheme(
    paths: list[Path], settings: Settings, pairs: np.ndarray, table: tag_strings.TagTable
) -> tag_strings.Scheme:
    if settings.scheme != "auto":
        return tag_strings.Scheme(settings.scheme, "as you said", clear=True)
    if all(_has_spans(path, settings) for path in paths):
        return tag_strings.Scheme("bio", "entities are given as spans", clear=True)
    return tag_strings.detect_scheme(pairs, table.letters)


def _has_spans(path: Path, settings: Settings) -> bool:
    """Whether the first line of a file is a JSON record without tags: its entities are read as BIO, whatever else."""
    name, encoding = format_and_encoding(path, settings)
    if name != "jsonl":
        return False
    try:
        return "tags" not in json.loads(text_source.head(path).decode(encoding, "ignore").lstrip().split("\n")[0])
    except ValueError:
        # Broken, or longer than what was looked at: its tags will tell.
        return False


def read_tagged(
    path: Path, settings: Settings, found: Survey, problems: Problems, progress: Progress | None = None
) -> Iterator[Tagged]:
    """The sentences of a file that was surveyed; all that is wrong with them goes to `problems`, as `build` tells it.

    Raises CorpusError for what makes the whole file unreadable.
    """
    tokens, pos = Recent(), Recent()
    malformed = [number for number, name in enumerate(found.tag_names) if not tag_strings.is_well_formed(name)]
    names = list(found.tag_names) if malformed else []
    for block in read_corpus(path, settings, problems, Strings(tokens, found.tag_names, pos), progress):
        texts, where = tokens.spelled(block.token_M), f"{path}:"
        for i in np.flatnonzero(np.isin(block.tag_M, malformed)) if malformed else ():
            what = f"tag {names[block.tag_M[i]]!r} is neither O nor one of B I E L S U, a hyphen and a type"
            problems.error(f"{where}{block.line_M[i]}", what)
        for i, text in enumerate(texts):
            if not text or text.isspace():
                what = repr(text) if text else "nothing at all"
                problems.error(f"{where}{block.line_M[i]}", f"the token is {what}: empty or only white space")
        mender = Mender(path, block.line_M, settings, problems)
        tag_M = mender.to_bilou(block.tag_M, starts_mask(block.length_N), found.table, found.scheme.name)
        yield Tagged(texts, tag_M, pos.spelled(block.pos_M), block.length_N, where, block.line_M)
        tokens.forget()
        pos.forget()
