"""The tag scheme of a corpus is inferred from how its entities begin."""

from __future__ import annotations

import numpy as np
import pytest

from data_prep.formats.block import starts_mask
from data_prep.formats.tag_strings import Scheme, count_pairs, detect_scheme, is_well_formed, tag_table


def detect(*sentences: str) -> Scheme:
    tags = [tag for sentence in sentences for tag in sentence.split()]
    names = list(dict.fromkeys(tags))
    table = tag_table(names)
    ids = np.array([names.index(tag) for tag in tags])
    starts = starts_mask(np.array([len(sentence.split()) for sentence in sentences]))
    return detect_scheme(count_pairs(table.prefix_K[ids], table.type_K[ids], starts), table.letters)


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        (("B-X I-X O B-Y", "B-X B-X"), "bio"),
        (("I-X I-X O I-Y I-X", "I-X B-X"), "iob1"),
        (("B-X O", "O B-Y"), "bio"),
        (("I-X O", "O I-Y"), "iob1"),
        (("S-X O B-X I-X E-X",), "bioes"),
        (("U-X O B-X I-X L-X",), "bilou"),
        (("B-X L-X",), "bilou"),
        # A few broken tags do not change the result.
        (("B-X I-X O B-Y", "B-X B-X", "O B-X", "B-Y I-Y", "O I-X"), "bio"),
    ],
)
def test_scheme_is_inferred_from_how_entities_begin(sentences: tuple[str, ...], expected: str) -> None:
    scheme = detect(*sentences)
    assert (scheme.name, scheme.clear) == (expected, True)


def test_an_i_at_a_sentence_start_opens_an_entity_even_if_the_sentence_before_ended_in_its_type() -> None:
    assert detect("O I-X", "I-X I-X").evidence == "0 B- tags, 0 of them where IOB1 has I-; 2 entities begin with I-"


def test_an_even_mix_of_schemes_is_not_clear() -> None:
    scheme = detect("B-X O", "I-X O")
    assert not scheme.clear
    assert "1 B- tags, 1 of them where IOB1 has I-; 1 entities begin with I-" in scheme.evidence


@pytest.mark.parametrize("tag", ["O", "B-X", "I-a-b", "E-geo", "S-1", "U-x", "L-y"])
def test_well_formed_tags(tag: str) -> None:
    assert is_well_formed(tag)


@pytest.mark.parametrize("tag", ["", "X", "o", "B", "B-", "NNP", "M-X", "b-X", "PER", "O ", "OO"])
def test_malformed_tags(tag: str) -> None:
    assert not is_well_formed(tag)


def test_types_are_ordered_by_name() -> None:
    table = tag_table(["I-b", "O", "B-a", "nonsense"])
    assert table.entity_types == ["a", "b"]
    assert table.type_K.tolist() == [1, -1, 0, -1]
