"""Blocks of tagged sentences -> text in a corpus format: CoNLL columns, JSON lines, or Kaggle's CSV.

What a format cannot hold so that it is read back as it was is reported to `problems`, with the token's place.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterator

import numpy as np

from data_prep.formats.block import Tagged, starts_mask
from data_prep.formats.conll import DOCUMENT_MARK
from data_prep.formats.kaggle import POS, SENTENCE, TAG, WORD
from data_prep.problems import Problems
from ner_dist.contract import tag_schemes

# The text of a block, and of what stands before the first.
Writer = Callable[[Tagged], str]
# How each scheme spells B, I, L and U; IOB1 also where an entity follows another one of its type.
LETTERS = {"bio": "BIIB", "iob1": "IIII", "bioes": "BIES", "bilou": "BILU"}
LETTERS_AFTER_ITS_LIKE = {**LETTERS, "iob1": "BIIB"}


def tag_strings(tag_M: np.ndarray, starts_M: np.ndarray, entity_types: list[str], scheme: str) -> list[str]:
    """BILOU ids, of sentences that begin where starts_M says, as the tags of a scheme."""

    def names(letters: str) -> list[str]:
        return ["O", *(f"{letter}-{entity_type}" for entity_type in entity_types for letter in letters)]

    prefix_M, type_M = tag_schemes.split_ids(tag_M)
    before_M = np.roll(prefix_M, 1)
    after_its_like_M = (
        ~starts_M & ((before_M == tag_schemes.L) | (before_M == tag_schemes.U)) & (np.roll(type_M, 1) == type_M)
    )
    table = names(LETTERS[scheme]) + names(LETTERS_AFTER_ITS_LIKE[scheme])
    place_M = tag_M.astype(np.int64) + after_its_like_M * (1 + 4 * len(entity_types))
    return [table[place] for place in place_M.tolist()]


def sentences(block: Tagged) -> Iterator[slice]:
    """Where the tokens of each sentence are."""
    end = 0
    for length in block.length_N.tolist():
        begin, end = end, end + length
        yield slice(begin, end)


def _checker(forbidden: str, entity_types: list[str], problems: Problems) -> Callable[[Tagged], None]:
    """Reports what in a block holds one of the characters that part lines or columns, and types that show as nothing.

    A type is told at the first token of each block that has it.
    """
    bad_types = [name for name in entity_types if not name.strip() or any(char in name for char in forbidden)]
    bad_ids = [entity_types.index(name) for name in bad_types]
    advice = "which would part lines or columns; write jsonl instead"

    def check(block: Tagged) -> None:
        for name, values in (("token", block.text_M), ("part of speech", block.pos_M)):
            # One look at all of them: they hardly ever do.
            joined = "".join(values)
            for char in (char for char in forbidden if char in joined):
                for i in (i for i, value in enumerate(values) if char in value):
                    problems.error(block.where(i), f"{name} {values[i][:30]!r} holds {char!r}, {advice}")
        if bad_ids:
            _, type_M = tag_schemes.split_ids(block.tag_M)
            for type_id in bad_ids:
                for i in np.flatnonzero(type_M == type_id)[:1]:
                    problems.error(block.where(int(i)), f"entity type {entity_types[type_id]!r} cannot be written so")

    return check


def conll_writer(entity_types: list[str], scheme: str, spaced: bool, problems: Problems) -> Writer:
    """Columns token, part of speech if there is one, tag; parted by a space, or by tabs if `spaced`."""
    check = _checker("\t\n\r", entity_types, problems)
    separator, begun = "\t" if spaced else " ", False

    def check_document_marks(block: Tagged) -> None:
        for place in sentences(block):
            for i in (i for i in range(place.start, place.stop) if block.text_M[i].startswith(DOCUMENT_MARK)):
                what = f"token {block.text_M[i][:30]!r} begins with {DOCUMENT_MARK}"
                if place.stop - place.start == 1 and not block.tag_M[i]:
                    problems.warn("document_marks", block.where(i), f"{what}: readers pass over such a line")
                else:
                    problems.error(block.where(i), f"{what}, so its line would be passed over; write jsonl instead")

    def write(block: Tagged) -> str:
        nonlocal begun
        check(block)
        if DOCUMENT_MARK in "".join(block.text_M):
            check_document_marks(block)
        tag_M = tag_strings(block.tag_M, starts_mask(block.length_N), entity_types, scheme)
        columns = [block.text_M, block.pos_M, tag_M] if block.pos_M else [block.text_M, tag_M]
        lines = list(map(separator.join, zip(*columns)))
        text = "".join("\n".join(lines[place]) + "\n\n" for place in sentences(block))
        # A token's own byte-order mark would be taken for the file's.
        mark = "\ufeff" if not begun and text.startswith("\ufeff") else ""
        begun = begun or bool(text)
        return mark + text

    return write


def kaggle_writer(entity_types: list[str], scheme: str, problems: Problems) -> Writer:
    """Rows of CSV; a byte-order mark says that they are UTF-8, where readers of this format expect cp1252."""
    check = _checker("\n\r", entity_types, problems)
    number = 0

    def write(block: Tagged) -> str:
        nonlocal number
        if not len(block.length_N):
            # It does not tell whether there are parts of speech, so the head must wait.
            return ""
        check(block)
        file = io.StringIO()
        rows = csv.writer(file, lineterminator="\n")
        tag_M = tag_strings(block.tag_M, starts_mask(block.length_N), entity_types, scheme)
        if not number:
            file.write("\ufeff")
            rows.writerow([SENTENCE, WORD, *([POS] if block.pos_M else []), TAG])
        for place in sentences(block):
            number += 1
            labels = itertools.chain([f"Sentence: {number}"], itertools.repeat(""))
            fields = (block.text_M[place], block.pos_M[place], tag_M[place])
            rows.writerows(zip(labels, *(values for values in fields if values)))
        return file.getvalue()

    return write


def _entities(block: Tagged, entity_types: list[str]) -> list[list[list[int | str]]]:
    """[begin, end, type] of each sentence's entities, in characters of its tokens parted by one space each."""
    starts_M = starts_mask(block.length_N)
    chars_M = np.fromiter(map(len, block.text_M), np.int64, len(block.text_M))
    begin_M = np.cumsum(chars_M + 1) - chars_M - 1
    begin_M -= np.repeat(begin_M[starts_M], block.length_N)
    found = tag_schemes.entity_spans(*tag_schemes.split_ids(block.tag_M), starts_M)
    sentence_E = np.cumsum(starts_M)[found.start_E] - 1
    last_E = found.end_E - 1
    columns = (sentence_E, begin_M[found.start_E], begin_M[last_E] + chars_M[last_E], found.type_E)
    entities: list[list[list[int | str]]] = [[] for _ in block.length_N]
    for sentence, begin, end, type_id in zip(*(column.tolist() for column in columns)):
        entities[sentence].append([begin, end, entity_types[type_id]])
    return entities


def jsonl_writer(entity_types: list[str], scheme: str, as_text: bool, problems: Problems) -> Writer:
    """A record a line: tokens, tags and parts of speech; as_text: text, tokens and the entities' characters in it."""
    check = _checker("", entity_types, problems)

    def write(block: Tagged) -> str:
        check(block)
        if as_text:
            entities = _entities(block, entity_types)
        else:
            tag_M = tag_strings(block.tag_M, starts_mask(block.length_N), entity_types, scheme)
        lines = []
        for number, place in enumerate(sentences(block)):
            texts = block.text_M[place]
            record: dict[str, object] = {"text": " ".join(texts)} if as_text else {}
            record["tokens"] = texts
            record.update({"entities": entities[number]} if as_text else {"tags": tag_M[place]})
            if block.pos_M:
                record["pos"] = block.pos_M[place]
            lines.append(json.dumps(record, ensure_ascii=False) + "\n")
        return "".join(lines)

    return write
