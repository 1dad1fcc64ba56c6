"""The simulation of labelling: what counts as reached, how rounds grow, and that an interrupted one goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.label_rounds import Corpus, Round, Simulation, tokens_to_reach
from bench.suggesting import SimulationOptions, draw
from data_prep.sentences.record import NO_ORIGIN
from data_prep.suspects.pool import PooledSentence
from data_prep.writers.whole_records import TokenSpan
from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document
from ner_dist.suggesting.suggest import Wanted


def sentences(number: int, word: str = "w") -> list[PooledSentence]:
    gold = [TokenSpan(0, 1, "PER")]
    return [PooledSentence(0, [f"{word}{n}", "ran"], gold, [n, n], 0, NO_ORIGIN) for n in range(number)]


class _Unsure:
    """A tagger that is less sure of later sentences."""

    def stream(self, documents: Iterable[Document]) -> Iterator[Document]:
        for document in documents:
            (sentence,) = document.sentences
            confidence = 1 - int(sentence.tokens[0][1:]) / 1000
            yield document._replace(sentences=[sentence._replace(confidence=confidence)])


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """What is labelled in each training, whose F1 is the share of the pool."""
    labelled: list[list[int]] = []

    def train(self: Simulation, chosen: Sequence[int]) -> tuple[Round, Any]:
        labelled.append(list(chosen))
        return Round(len(chosen), 2 * len(chosen), len(chosen) / len(self.corpus.pool)), _Unsure()

    monkeypatch.setattr(Simulation, "_train", train)
    return labelled


def test_rounds_grow_until_the_f1_is_reached(trained: list[list[int]], tmp_path: Path) -> None:
    simulation = Simulation(Corpus(sentences(100), []), tmp_path, 1, 0.1)
    rounds = simulation.rounds("x", Wanted(1, diversity=0), 0.3)
    assert [found.sentences for found in rounds] == [10, 15, 23, 35]
    first, second = trained[:2]
    rest = [number for number in range(100) if number not in first]
    assert second == first + rest[:-6:-1]


def test_the_beginning_is_the_same_for_every_choice(trained: list[list[int]], tmp_path: Path) -> None:
    simulation = Simulation(Corpus(sentences(100), []), tmp_path, 1, 0.1)
    simulation.rounds("x", Wanted(1), 0.12)
    simulation.rounds("y", Wanted(1, measure="random"), 0.12)
    assert trained[0] == trained[2]
    assert trained[1] != trained[3]


def test_what_was_interrupted_goes_on_and_what_is_done_is_not_repeated(
    trained: list[list[int]], tmp_path: Path
) -> None:
    whole = Simulation(Corpus(sentences(100), []), tmp_path / "whole", 1, 0.1).rounds("x", Wanted(1), 2)
    assert whole[-1].sentences == 100
    num_whole = len(trained)
    parts = Simulation(Corpus(sentences(100), []), tmp_path / "parts", 1, 0.1)
    parts.rounds("x", Wanted(1), 0.2)
    assert parts.rounds("x", Wanted(1), 0.2) == whole[:3]
    assert len(trained) == num_whole + 3
    # The tagger of the last round has still to choose.
    assert parts.rounds("x", Wanted(1), 2) == whole
    assert len(trained) == 2 * num_whole + 1
    assert parts.full() == parts.full() == Round(100, 200, 1.0)
    assert len(trained) == 2 * num_whole + 2


def test_tokens_are_interpolated_between_rounds() -> None:
    rounds = [Round(1, 100, 0.5), Round(2, 400, 0.7), Round(3, 800, 0.6)]
    assert tokens_to_reach(rounds, 0.4) == 100
    assert tokens_to_reach(rounds, 0.6) == pytest.approx(200)
    assert tokens_to_reach(rounds, 0.7) == pytest.approx(400)
    assert tokens_to_reach(rounds, 0.71) is None


def test_pool_and_scored_sentences_have_nothing_in_common() -> None:
    options = SimulationOptions(Path("x"), pool=60, scored=30)
    found = draw(sentences(100), None, options, 1)
    words = [{sentence.tokens[0] for sentence in part} for part in found]
    assert [len(part) for part in words] == [60, 30]
    assert not words[0] & words[1]
    assert draw(sentences(100), None, options, 1) == found != draw(sentences(100), None, options, 2)
    with pytest.raises(UserError, match="50 sentences, all in the pool; take a smaller one with --pool"):
        draw(sentences(50), None, options, 1)
    assert draw(sentences(50), sentences(20, "g"), options, 1).gold == sentences(20, "g")
