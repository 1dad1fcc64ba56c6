"""Lexicon matching: the rules of the paper against a slow reading of them, and their edge cases."""

from __future__ import annotations

import pickle
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ner_dist.contract.lexicon_matching import LABELS, PartialMatch, _char, build_matcher, match, token_codes

# Partial matches of two tokens or more, of entries of any length.
PARTIAL = PartialMatch(2, 512)
# Few words, so that entries meet, and pairs that are equal but for case: ss and ß, i with a dot above and İ.
WORDS = ("a", "A", "b", "c", "ss", "ß", "i\u0307", "İ")
FOREIGN_WORDS = ("x", "y")

MAX_TOKENS = 6
entries_of = st.lists(st.lists(st.sampled_from(WORDS + FOREIGN_WORDS[:1]), min_size=1, max_size=9), min_size=1)
sentences_of = st.lists(
    st.lists(st.sampled_from(WORDS + FOREIGN_WORDS[1:]), min_size=1, max_size=MAX_TOKENS), min_size=1, max_size=5
)


def slow_labels(entries: list[list[str]], sentence: list[str], partial: bool, person: bool) -> str:
    """The labels of one sentence as the paper words the rules, one n-gram and one entry after another."""
    folded = [word.casefold() for word in sentence]
    matches = []
    for begin in range(len(sentence)):
        for end in range(begin + 1, len(sentence) + 1):
            gram = folded[begin:end]
            exact = prefix = suffix = False
            for words in entries:
                entry = [word.casefold() for word in words]
                exact |= gram == entry
                if partial and len(gram) >= len(entry) / 2 and (len(gram) > 1 or person):
                    prefix |= gram == entry[: len(gram)]
                    suffix |= gram == entry[-len(gram) :]
            if exact or prefix or suffix:
                matches.append((not exact, begin - end, begin, exact or prefix, exact or suffix))
    labels = ["O"] * len(sentence)
    taken: set[int] = set()
    for _, negative_length, begin, opens, closes in sorted(matches):
        places = range(begin, begin - negative_length)
        if taken.isdisjoint(places):
            taken |= set(places)
            for place in places:
                first, last = opens and place == places[0], closes and place == places[-1]
                labels[place] = "U" if first and last else "B" if first else "L" if last else "I"
    return "".join(labels)


def labels(entries: Iterable[list[str]], sentences: list[list[str]], partial: PartialMatch = PARTIAL) -> list[str]:
    """The labels of sentences by the matcher, a letter a token; the same whether it knows their tokens or not."""
    tokens = [word for sentence in sentences for word in sentence]
    length_N = np.array([len(sentence) for sentence in sentences])
    entries, found = list(entries), []
    for known in (None, {token.casefold() for token in tokens}):
        matcher = build_matcher(entries, partial, known)
        found.append("".join(LABELS[label] for label in match(matcher, token_codes(matcher, tokens), length_N)))
    assert found[0] == found[1]
    return [found[0][end - length : end] for end, length in zip(np.cumsum(length_N), length_N)]


def folded(*entries: str) -> list[list[str]]:
    return [entry.casefold().split() for entry in entries]


@settings(max_examples=800)
@given(entries_of, sentences_of, st.booleans(), st.booleans())
@example([["a", "b"], ["b", "c"]], [["a", "b", "c"]], True, False)
@example([["a", "b", "c", "a"], ["b", "c"]], [["a", "b", "c"]], True, False)
@example([["a"] * 9], [["a"] * 4, ["a"] * 5, ["a"] * 6], True, True)
def test_labels_are_those_of_the_rules_read_slowly(
    entries: list[list[str]], sentences: list[list[str]], partial: bool, person: bool
) -> None:
    lengths = PartialMatch(1 if person else 2, MAX_TOKENS if partial else 0)
    found = labels(folded(*map(" ".join, entries)), sentences, lengths)
    assert found == [slow_labels(entries, sentence, partial, person) for sentence in sentences]


@pytest.mark.parametrize(
    ("entries", "sentence", "expected"),
    [
        (["New York", "paris"], "to NEW york or Paris", "OBLOU"),
        # The places are those in the entry: a part that only ends one has no B, one that only begins one no L.
        (["International Committee of the Red Cross"], "the Red Cross said", "IILO"),
        (["International Committee of the Red Cross"], "International Committee of Geneva", "BIIO"),
        (["Red Cross of Mali", "the Red Cross"], "a Red Cross", "OBL"),
        # Whole entries before parts, longer before shorter, earlier before later.
        (["York City", "New York Rangers Club"], "New York City", "OBL"),
        (["New York", "York City Council"], "New York City Council", "OBIL"),
        (["New York", "York City"], "New York City", "BLO"),
        # Less than half of an entry, its middle, or one token.
        (["a b c d e"], "a b", "OO"),
        (["a b c d"], "b c", "OO"),
        (["a b"], "a or b", "OOO"),
        (["Weiß", "İzmir"], "WEISS weiß i\u0307zmir izmir", "UUUO"),
        (["a a"], "a a a a a", "BLBLO"),
    ],
)
def test_matches_of_one_sentence(entries: list[str], sentence: str, expected: str) -> None:
    assert labels(folded(*entries), [sentence.split()]) == [expected]


def test_no_match_goes_over_the_border_of_a_sentence() -> None:
    assert labels(folded("New York", "York"), [["New"], ["York", "New"], ["York"]]) == ["O", "UO", "U"]


def test_entries_that_the_corpus_cannot_hold_change_nothing() -> None:
    sentences = [["the", "Bank", "of", "Japan", "in", "New", "York"]]
    few = folded("Bank of Japan", "New York City")
    more = folded("Bank of Japan", "Bank of Italy", "Rome", "New York City", "in Zurich")
    assert labels(few, sentences) == ["OBILOBI"]
    # "in" is one token, half of an entry: no match but of a person.
    assert labels(more, sentences) == ["OBILOBI"]
    matcher = build_matcher(more, PARTIAL, {token.casefold() for token in sentences[0]})
    # Kept: Bank of Japan and its two halves, as one of which Bank of counts twice; New York.
    assert len(matcher.roles) == 4


def test_long_entries_match_whole_and_in_part() -> None:
    words = [f"w{i}" for i in range(60)]
    found = labels([words, words * 100], [words, words[30:], words[:29]])
    assert found == ["B" + "I" * 58 + "L", "I" * 29 + "L", "O" * 29]


def test_characters_for_tokens_are_distinct_and_can_be_written() -> None:
    chars = "".join(map(_char, range(1, 0x110000 - 0x800)))
    assert len(set(chars)) == len(chars) == len(chars.encode("utf-32-le").decode("utf-32-le"))
    assert "\0" not in chars


def test_another_process_gets_the_same_matcher() -> None:
    entries = [["new", "york", "times"], ["york"]]
    for built in (build_matcher(entries, PartialMatch(2, 9)), build_matcher([], PartialMatch(2, 9))):
        sent = pickle.loads(pickle.dumps(built))
        tokens = ["The", "New", "York", "Times", "in", "York"]
        found = [match(one, token_codes(one, tokens), np.array([4, 2])).tolist() for one in (built, sent)]
        assert found[0] == found[1]
