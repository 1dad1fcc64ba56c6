"""Tags and entities: against seqeval, the CoNLL-2003 scorer's rules and the schemes' definitions, in plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOBES, Entities
from tag_sequences import (
    TYPES,
    Entity,
    Tag,
    all_sentences,
    arrays,
    conll_entities,
    ids,
    sentences,
    starts,
    strings,
    valid_sentences,
)

from ner_dist.contract.tag_schemes import (
    Spans,
    allowed_transitions,
    bilou_tags,
    broken_tokens,
    entity_spans,
    spans_to_bilou,
    split_ids,
    strict_spans,
)

# Letters that a scheme uses, spelled as in BILOU.
LETTERS = {"bio": "OBI", "iob1": "OBI", "bioes": "OBILU", "bilou": "OBILU"}
# Every tag sequence of up to four tokens and two types, 7380 of them, end to end.
EVERY = all_sentences("OBILU", 2, 4)


def located(spans: Spans, tagged: list[list[Tag]]) -> list[Entity]:
    """Spans of concatenated sentences as positions within each sentence."""
    first = np.cumsum([0, *map(len, tagged)])
    found = []
    for start, end, type_id in zip(*(part.tolist() for part in spans)):
        sentence = int(np.searchsorted(first, start, side="right")) - 1
        found.append(Entity(sentence, start - int(first[sentence]), end - int(first[sentence]), TYPES[type_id]))
    return found


def seqeval_strict(tagged: list[list[Tag]], letters: str, scheme: type) -> set[Entity]:
    entities = Entities(strings(tagged, letters), scheme).entities
    return {Entity(e.sent_id, e.start, e.end, e.tag) for sentence in entities for e in sentence}


def written(tagged: list[list[Tag]], scheme: str) -> list[list[Tag]]:
    """The entities of the CoNLL reading, written in a scheme."""
    out = [[("O", "")] * len(tags) for tags in tagged]
    for sentence, start, end, name in sorted(conll_entities(tagged)):
        if scheme in ("bio", "iob1"):
            letters = "B" + "I" * (end - start - 1)
            # IOB1 spends a B only where two entities of one type touch.
            if scheme == "iob1" and (start == 0 or out[sentence][start - 1][1] != name):
                letters = "I" * (end - start)
        else:
            letters = "U" if end - start == 1 else "B" + "I" * (end - start - 2) + "L"
        out[sentence][start:end] = [(letter, name) for letter in letters]
    return out


def naive_broken(tagged: list[list[Tag]], scheme: str) -> list[bool]:
    broken = []
    for tags in tagged:
        for place, (letter, name) in enumerate(tags):
            before = tags[place - 1] if place else ("O", "")
            goes_on = before[0] in "BI" and before[1] == name
            if scheme == "bio":
                bad = letter in "LU" or (letter == "I" and not goes_on)
            elif scheme == "iob1":
                bad = letter in "LU" or (letter == "B" and not goes_on)
            else:
                must_go_on = before[0] in "BI"
                bad = must_go_on != (letter in "IL") or (must_go_on and not goes_on)
                bad = bad or (place == len(tags) - 1 and letter in "BI")
            broken.append(bad)
    return broken


def check_strict(tagged: list[list[Tag]]) -> None:
    found = located(strict_spans(*arrays(tagged)), tagged)
    assert len(found) == len(set(found))
    assert set(found) == seqeval_strict(tagged, "OBILU", BILOU)
    assert set(found) == seqeval_strict(tagged, "OBIES", IOBES)


def check_conll(tagged: list[list[Tag]]) -> None:
    found = located(entity_spans(*arrays(tagged)), tagged)
    assert found == sorted(found)
    assert set(found) == conll_entities(tagged)
    assert len(found) == len(set(found))
    spelled = strings(tagged, "OBIES")
    other = {
        Entity(i, start, end + 1, name) for i, tags in enumerate(spelled) for name, start, end in get_entities(tags)
    }
    assert set(found) == other


def test_strict_spans_of_every_short_sequence_are_those_of_seqeval() -> None:
    check_strict(EVERY)


@settings(max_examples=300)
@given(sentences() | valid_sentences())
@example([])
def test_strict_spans_are_those_of_seqeval(tagged: list[list[Tag]]) -> None:
    check_strict(tagged)


@pytest.mark.parametrize("letters", ["OBI", "OBILU"])
def test_entities_of_every_short_sequence_are_those_of_the_conll_scorer(letters: str) -> None:
    check_conll(EVERY if letters == "OBILU" else all_sentences("OBI", 2, 5))


@settings(max_examples=300)
@given(sentences() | valid_sentences() | sentences("OBI"))
@example([])
def test_entities_are_those_of_the_conll_scorer(tagged: list[list[Tag]]) -> None:
    check_conll(tagged)


@settings(max_examples=200)
@given(valid_sentences())
def test_on_valid_bilou_both_readings_agree_and_writing_them_gives_it_back(tagged: list[list[Tag]]) -> None:
    strict, lenient = strict_spans(*arrays(tagged)), entity_spans(*arrays(tagged))
    for one, other in zip(strict, lenient):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(spans_to_bilou(strict, sum(map(len, tagged))), ids(tagged))
    assert not broken_tokens(*arrays(tagged), "bilou").any()


@settings(max_examples=300)
@given(sentences() | sentences("OBI"))
@example(EVERY)
@example([])
def test_repaired_sequences_are_valid_and_have_the_same_entities(tagged: list[list[Tag]]) -> None:
    spans = entity_spans(*arrays(tagged))
    repaired = spans_to_bilou(spans, sum(map(len, tagged)))
    assert repaired.dtype == np.int64
    assert not broken_tokens(*split_ids(repaired), starts(tagged), "bilou").any()
    again = strict_spans(*split_ids(repaired), starts(tagged))
    for one, other in zip(spans, again):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(repaired, ids(written(tagged, "bilou")))


@pytest.mark.parametrize("scheme", ["bio", "iob1", "bioes", "bilou"])
def test_broken_tokens_of_every_short_sequence_are_those_of_a_plain_loop(scheme: str) -> None:
    broken = broken_tokens(*arrays(EVERY), scheme)
    assert broken.tolist() == naive_broken(EVERY, scheme)
    # By definition: a sentence is whole if and only if it is how its own entities are written.
    per_sentence = np.add.reduceat(broken, np.flatnonzero(starts(EVERY))) > 0
    assert per_sentence.tolist() == [a != b for a, b in zip(EVERY, written(EVERY, scheme))]


@settings(max_examples=200)
@given(sentences() | valid_sentences(), st.sampled_from(sorted(LETTERS)))
@example([], "bilou")
@example([], "bio")
def test_broken_tokens_are_those_of_a_plain_loop(tagged: list[list[Tag]], scheme: str) -> None:
    assert broken_tokens(*arrays(tagged), scheme).tolist() == naive_broken(tagged, scheme)


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(ValueError, match="tag scheme 'iob2' is none of iob1, bio, bioes, bilou"):
        broken_tokens(*arrays([[("O", "")]]), "iob2")


def test_allowed_transitions_are_the_pairs_that_do_not_break_bilou() -> None:
    names = bilou_tags(["X", "Y"])
    tags: list[Tag] = [(name[0], name[2:]) for name in names]
    opens, follows, closes = allowed_transitions(2)

    def whole(*middle: Tag) -> bool:
        """Whether the tags are allowed, with a token before or after them where they need one."""
        before = [("B", middle[0][1])] if middle[0][0] in "IL" else []
        after = [("L", middle[-1][1])] if middle[-1][0] in "BI" else []
        return not any(naive_broken([[*before, *middle, *after]], "bilou"))

    for i, tag in enumerate(tags):
        assert opens[i] == (tag[0] not in "IL")
        assert closes[i] == (not naive_broken([[tag]], "bilou")[-1] or tag[0] == "L")
        for j, other in enumerate(tags):
            assert follows[i, j] == whole(tag, other), (tag, other)
    # And by the function itself: two-token sentences that are whole.
    for i, tag in enumerate(tags):
        for j, other in enumerate(tags):
            allowed = opens[i] and follows[i, j] and closes[j]
            assert allowed == (not broken_tokens(*arrays([[tag, other]]), "bilou").any())


def test_ids_are_o_and_then_b_i_l_u_of_each_type() -> None:
    names = bilou_tags(["X", "Y"])
    assert names == ["O", "B-X", "I-X", "L-X", "U-X", "B-Y", "I-Y", "L-Y", "U-Y"]
    prefix, type_id = split_ids(np.arange(9))
    assert prefix.tolist() == [0, 1, 2, 3, 4, 1, 2, 3, 4]
    assert type_id.tolist() == [-1, 0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_narrow_ids_do_not_wrap(dtype: type) -> None:
    prefix, type_id = split_ids(np.array([0, 255], dtype))
    assert prefix.tolist() == [0, (255 - 1) % 4 + 1]
    assert type_id.tolist() == [-1, 63]


def test_types_without_letters_break_nothing_and_no_tokens_have_no_broken_ones() -> None:
    prefix_M, type_M = split_ids(np.array([2, 3, 1, 0, 6]))
    broken_M = broken_tokens(prefix_M, type_M, np.arange(5) == 0, "io")
    assert (broken_M.dtype, broken_M.tolist()) == (bool, [False] * 5)
    nothing = np.zeros(0, np.int32)
    for scheme in ("bio", "iob1", "bioes", "bilou", "io"):
        assert broken_tokens(nothing, nothing, nothing.astype(bool), scheme).shape == (0,)
