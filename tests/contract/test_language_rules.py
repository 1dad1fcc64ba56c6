"""Raw text is cut as spaCy's rules say: nothing is lost, no text takes minutes, and memory stays flat."""

# ruff: noqa: RUF001

from __future__ import annotations

import re
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import ROOT

from ner_dist.contract import language_rules
from ner_dist.contract.language_rules import BLANK_LINES, LanguageRules, split_positions
from ner_dist.contract.tokenizers import choose, make_tokenizer
from ner_dist.errors import UserError

RULES = LanguageRules("en")


def cut(text: str, rules: LanguageRules = RULES) -> list[list[str]]:
    spans = (zip(*sentence) for sentence in rules.sentence_spans(text))
    sentences = [[text[start:end] for start, end in sentence] for sentence in spans]
    return [sentence for sentence in sentences if sentence]


def test_tokens_are_those_of_the_corpora() -> None:
    text = "The German-speaking U.S.-based Mr. Smith didn't go. AT&T's 1996-08-22\r\nscore: 3-1."
    assert cut(text) == [
        ["The", "German-speaking", "U.S.-based", "Mr.", "Smith", "did", "n't", "go", "."],
        ["AT&T", "'s", "1996-08-22", "score", ":", "3-1", "."],
    ]


def test_dashes_split_words_and_hyphens_do_not() -> None:
    text = "Jean-Luc Picard—the captain—left Zap Inc.—Paris–Roubaix--a race. A pre-1990 well-to-do man."
    assert [" ".join(tokens) for tokens in cut(text)] == [
        "Jean-Luc Picard — the captain — left Zap Inc. — Paris – Roubaix -- a race .",
        "A pre-1990 well-to-do man .",
    ]


def spacy_sentences(text: str) -> list[list[str]]:
    """What spaCy's own pipeline finds, a token at a time."""
    import spacy
    from spacy.lang.char_classes import HYPHENS

    pipeline = spacy.blank("en")
    infixes = [rule for rule in pipeline.Defaults.infixes if not rule.startswith("(?<=[0-9])[+")]
    infixes = [*(rule.replace(HYPHENS, "–|—|--|---|——|~") for rule in infixes), "[—―]+"]
    pipeline.tokenizer.infix_finditer = spacy.util.compile_infix_regex(infixes).finditer
    pipeline.add_pipe("sentencizer")
    found = [[token.text for token in sentence if not token.is_space] for sentence in pipeline(text).sents]
    return [sentence for sentence in found if sentence]


PIECES = st.sampled_from(
    [
        *("Hi", "Mr.", "U.S.", ".", "!", "?", '"', "'", "(", ")", " ", "  ", "\n", "\r\n", "\t", "don't", "3-1", "a-b"),
        *("a—b", "a--b"),
        *(
            "…",
            "。",
            "東京",
            "e\u0301",
            "👩\u200d👧",
            "\u00a0",
            "\u2028",
            "http://a.example/b?c=1",
            "a@b.example",
            ":)",
        ),
    ]
)


@settings(max_examples=30)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_sentences_are_spacys_own(text: str) -> None:
    if not BLANK_LINES.search(text):
        assert cut(text) == spacy_sentences(text)


@pytest.mark.parametrize("blank", ["\n\n", "\r\n\r\n", "\r\r", "\n \t\n", " \n\n\n  "])
def test_a_blank_line_ends_a_sentence(blank: str) -> None:
    assert cut(f"A Title{blank}The text") == [["A", "Title"], ["The", "text"]]
    assert cut(f'He said so.{blank}"Why?" she asked') == [
        ["He", "said", "so", "."],
        ['"', "Why", "?", '"'],
        ["she", "asked"],
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_line_end_alone_does_not(line_end: str) -> None:
    assert cut(f"two{line_end}lines") == [["two", "lines"]]


@settings(max_examples=150)
@given(st.lists(st.one_of(PIECES, st.sampled_from(["\n\n", "\r", " \n \n "])), max_size=40).map("".join))
def test_a_text_has_the_sentences_of_its_paragraphs(text: str) -> None:
    borders = [0, *(match.end() for match in BLANK_LINES.finditer(text)), len(text)]
    assert cut(text) == [found for begin, end in zip(borders, borders[1:]) for found in cut(text[begin:end])]


@pytest.mark.parametrize("word", ["(" * 1000, "'s" * 300, "a" * 2500, "b" * 990 + "$" * 300, "\U0001f600" * 200])
def test_words_that_are_too_long_for_spacy_are_split_and_nothing_is_lost(word: str) -> None:
    text = f"Ada {word} met\n{word}"
    tokens = [token for sentence in cut(text) for token in sentence]
    assert "".join(tokens) == "".join(text.split())
    assert max(map(len, tokens)) <= 1000


@pytest.mark.parametrize(
    "text", ["", "Ada", "see https://a.example/" + "b" * 500, "-" * 120 + " Ada " + "=" * 128], ids=len
)
def test_ordinary_texts_are_not_split(text: str) -> None:
    assert list(split_positions(text)) == []


def test_memory_is_bounded_by_a_new_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = LanguageRules("en")
    cut("one", rules)
    first = rules._pipeline
    monkeypatch.setattr(language_rules, "_MOST_STRINGS", 0)
    assert cut("two words. Three.", rules) == [["two", "words", "."], ["Three", "."]]
    assert rules._pipeline is not first


@pytest.mark.parametrize("language", ["qqq", "", "..", "lex_attrs", "my"])
def test_a_language_that_spacy_lacks_is_named(language: str) -> None:
    with pytest.raises(UserError, match=rf"^--language {re.escape(language)} is not a language code of spaCy's"):
        cut("a", LanguageRules(language))


@pytest.mark.parametrize(
    ("language", "module", "package"),
    [
        ("th", "pythainlp", "pythainlp"),
        ("ja", "sudachipy", "sudachipy sudachidict_core"),
        ("ko", "natto", "natto-py"),
        ("vi", "pyvi", "pyvi"),
    ],
)
def test_a_missing_package_is_named(language: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError) as raised:
        make_tokenizer(choose("auto", language)).sentences("a")
    assert f"--language {language}: spaCy's rules for it need a package" in str(raised.value)
    assert f"pip install {package}" in str(raised.value)
    assert "--tokenizer characters, which needs none" in str(raised.value)


def test_a_package_that_loses_white_space_or_rewrites_words_still_covers_the_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_texts = []

    def words(text: str, **_: Any) -> list[str]:
        given_texts.append(text)
        # Two words as one with a space, a word that does not stand there, and no white space.
        return ["ab cd", "ｅｆ", *text.split()[2:]]

    module = ModuleType("pythainlp.tokenize")
    module.word_tokenize = words  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pythainlp", ModuleType("pythainlp"))
    monkeypatch.setitem(sys.modules, "pythainlp.tokenize", module)
    monkeypatch.setattr(language_rules, "_PACKAGE_CHARACTERS", 20)
    text = "ab  cd ef gh! Ij\n\nab cd kl " + "mno " * 6
    assert cut(text, LanguageRules("th")) == [["ab", "cd", "ef", "gh!", "Ij"], ["ab", "cd", "kl", *["mno"] * 6]]
    assert max(map(len, given_texts)) <= 20


def test_chinese_needs_no_package() -> None:
    assert cut("我住在北京。你呢？", LanguageRules("zh")) == [list("我住在北京。"), list("你呢？")]


def test_spacy_is_loaded_without_its_command_line_which_is_there_if_it_is_wanted() -> None:
    code = (
        "import sys; from ner_dist.contract.language_rules import LanguageRules; "
        "print(len([*LanguageRules('en').sentence_spans('Ada met Bob.')]), 'spacy.cli' in sys.modules); "
        "import spacy; print(spacy.info()['spacy_version'] == spacy.__version__, 'spacy.cli' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    # spacy.info prints its own lines between.
    lines = done.stdout.splitlines()
    assert (lines[0], lines[-1]) == ("1 False", "True True")
