"""JSON lines become documents: texts as they are, tokens at their places in them, other fields kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_dist.contract.tokenizers import choose, make_tokenizer
from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document, Sentence
from ner_dist.prediction.input_lines import InputLine
from ner_dist.prediction.read_json import json_document

TOKENIZER = make_tokenizer(choose("whitespace", None))


def segment(text: str) -> Document:
    return Document(text, [Sentence(*sentence) for sentence in TOKENIZER.sentences(text)])


def read(record: object, features: tuple[str, ...] = ()) -> Document:
    line = record if isinstance(record, str) else json.dumps(record)
    return json_document(InputLine(1, 0, line), "file", segment, features)


def test_texts_and_tokens_keep_their_other_fields() -> None:
    first, second = read({"id": 7, "text": "a b", "entities": []}), read({"tokens": ["x", "y"], "pos": ["N", "V"]})
    assert (first.text, dict(first.others)) == ("a b", {"id": 7})
    assert (second.text, second.sentences[0].tokens, dict(second.others)) == ("x y", ["x", "y"], {"pos": ["N", "V"]})


def test_features_that_the_model_uses_are_read() -> None:
    record = {"tokens": ["x", "y"], "pos": ["N", "V"], "dep": ["a", "b"], "more": 1}
    found = read(record, ("dep", "absent"))
    assert found.sentences[0].features == {"dep": ["a", "b"]}
    assert dict(found.others) == {"pos": ["N", "V"], "more": 1}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_is_taken_as_it_is(text: str) -> None:
    assert read({"text": text}).text == text


def test_a_text_with_tokens_is_unchanged_and_they_are_found_in_it() -> None:
    text = "  Ada  (Ada) met\n\tBob.\n"
    found = read(
        {"text": text, "tokens": ["Ada", "(", "Ada", ")", "met", "Bob", "."], "pos": list("abcdefg")}, ("pos",)
    )
    assert found.text == text
    (sentence,) = found.sentences
    assert sentence.starts == [2, 7, 8, 11, 13, 18, 21]
    assert [text[start:end] for start, end in zip(sentence.starts, sentence.ends)] == sentence.tokens
    assert sentence.features == {"pos": list("abcdefg")}


def test_tokens_may_be_objects_with_their_places() -> None:
    tokens = [{"text": "b", "start": 4, "end": 5, "id": 0}, {"text": "c", "start": 6, "end": 7, "ws": False}]
    found = read({"text": "a b b c", "tokens": tokens})
    assert (found.sentences[0].tokens, found.sentences[0].starts, found.sentences[0].ends) == (
        ["b", "c"],
        [4, 6],
        [5, 7],
    )
    assert read({"tokens": tokens}).text == "b c"
    # Without places, and with some that are not theirs, they are found.
    for more in ({}, {"start": 0, "end": 0}, {"start": -1}, {"start": "2"}):
        assert read({"text": "a b", "tokens": [{"text": "b", **more}]}).sentences[0].starts == [2]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{}", r'^file:1: expected "text", or "tokens", a list of strings, or both, found nothing'),
        ({"sentence": 1}, r"found sentence$"),
        ({"text": 1, "tokens": "a b"}, r"found text, tokens$"),
        ('{"a', r"^file:1: not JSON"),
        ("[1]", r"^file:1: expected a JSON object, found list"),
        ({"tokens": ["a", 1]}, r'^file:1: "tokens" is not a list of strings'),
        ({"tokens": ["a", {"text": "b"}]}, r'^file:1: "tokens" is not a list of strings'),
        ({"tokens": [{"id": 1}]}, r'^file:1: "text of tokens" is not a list of strings'),
        ({"tokens": ["a"], "pos": [1]}, r'^file:1: "pos" is not a list of strings'),
        ({"tokens": ["a", ""]}, r"^file:1: token 2 of .* is empty"),
        ({"tokens": ["a"], "pos": []}, r"^file:1: 1 tokens, .* but 0 values of pos"),
        (
            {"text": "a b", "tokens": ["a", "c"]},
            r"^file:1: token 2, 'c', does not stand in the text from character 1 on",
        ),
        (
            {"text": "a b", "tokens": ["b", "a"]},
            r"^file:1: token 2, 'a', does not stand in the text from character 3 on",
        ),
        ({"text": "a b", "tokens": []}, r"^file:1: a text, but an empty list of tokens"),
        ('{"text": "\\ud800"}', r"^file:1: a lone surrogate"),
        ("[" * 100_000, r"^file:1: not JSON"),
    ],
)
def test_mistakes_name_file_and_line(record: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(record, ("pos",))


def test_no_text_and_no_tokens_is_an_empty_document() -> None:
    assert (
        read({"tokens": []}).num_tokens
        == read({"text": " ", "tokens": []}).num_tokens
        == read({"text": ""}).num_tokens
        == 0
    )


def test_what_is_nested_too_deeply_to_be_written_again_is_refused() -> None:
    for text in ("[" * 200 + "]" * 200, '{"a":' * 200 + "1" + "}" * 200):
        with pytest.raises(UserError, match=r"^file:1: JSON that is nested more than 100 deep$"):
            read(f'{{"text": "a", "more": {text}}}')
    assert read({"text": "a", "more": [[0]] * 500}).others["more"] == [[0]] * 500
