"""Records -> sentences: how texts are cut, and what becomes of entities that fit no tokens."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.cutting.cut_records import CutOptions, CutRecord, CutSentence, cut_record
from data_prep.dirt.policies import Policies, policies_of
from data_prep.sentences.record import Record, Span
from ner_dist.contract.tokenizers import choose, make_tokenizer

FAILING = Policies()
GENTLE = policies_of({}, "repair")
RULES = make_tokenizer(choose("rules", "en", ()))


@dataclass(frozen=True)
class Cutting:
    """Cuts records with one set of options."""

    on_misaligned: str = "fail"
    policies: Policies = FAILING
    max_tokens: int | None = None
    ignore_tokens: bool = False

    def __call__(self, record: Record) -> CutRecord:
        options = CutOptions(self.on_misaligned, self.policies, self.max_tokens, self.ignore_tokens)
        return cut_record(record, RULES.sentences, options)


def of_text(text: str, *spans: tuple[int, int, str], **parts: object) -> Record:
    return Record(1, text=text, spans=[Span(*span) for span in spans], **parts)  # type: ignore[arg-type]


def tokens_of(cut: CutRecord) -> list[list[str]]:
    return [sentence.tokens for sentence in cut.sentences]


def tagged(sentences: list[CutSentence] | tuple[CutSentence, ...]) -> list[str]:
    """Tokens and tags of all sentences, those of O without tag."""
    return [
        token if tag == "O" else f"{token}/{tag}"
        for sentence in sentences
        for token, tag in zip(sentence.tokens, sentence.tags)
    ]


def names(cut: CutRecord) -> list[str]:
    return [warning.kind for warning in cut.warnings]


def errors(cut: CutRecord) -> list[str]:
    return [error.what for error in cut.errors]


def test_names_before_punctuation_fit() -> None:
    cut = Cutting()(of_text("Ann, Bo and (Cy) ate at ALD/AMN.", (0, 3, "P"), (5, 7, "P"), (13, 15, "P"), (24, 27, "O")))
    assert not cut.errors
    assert not cut.raw
    assert tagged(list(cut.sentences))[:4] == ["Ann/B-P", ",", "Bo/B-P", "and"]


def test_the_parts_of_a_text_are_the_text_and_tokens_are_where_they_say() -> None:
    text = "  Ann left.  Bo ran!\n\nTitle\n\nCy ate .\t"
    cut = Cutting()(of_text(text, (2, 5, "P"), (13, 15, "P"), id="r7"))
    assert "".join(sentence.origin.text or "" for sentence in cut.sentences) == text
    for sentence in cut.sentences:
        assert [text[i : i + len(t)] for i, t in zip(sentence.origin.starts, sentence.tokens)] == sentence.tokens
    assert [sentence.origin.spans for sentence in cut.sentences][:2] == [(Span(2, 5, "P"),), (Span(13, 15, "P"),)]
    assert {sentence.origin.record for sentence in cut.sentences} == {"r7"}
    assert len(cut.sentences) == 4


def test_white_space_at_the_ends_is_trimmed_and_counted() -> None:
    cut = Cutting()(of_text("Ann left Rome .", (0, 4, "P"), (8, 13, "L")))
    assert tagged(list(cut.sentences)) == ["Ann/B-P", "left", "Rome/B-L", "."]
    assert names(cut) == ["spans_trimmed"] * 2
    assert not cut.raw


@pytest.mark.parametrize(
    ("spans", "told"),
    [
        ([(0, 99, "P")], "outside the text of 15 characters"),
        ([(3, 3, "P")], "is empty"),
        ([(3, 4, "P")], "is only white space"),
        ([(0, 3, " ")], "has no type"),
        ([(0, 3, "P"), (0, 8, "Q")], "overlaps entity 'Ann left' [0, 8, Q]"),
        ([(1, 3, "P"), (9, 12, "L")], "entity 'nn' [1, 3, P]"),
    ],
)
def test_what_cannot_be_right_is_an_error_that_quotes_it(spans: list[tuple[int, int, str]], told: str) -> None:
    cut = Cutting()(of_text("Ann left Rome .", *spans))
    assert told in "\n".join(errors(cut))
    assert not cut.sentences


def test_words_without_spaces_between_them_may_be_cut_into_characters() -> None:
    advice = "--tokenizer characters cuts every character"
    assert advice in Cutting()(of_text("我在Acme工作", (2, 6, "ORG"))).errors[0].what
    assert advice not in Cutting()(of_text("pro-Acme work", (4, 8, "ORG"))).errors[0].what


def test_all_misaligned_entities_of_a_record_are_listed_with_the_text_around_them() -> None:
    cut = Cutting()(of_text("Ann left Rome .", (1, 3, "P"), (9, 12, "L")))
    assert len(cut.errors) == 2
    assert "\"A[nn] left Rome .\" does not fit 'Ann'; --on-misaligned split" in cut.errors[0].what
    assert '"Ann left [Rom]e ."' in cut.errors[1].what


@pytest.mark.parametrize(
    ("rule", "expected", "warning"),
    [
        ("split", ["German/B-L", "-speaking", "Ann"], "tokens_split"),
        ("widen", ["German-speaking/B-L", "Ann"], "misaligned_entities_widened"),
        ("drop", ["German-speaking", "Ann"], "misaligned_entities_dropped"),
    ],
)
def test_rules_for_misaligned_entities(rule: str, expected: list[str], warning: str) -> None:
    cut = Cutting(rule)(of_text("German-speaking Ann", (0, 6, "L")))
    assert tagged(list(cut.sentences)) == expected
    assert names(cut) == [warning]
    # As the tokenizer alone cuts it, with the entity of the source, which it does not express.
    assert tagged(list(cut.raw)) == ["German-speaking", "Ann"]
    assert cut.raw[0].origin.spans == (Span(0, 6, "L"),)


def test_sentences_are_joined_over_an_entity() -> None:
    text = "He is at Yahoo! Inc today. He left."
    begin = text.index("Yahoo")
    cut = Cutting()(of_text(text, (begin, begin + 10, "ORG")))
    assert names(cut) == ["sentences_joined"]
    assert len(cut.raw) == len(cut.sentences) + 1
    assert cut.raw_of[:2] == [0, 0]
    assert "B-ORG" not in [tag for sentence in cut.raw for tag in sentence.tags]


def test_overlaps_are_dropped_as_the_message_says() -> None:
    text = "Rome University opens"
    assert (
        "first the one that begins first, of two that begin together the longer"
        in Cutting()(of_text(text, (0, 4, "L"), (0, 15, "O"))).errors[0].what
    )
    cut = Cutting(policies=GENTLE)(of_text(text, (0, 4, "L"), (0, 15, "O")))
    assert tagged(list(cut.sentences)) == ["Rome/B-O", "University/I-O", "opens"]
    # Both stay the gold of the score over characters.
    assert cut.raw[0].origin.spans == (Span(0, 4, "L"), Span(0, 15, "O"))


def test_the_same_entity_twice_is_one() -> None:
    spans = ((0, 3, "P"), (0, 3, "P"))
    assert [error.kind for error in Cutting()(of_text("Ann left", *spans)).errors] == ["duplicate_spans"]
    cut = Cutting(policies=GENTLE)(of_text("Ann left", *spans))
    assert names(cut) == ["duplicate_spans_dropped"]
    assert cut.sentences[0].origin.spans == (Span(0, 3, "P"),)


def test_tags_and_entities_are_compared() -> None:
    tokens, tags = ["Ann", "left", "Rome"], ["B-P", "O", "O"]
    text = "Ann left Rome"
    assert not Cutting()(of_text(text, (0, 3, "P"), tokens=tokens, tags=tags)).errors
    cut = Cutting()(of_text(text, (0, 3, "P"), (9, 13, "L"), tokens=tokens, tags=tags))
    assert "tags and entities differ: entity 'Rome' [9, 13, L]" in cut.errors[0].what


def test_given_tokens_stay_and_are_compared_with_the_tokenizer() -> None:
    record = of_text("Bake 1-2 tsp.", (5, 8, "Q"), tokens=["Bake", "1", "-", "2", "tsp", "."])
    cut = Cutting()(record)
    assert tagged(list(cut.sentences)) == ["Bake", "1/B-Q", "-/I-Q", "2/I-Q", "tsp", "."]
    assert names(cut) == ["given_tokens_differ"]
    assert "'1' '-' '2'" in cut.warnings[0].what
    assert "'1-2'" in cut.warnings[0].what
    assert tagged(list(cut.raw)) == ["Bake", "1-2/B-Q", "tsp", "."]
    anew = Cutting(ignore_tokens=True)(record)
    assert tagged(list(anew.sentences)) == ["Bake", "1-2/B-Q", "tsp", "."]
    assert not anew.raw


def test_features_follow_the_tokens_that_are_split() -> None:
    record = of_text(
        "German-speaking Ann", (0, 6, "L"), tokens=["German-speaking", "Ann"], features={"pos": ["JJ", "NNP"]}
    )
    cut = Cutting("split")(record)
    assert cut.sentences[0].features == {"pos": ["JJ", "JJ", "NNP"]}
    # Only such tokens have features, so they are what is scored.
    assert cut.raw[0].tokens == ["German-speaking", "Ann"]


def test_long_texts_are_cut_between_entities_and_long_entities_in_two() -> None:
    text = " ".join(["a"] * 7 + ["b"] * 9)
    cut = Cutting(max_tokens=4)(of_text(text, (4, 9, "X"), (14, len(text), "Y")))
    assert [" ".join(t for t in tokens) for tokens in tokens_of(cut)] == [
        "a a",
        "a a a a",
        "a",
        "b b b b",
        "b b b b",
        "b",
    ]
    assert [sentence.tags[0] for sentence in cut.sentences] == ["O", "B-X", "O", "B-Y", "B-Y", "B-Y"]
    assert names(cut) == ["long_sentences_split", "entities_cut", "entities_cut"]
    assert [len(sentence.tokens) for sentence in cut.raw] == [16]


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (Record(1), "expected tokens and tags, or a text and its entities"),
        (Record(1, tokens=["a"]), "neither tags nor entities"),
        (Record(1, tokens=[], tags=[]), "a sentence without tokens"),
        (Record(1, tokens=["a"], tags=["O", "O"]), "1 tokens but 2"),
        (Record(1, text=" \n", spans=[]), "a text without tokens"),
        (Record(1, tokens=["a"], spans=[Span(0, 1, "X")]), "entities by characters, but no text"),
        (Record(1, text="b", tokens=["a"], spans=[]), "token 'a' does not occur"),
        (Record(1, text="\ud800", spans=[]), "half a surrogate pair"),
    ],
)
def test_records_that_do_not_fit_together(record: Record, told: str) -> None:
    assert told in Cutting()(record).errors[0].what


@settings(max_examples=150, deadline=None)
@given(
    st.text("ab -.'\n\u00e9\U0001f600", min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 39), st.integers(1, 12), st.sampled_from("XY")), max_size=5),
    st.sampled_from(["split", "widen", "drop"]),
    st.sampled_from([None, 3]),
)
def test_whatever_the_spans_the_source_and_its_gold_come_back(
    text: str, found: list[tuple[int, int, str]], rule: str, max_tokens: int | None
) -> None:
    spans = [Span(i, min(i + n, len(text)), kind) for i, n, kind in found if text[i : i + n].strip()]
    cut = Cutting(rule, GENTLE, max_tokens=max_tokens)(of_text(text, *spans))
    if cut.errors:
        assert not text.strip()
        return
    trimmed = set()
    for start, end, kind in spans:
        inside = text[start:end]
        trimmed.add((start + len(inside) - len(inside.lstrip()), start + len(inside.rstrip()), kind))
    for sentences in (cut.sentences, cut.raw or cut.sentences):
        assert "".join(sentence.origin.text or "" for sentence in sentences) == text
        assert {tuple(span) for sentence in sentences for span in sentence.origin.spans} == trimmed
        for sentence in sentences:
            starts = sentence.origin.starts
            assert [text[i : i + len(token)] for i, token in zip(starts, sentence.tokens)] == sentence.tokens
    if cut.raw:
        assert [sentence.tokens for sentence in cut.raw] == [found.tokens for found in RULES.sentences(text)]
        assert len(cut.raw_of) == len(cut.raw)
    else:
        assert tokens_of(cut) == [found.tokens for found in RULES.sentences(text)]
