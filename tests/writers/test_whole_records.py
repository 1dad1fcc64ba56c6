"""Sentences are put together again to the texts that they were cut from."""

from __future__ import annotations

import numpy as np

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.sentences.record import Origin, Span
from data_prep.writers.output_format import WriteOptions
from data_prep.writers.whole_records import RecordAssembler, WholeRecord

# Two sentences of a text, and another text.
ORIGINS = [
    Origin("r", "d", "ab. ", 0, (0, 2), (Span(0, 2, "X"),)),
    Origin("r", "d", "c\n", 4, (4,), (Span(4, 5, "X"),)),
    Origin("s", "d", "e", 0, (0,), ()),
]
TOKENS = [["ab", "."], ["c"], ["e"]]


def block(*places: int) -> TaggedSentences:
    tokens = [token for place in places for token in TOKENS[place]]
    tag_M = np.array([4 if token in ("ab", "c") else 0 for token in tokens])
    length_N = np.array([len(TOKENS[place]) for place in places])
    numbers = np.arange(len(tokens))
    document_N = np.ones(len(places), np.int32)
    origins = [ORIGINS[place] for place in places]
    return TaggedSentences(tokens, tag_M, {}, length_N, "f:", numbers, document_N, origins)


def records(problems: Problems, *blocks: TaggedSentences, as_in_source: bool = True) -> list[WholeRecord]:
    assembler = RecordAssembler(WriteOptions(["X"], "bio", as_in_source=as_in_source), problems)
    return [record for block in blocks for record in assembler.add(block)] + list(assembler.close())


def test_a_record_may_lie_in_two_blocks() -> None:
    for as_in_source in (False, True):
        problems = Problems()
        first, second = records(problems, block(0), block(1, 2), as_in_source=as_in_source)
        assert (first.text, first.tokens, first.starts, first.sentence_starts) == (
            "ab. c\n",
            ["ab", ".", "c"],
            [0, 2, 4],
            [0, 2],
        )
        assert first.spans == [Span(0, 2, "X"), Span(4, 5, "X")]
        assert (first.id, second.id, second.text, second.spans) == ("r", "s", "e", [])
        assert not problems.warnings


def test_a_part_whose_beginning_is_elsewhere_is_a_text_and_said() -> None:
    problems = Problems()
    (record,) = records(problems, block(1))
    assert (record.text, record.starts, record.spans) == ("c\n", [0], [Span(0, 1, "X")])
    assert problems.warning_lines == [
        "f:0: warning: the text before character 4 of record 'r' is not here; the rest is one"
    ]


def test_a_text_of_several_sentences_is_its_own_document_without_saying_so() -> None:
    given = block(0, 1, 2)
    own = [origin._replace(document=origin.record) for origin in given.origins or []]
    first, second = records(Problems(), given._replace(origins=own))
    assert (first.document, second.document) == ("", "s")
