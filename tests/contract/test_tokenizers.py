"""Each tokenizer covers a text exactly; the choice of one is made once and survives its record."""

# ruff: noqa: RUF001

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_dist.contract import tokenizers
from ner_dist.contract.tokenizers import MAX_TOKENS, TOKENIZERS, TokenizerChoice, choose, make_tokenizer, other_version
from ner_dist.errors import UserError

MADE = {name: make_tokenizer(choose(name, None)) for name in TOKENIZERS}
# What breaks positions: combining marks, emoji of several code points, right-to-left, all kinds of white space, stops.
AWKWARD = (
    *("a", "B", "é", "e\u0301", "ß", "İ", "東京", "👩\u200d👩\u200d👧", "🏳️\u200d🌈", "שלום", "مرحبا", "ก็", "\u0301"),
    *("\u200b", "\u200f", "\ufeff", "\r\n", "\r", "\n", "\n\n", "\t", " ", "\u00a0", "\u2028", "\u3000", "\0", "\x1c"),
    *(".", "!", "?", "。", "！", "…", "」", "”", "'", '"', "-", "(", "&", "<", "1", "U.S.", "don't", "\\n", "\ud800"),
)
TEXTS = st.lists(st.one_of(st.sampled_from(AWKWARD), st.characters()), max_size=40).map("".join)


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=300)
@given(text=TEXTS)
def test_each_character_but_white_space_is_in_exactly_one_token(name: str, text: str) -> None:
    position = 0
    for sentence in MADE[name].sentences(text):
        assert 0 < len(sentence.tokens) == len(sentence.starts) == len(sentence.ends) <= MAX_TOKENS
        for token, start, end in zip(*sentence):
            assert text[start:end] == token
            assert text[position:start].strip() == ""
            assert not any(map(str.isspace, token))
            position = end
    assert text[position:].strip() == ""


def tokens(name: str, text: str) -> list[str]:
    return [" ".join(sentence.tokens) for sentence in MADE[name].sentences(text)]


def test_characters_are_tokens_and_stops_end_sentences() -> None:
    assert tokens("characters", "我在北京。他问：“你呢？！”是…\r\n第二 行") == [
        "我 在 北 京 。",
        "他 问 ： “ 你 呢 ？ ！ ”",
        "是 …",
        "第 二 行",
    ]
    # A mark, a joiner or a variation selector belongs to the character before it.
    assert tokens("characters", "ก็ดี e\u0301！\ufe0f 👩\u200d👧") == [
        "ก็ ดี e\u0301 ！\ufe0f",
        "👩\u200d 👧",
    ]


def test_white_space_splits_tokens_and_lines_are_sentences() -> None:
    assert tokens("whitespace", "Ada, b.\tc\n\n d\u3000e \r f") == ["Ada, b. c", "d e", "f"]


@pytest.mark.parametrize("name", TOKENIZERS)
def test_text_without_stops_is_split(name: str) -> None:
    found = MADE[name].sentences("字 " * (MAX_TOKENS + 3))
    assert [len(sentence.tokens) for sentence in found] == [MAX_TOKENS, 3]


@pytest.mark.parametrize(
    ("name", "language", "texts", "expected"),
    [
        ("auto", None, [], ("rules", "en")),
        ("auto", None, ["Ada met 王 in 北京."], ("rules", "en")),
        ("auto", None, ["12 % \n"], ("rules", "en")),
        ("auto", None, ["王伟 works in 北京大学医学部。"], ("characters", "")),
        ("auto", None, ["カタカナとひらがな"], ("characters", "")),
        ("auto", None, ["สวัสดีครับ"], ("characters", "")),
        ("auto", None, ["ສະບາຍດີ"], ("characters", "")),
        ("auto", None, ["ជំរាបសួរ", "မင်္ဂလာပါ"], ("characters", "")),
        ("auto", None, ["서울에 삽니다", "Привет, мир"], ("rules", "en")),
        ("auto", "zh", ["北京"], ("rules", "zh")),
        ("auto", "DE", ["Berlin"], ("rules", "de")),
        ("rules", None, ["北京"], ("rules", "en")),
        ("characters", "zh", ["Berlin"], ("characters", "")),
        ("whitespace", None, ["北京"], ("whitespace", "")),
    ],
)
def test_the_first_texts_and_the_user_choose(
    name: str, language: str | None, texts: list[str], expected: tuple[str, str]
) -> None:
    found = choose(name, language, texts)
    assert (found.name, found.language) == expected
    assert TokenizerChoice.from_record({**json.loads(json.dumps(found.to_record())), "applied": True}) == found
    assert other_version(found) is None


def test_only_the_first_texts_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizers, "_SAMPLE_CHARACTERS", 10)
    endless = iter(["北京大学", "医学部北京大学", *["English"] * 5])
    assert choose("auto", None, endless).name == "characters"
    assert list(endless) == ["English"] * 5


def test_another_version_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    rules, characters = choose("rules", "en"), choose("characters", None)
    assert rules.version.startswith("2+spacy-3.")
    monkeypatch.setattr(tokenizers, "_spacy_version", lambda: "4.1.0")
    assert other_version(rules) == "2+spacy-4.1"
    assert other_version(characters) is None
    assert choose("rules", "en").is_like(rules)


@pytest.mark.parametrize(
    "make", [lambda: choose("words", None), lambda: make_tokenizer(TokenizerChoice("words", "", "1"))]
)
def test_a_tokenizer_that_does_not_exist_is_named(make: object) -> None:
    with pytest.raises(UserError, match=r"words .*rules, characters, whitespace"):
        make()  # type: ignore[operator]
