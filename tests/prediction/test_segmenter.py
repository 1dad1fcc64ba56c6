"""Raw text is split into sentences of tokens: nothing is lost, and no text takes minutes."""

from __future__ import annotations

import pytest

from ner_dist.prediction.segmenter import Segmenter, split_positions


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter("en")


def test_tokens_are_those_of_the_corpora(segmenter: Segmenter) -> None:
    text = "The German-speaking U.S.-based Mr. Smith didn't go. AT&T's 1996-08-22\r\nscore: 3-1."
    assert [sentence.tokens for sentence in segmenter.sentences(text)] == [
        ["The", "German-speaking", "U.S.-based", "Mr.", "Smith", "did", "n't", "go", "."],
        ["AT&T", "'s", "1996-08-22", "score", ":", "3-1", "."],
    ]


@pytest.mark.parametrize("word", ["(" * 1000, "'s" * 300, "a" * 2500, "b" * 990 + "$" * 300, "\U0001f600" * 200])
def test_words_that_are_too_long_for_spacy_are_split_and_nothing_is_lost(segmenter: Segmenter, word: str) -> None:
    text = f"Ada {word} met\n{word}"
    sentences = segmenter.sentences(text)
    tokens = [token for sentence in sentences for token in sentence.tokens]
    for sentence in sentences:
        assert [text[first:last] for first, last in zip(sentence.starts, sentence.ends)] == sentence.tokens
    assert "".join(tokens) == "".join(text.split())
    assert max(map(len, tokens)) <= 1000


@pytest.mark.parametrize(
    "text", ["", "Ada", "see https://a.example/" + "b" * 500, "-" * 120 + " Ada " + "=" * 128], ids=len
)
def test_ordinary_texts_are_not_split(text: str) -> None:
    assert list(split_positions(text)) == []
