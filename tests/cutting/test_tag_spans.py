"""Entities of tag strings of any scheme, as the CoNLL scorer reads them, by characters."""

from __future__ import annotations

import pytest

from data_prep.cutting.align_spans import TokenPlaces
from data_prep.cutting.tag_spans import spans_of_tags
from data_prep.sentences.record import Span

# Tokens of two characters with a space after each.
PLACES = TokenPlaces([0, 3, 6, 9], [2, 5, 8, 11])


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O O O O", []),
        ("B-A I-A O B-A", [(0, 5, "A"), (9, 11, "A")]),
        # A beginning ends the entity before it, and so does another type.
        ("B-A B-A I-B I-B", [(0, 2, "A"), (3, 5, "A"), (6, 11, "B")]),
        # Broken: what continues nothing begins an entity.
        ("I-A I-A O I-B", [(0, 5, "A"), (9, 11, "B")]),
        # What has ended does not go on, in BILOU as in BIOES.
        ("B-A L-A I-A I-A", [(0, 5, "A"), (6, 11, "A")]),
        ("U-A I-A O S-A", [(0, 2, "A"), (3, 5, "A"), (9, 11, "A")]),
        ("B-A E-A W-A I-A", [(0, 5, "A"), (6, 8, "A"), (9, 11, "A")]),
        # Types without letters: equal neighbours are one entity.
        ("PER PER O LOC", [(0, 5, "PER"), (9, 11, "LOC")]),
        ("PER O PER PER", [(0, 2, "PER"), (6, 11, "PER")]),
    ],
)
def test_entities_begin_and_end_as_the_conll_scorer_says(tags: str, expected: list[tuple[int, int, str]]) -> None:
    assert spans_of_tags(tags.split(), PLACES) == [Span(*span) for span in expected]
