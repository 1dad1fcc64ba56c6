"""The tagger finds the entities that scoring finds, at their positions, whatever else is tagged with them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from encoded import read_conll
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import ROOT

from ner_dist.data.batch import Batch
from ner_dist.errors import UserError
from ner_dist.model.crf import zero_transition_scores
from ner_dist.prediction import Tagger, tagger
from ner_dist.prediction.documents import Document, Entity
from ner_dist.prediction.vocabularies import Vocabularies

TYPES = ["PER", "LOC"]


class StubNetwork:
    """Its emissions depend only on a token's word, characters and position, so that many tokens are entities."""

    transition_scores = zero_transition_scores(1 + 4 * len(TYPES))
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
    command = [sys.executable, "-m", "ner_dist.evaluate", str(run), "--json", str(tmp_path / "test.json")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    expected = [json.loads(line)["entities"] for line in (tmp_path / "test.json").read_text().splitlines()]
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
    command = [sys.executable, "-m", "ner_dist.evaluate", str(tmp_path / "run"), "--json", str(tmp_path / "test.json")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    expected = [json.loads(line)["entities"] for line in (tmp_path / "test.json").read_text().splitlines()]
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

    monkeypatch.setattr(tagger, "_BATCH_TOKENS", 60)
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
        ([["a", "b"]], [["NN"]], r"2 tokens, .* but 1 parts of speech; expected one per token"),
    ],
)
def test_tokens_that_cannot_be_tagged_are_refused(
    tagger_of_stub: Tagger, tokens: list[list[str]], pos: list[list[str]] | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        tagger_of_stub.tag_tokens(tokens, pos)


def test_a_language_that_spacy_lacks_is_named() -> None:
    with pytest.raises(UserError, match=r"--language qqq is not a language code of spaCy's"):
        Tagger(StubNetwork(), "qqq").tag(["a"])


def test_a_directory_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no checkpoint there; is this the directory of a run"):
        Tagger.load(tmp_path)


def test_tokens_are_tagged_without_loading_spacy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    assert len(Tagger(StubNetwork()).tag_tokens([["a", "b"]])) == 1
