"""The tagger finds the entities that scoring finds, at their positions, whatever else is tagged with them."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoded import read_conll
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import ROOT

from ner_dist.contract.tokenizers import TokenizerChoice, choose, make_tokenizer
from ner_dist.contract.vocabularies import FeatureValues, Vocabularies
from ner_dist.data.batch import Batch
from ner_dist.errors import UserError
from ner_dist.model.crf import zero_transition_scores
from ner_dist.prediction import Tagger, tag_sentences
from ner_dist.prediction.documents import Document, Entity

TYPES = ["PER", "LOC"]


class StubNetwork:
    """Its emissions depend only on a token's word, characters and position, so that many tokens are entities."""

    transition_scores = zero_transition_scores(1 + 4 * len(TYPES))
    temperature = 1.0
    vocabularies = Vocabularies(
        TYPES,
        ["<pad>", "<unk>", "the"],
        None,
        False,
        False,
        ["<pad>", "<u>", "<l>", "<p>", "<o>", "a"],
        [0, 1, 2, 3, 4, 2],
        128,
        1,
        [],
    )

    def emissions(self, batch: Batch) -> np.ndarray:
        seed_TB = (
            batch.char_NC.sum(axis=1)[batch.spelling_TB] + 7 * batch.word_TB + np.arange(len(batch.word_TB))[:, None]
        )
        return np.sin(seed_TB[:, :, None] * np.arange(1, 10) * 12.9898) * 4


@pytest.fixture(scope="module")
def tagger_of_stub() -> Tagger:
    return Tagger(StubNetwork())


@pytest.mark.parametrize("name", ["tiny", "rich"])
def test_entities_are_those_that_evaluation_finds(
    name: str, synth_corpus: dict[str, Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run = request.getfixturevalue(f"{name}_run")
    command = [sys.executable, "-m", "ner_dist.evaluate", str(run), "--sentences", str(tmp_path / "out")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    expected = [json.loads(line)["entities"] for line in (tmp_path / "out").read_text().splitlines()]
    tokens, pos = read_conll(synth_corpus["test"])
    found = Tagger.load(run).tag_tokens(tokens, pos)
    assert sum(map(len, found)) > 20
    for mine, theirs in zip(found, expected):
        assert [(e.first_token, e.end_token, e.type) for e in mine] == [
            (e["start"], e["end"], e["type"]) for e in theirs
        ]
        assert [e.confidence for e in mine] == pytest.approx([e["confidence"] for e in theirs], abs=1e-4)


def test_a_model_finds_its_features_among_those_of_its_shards(
    rich_shards: Path, tiny_knobs: list[str], synth_corpus: dict[str, Path], tmp_path: Path
) -> None:
    from trained import train

    # Neither the first nor the last of the shards' features.
    train(tmp_path / "run", rich_shards, [*tiny_knobs, "--model.features", "[lexicon_LOC]"])
    tokens, _ = read_conll(synth_corpus["test"])
    found = Tagger.load(tmp_path / "run").tag_tokens(tokens)
    command = [sys.executable, "-m", "ner_dist.evaluate", str(tmp_path / "run"), "--sentences", str(tmp_path / "out")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    expected = [json.loads(line)["entities"] for line in (tmp_path / "out").read_text().splitlines()]
    assert [[(e.first_token, e.end_token, e.type) for e in mine] for mine in found] == [
        [(e["start"], e["end"], e["type"]) for e in theirs] for theirs in expected
    ]


# What breaks positions: combining marks, emoji of several code points, right-to-left, all kinds of white space.
AWKWARD = (
    *("a", "B", "é", "e\u0301", "ß", "İ", "東京", "👩\u200d👩\u200d👧", "🏳️\u200d🌈", "שלום", "مرحبا"),
    *("\u200b", "\u200f", "\ufeff", "\r\n", "\n", "\t", " ", "\u00a0", "\u2028", "\u3000", "\0"),
    *(".", "!", "?", "'", '"', "-", "(", "&", "<", "1", "U.S.", "don't"),
)
texts_of = st.lists(st.one_of(st.sampled_from(AWKWARD), st.characters(exclude_categories=["Cs"])), max_size=40).map(
    "".join
)


def check_positions(document: Document) -> None:
    places = [(entity.start, entity.end) for entity in document.entities]
    assert all(start < end for start, end in places)
    # In order, without overlap.
    flat = [place for pair in places for place in pair]
    assert flat == sorted(flat)
    for entity in document.entities:
        assert document.text[entity.start : entity.end] == entity.text
        tokens = document.sentences[entity.sentence].tokens[entity.first_token : entity.end_token]
        assert entity.text.startswith(tokens[0])
        assert entity.text.endswith(tokens[-1])
        assert 0 <= entity.confidence <= 1 + 1e-9


# Together with the examples below some 10,000 texts.
@settings(max_examples=400)
@given(st.lists(texts_of, min_size=20, max_size=30))
def test_the_text_at_the_positions_is_the_entity(tagger_of_stub: Tagger, texts: list[str]) -> None:
    documents = list(tagger_of_stub.stream(map(tagger_of_stub.document, texts)))
    assert [document.text for document in documents] == texts
    for document in documents:
        check_positions(document)
        # Every character but white space is in exactly one token.
        covered = [i for s in document.sentences for a, b in zip(s.starts, s.ends) for i in range(a, b)]
        assert len(covered) == len(set(covered))
        assert all(char.isspace() for i, char in enumerate(document.text) if i not in set(covered))
    assert not texts or any(document.entities for document in documents) or sum(map(len, texts)) < 300


@settings(max_examples=60)
@given(st.lists(texts_of, max_size=12), st.integers(1, 30))
def test_neither_other_texts_nor_the_window_change_what_is_found(
    tagger_of_stub: Tagger, texts: list[str], window: int
) -> None:
    alone = [tagger_of_stub.tag([text])[0] for text in texts]
    together = [
        list(document.entities) for document in tagger_of_stub.stream(map(tagger_of_stub.document, texts), window)
    ]

    def bare(found: list[list[Entity]]) -> list[list[tuple[object, ...]]]:
        return [[entity._replace(confidence=round(entity.confidence, 6)) for entity in entities] for entities in found]

    assert bare(alone) == bare(together)


def test_texts_are_taken_a_window_at_a_time(tagger_of_stub: Tagger) -> None:
    taken = 0

    def documents() -> object:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield tagger_of_stub.document(f"Number {number}.")

    stream = tagger_of_stub.stream(documents(), window=10)
    assert next(stream).text == "Number 0."
    assert taken == 10
    assert [document.text for document in stream] == [f"Number {number}." for number in range(1, 100)]


def test_empty_input_gives_no_entities(tagger_of_stub: Tagger) -> None:
    assert tagger_of_stub.tag([]) == []
    assert tagger_of_stub.tag(["", " \n"]) == [[], []]
    assert tagger_of_stub.tag_tokens([[], ["a"], []])[::2] == [[], []]


def test_long_sentences_are_tagged_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []

    class Watched(StubNetwork):
        def emissions(self, batch: Batch) -> np.ndarray:
            shapes.append(batch.word_TB.shape)
            return super().emissions(batch)

    monkeypatch.setattr(tag_sentences, "_BATCH_TOKENS", 60)
    Tagger(Watched()).tag_tokens([["a"] * length for length in (50, 3, 3, 70, 20, 2)])
    assert [tokens * sentences for tokens, sentences in shapes if sentences > 1] == [
        9,
    ]
    assert sum(sentences for _, sentences in shapes) == 6


def test_text_without_punctuation_is_split(tagger_of_stub: Tagger) -> None:
    document = tagger_of_stub.document("word " * 1200)
    assert [len(sentence.tokens) for sentence in document.sentences] == [512, 512, 176]


@pytest.mark.parametrize(
    ("tokens", "pos", "message"),
    [
        ([["a", ""]], None, r"token 2 of .* is empty"),
        ([["a"], ["b"]], [["NN"]], r"2 sentences of tokens, but 1 of pos"),
        ([["a", "b"]], [["NN"]], r"2 tokens, .* but 1 values of pos; expected one per token"),
    ],
)
def test_tokens_that_cannot_be_tagged_are_refused(
    tagger_of_stub: Tagger, tokens: list[list[str]], pos: list[list[str]] | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        tagger_of_stub.tag_tokens(tokens, pos)


def test_a_language_that_spacy_lacks_is_named() -> None:
    with pytest.raises(UserError, match=r"--language qqq is not a language code of spaCy's"):
        Tagger(StubNetwork(), language="qqq").tag(["a"])


def network_of(own: TokenizerChoice, applied: bool) -> StubNetwork:
    network = StubNetwork()
    network.vocabularies = dataclasses.replace(network.vocabularies, tokenizer=own, tokenizer_applied=applied)
    return network


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("own", [choose("rules", "de"), choose("characters", None), choose("whitespace", None)])
def test_texts_are_cut_as_those_of_the_corpus(own: TokenizerChoice, applied: bool) -> None:
    made = Tagger(network_of(own, applied))
    assert made.tokenizer == own
    text = "Am 3. Mai. Heute\nz. B. 北京"
    found = [sentence[:3] for sentence in made.document(text).sentences]
    assert found == [tuple(sentence) for sentence in make_tokenizer(own).sentences(text)]
    # The same again is no contradiction.
    assert Tagger(network_of(own, applied), tokenizer=own.name, language=own.language or None).tokenizer == own


@pytest.mark.parametrize(
    ("own", "name", "language", "message"),
    [
        (("rules", "en"), "characters", None, r"cut by the tokenizer rules \(en\), and characters is asked for"),
        (("rules", "en"), "auto", "de", r"rules \(en\), and rules \(de\) .* with --tokenizer rules --language de and"),
        (("rules", "de"), "rules", "en", r"rules \(de\), and rules \(en\)"),
        (("characters", ""), "rules", None, r"characters, and rules \(en\)"),
        (("whitespace", ""), "characters", None, r"whitespace, and characters"),
    ],
)
def test_another_tokenizer_than_that_of_the_corpus_is_refused(
    own: tuple[str, str], name: str, language: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Tagger(network_of(choose(*own), True), tokenizer=name, language=language)
    # If the corpus came as tokens, the user chooses.
    chosen = Tagger(network_of(choose(*own), False), tokenizer=name, language=language).tokenizer
    assert chosen.name == (name if name != "auto" else "rules")
    assert chosen.language == ("" if chosen.name != "rules" else language or "en")


def test_rules_alone_means_those_of_the_models_language() -> None:
    assert Tagger(network_of(choose("rules", "de"), True), tokenizer="rules").tokenizer.language == "de"
    # A language says nothing where characters count.
    assert Tagger(network_of(choose("characters", None), True), language="zh").tokenizer.name == "characters"


def test_another_version_of_the_tokenizer_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    own = dataclasses.replace(choose("rules", "en"), version="1+spacy-2.3")
    made = Tagger(network_of(own, True))
    made.tag_tokens([["No", "text", "is", "cut"]])
    assert caplog.messages == []
    made.tag(["One.", "Two."])
    (message,) = caplog.messages
    assert re.match(
        r"warning: .* cut by version 1\+spacy-2.3 of the tokenizer rules \(en\), and this is version 2\+", message
    )
    Tagger(network_of(own, False)).tag(["One."])
    assert len(caplog.messages) == 1


def test_a_model_says_which_features_it_needs() -> None:
    network = StubNetwork()
    features = [FeatureValues(name, ["<pad>", "<unk>", "x"]) for name in ("caps", "pos", "dep-type")]
    network.vocabularies = dataclasses.replace(network.vocabularies, features=features)
    made = Tagger(network)
    assert made.given_features == ["pos", "dep-type"]
    assert len(made.tag_tokens([["a"], ["b"]], [["x"], ["y"]], **{"dep-type": [["z"], ["x"]]})) == 2
    with pytest.raises(
        UserError, match=r"token feature dep-type, which .* --feature dep-type=COLUMN, or JSON lines with"
    ):
        made.tag_tokens([["a"]], [["x"]])
    with pytest.raises(
        UserError, match=r"features pos, dep-type, which .* with \"tokens\" and \"pos\" and \"dep-type\""
    ):
        made.tag(["a"])


def test_the_tokens_that_the_model_knows_are_counted() -> None:
    made = Tagger(StubNetwork())
    assert made.familiarity.complaint(made.tokenizer) is None
    made.tag(["The cat. "] * 20)
    assert made.familiarity == (60, 20)
    assert made.familiarity.complaint(made.tokenizer) is None
    made.tag_tokens([["cat"]] * 40)
    assert made.familiarity == (100, 20)
    made.tag_tokens([["cat"]])
    complaint = made.familiarity.complaint(made.tokenizer)
    assert complaint is not None
    assert complaint.startswith("the model knows only 20% of the 101 tokens")
    assert "the tokenizer rules (en), which --tokenizer and --language change" in complaint


def test_a_directory_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no checkpoint there; is this the directory of a run"):
        Tagger.load(tmp_path)


def test_tokens_are_tagged_without_loading_spacy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    assert len(Tagger(StubNetwork()).tag_tokens([["a", "b"]])) == 1


TEXTS = ["the a Ba. An aa the", "aab ab the!", ""]


def test_one_text_gives_its_entities_and_several_texts_a_list_for_each(tagger_of_stub: Tagger) -> None:
    several = tagger_of_stub.tag(TEXTS)
    assert len(several[0]) > 1
    assert [tagger_of_stub.tag(text) for text in TEXTS] == several
    assert tagger_of_stub.tag(iter(TEXTS)) == several


def test_one_sentence_of_tokens_gives_its_entities(tagger_of_stub: Tagger) -> None:
    sentences = [["the", "a", "Ba"], ["aab"]]
    several = tagger_of_stub.tag_tokens(sentences)
    assert [tagger_of_stub.tag_tokens(sentence) for sentence in sentences] == several
    assert tagger_of_stub.tag_tokens(("the", "a", "Ba"), pos=["DT", "NN", "NN"]) == several[0]
    assert tagger_of_stub.tag_tokens(np.array(sentences[0])) == several[0]


@pytest.mark.parametrize("wrong", [b"a text", None, 7, [b"a text"], ["a text", None]])
def test_what_is_no_text_is_a_type_error(tagger_of_stub: Tagger, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"expected (a text \()?str"):
        tagger_of_stub.tag(wrong)


@pytest.mark.parametrize("wrong", ["a text", b"a text", None, ["a", ["b"]], [["a"], "b"], [b"a"], [None], {"a": 1}])
def test_what_are_no_tokens_is_a_type_error(tagger_of_stub: Tagger, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"tag_tokens\(\) was given .*expected"):
        tagger_of_stub.tag_tokens(wrong)


def test_thresholds_only_leave_entities_out(tagger_of_stub: Tagger) -> None:
    every = list(tagger_of_stub.stream(map(tagger_of_stub.document, TEXTS)))
    confidences = sorted(entity.confidence for document in every for entity in document.entities)
    middle = confidences[len(confidences) // 2]
    for threshold in (middle, {"PER": middle}, {"LOC": 0.0, "*": middle}, 0, 1):
        least = threshold if isinstance(threshold, dict) else {"*": threshold}
        bar = {kind: least.get(kind, least.get("*", 0)) for kind in TYPES}
        strict = Tagger(StubNetwork(), threshold=threshold)
        for whole, part in zip(every, strict.stream(map(strict.document, TEXTS))):
            kept = [entity for entity in whole.entities if entity.confidence >= bar[entity.type]]
            assert part == whole._replace(entities=kept)
    with pytest.raises(UserError, match="it knows PER, LOC"):
        Tagger(StubNetwork(), threshold={"ORG": 0.5})


def test_every_sentence_and_document_has_a_confidence_with_entities_or_none(tagger_of_stub: Tagger) -> None:
    documents = list(tagger_of_stub.stream(map(tagger_of_stub.document, TEXTS)))
    for document in documents[:2]:
        assert len(document.sentences) >= 1
        pairs = [(sentence.confidence, sentence.margin) for sentence in document.sentences]
        assert all(0 <= margin <= confidence < 1 for confidence, margin in pairs)
        assert document.confidence == pytest.approx(np.prod([confidence for confidence, _ in pairs]))
        assert document.margin == min(margin for _, margin in pairs)
    assert (documents[2].confidence, documents[2].margin) == (1, 1)


def test_a_temperature_changes_confidences_and_no_entity(tagger_of_stub: Tagger) -> None:
    class Warm(StubNetwork):
        temperature = 2.5

    cold, warm = ([*each.stream(map(each.document, TEXTS))] for each in (tagger_of_stub, Tagger(Warm())))

    def bare(documents: list[Document]) -> list[Entity]:
        return [entity._replace(confidence=0) for document in documents for entity in document.entities]

    assert bare(cold) == bare(warm)
    assert [document.confidence for document in warm[:2]] != [document.confidence for document in cold[:2]]
