"""Candidates: each text once, none that is labelled, and no more of them in memory than are wanted."""

from __future__ import annotations

from tagged_texts import tagged

from ner_dist.prediction.documents import Document, Entity, Sentence
from ner_dist.suggesting.pool import find_candidates, sentences_of

POOL = [tagged("a b", 0.5), tagged("c d", 0.1), tagged("a b", 0.5), tagged(""), tagged("e f", 0.3), tagged("g h", 0.9)]


def two_sentences() -> Document:
    sentences = [
        Sentence(["Ann", "ran"], [1, 5], [4, 8], {}, 0.5, 0.1),
        Sentence([], [], []),
        Sentence(["Rome"], [10], [14]),
    ]
    entities = [Entity(1, 4, "PER", 0.7, "Ann", 0, 0, 1), Entity(10, 14, "LOC", 0.9, "Rome", 2, 0, 1)]
    return Document(" Ann ran. Rome", sentences, entities, 100, {"id": 7})


def test_the_most_uncertain_are_kept_in_the_order_of_the_pool() -> None:
    found = find_candidates(POOL, "sentence", "probability", 2, [], 1)
    assert [candidate.document.text for candidate in found.found] == ["c d", "e f"]
    assert (found.num_units, found.num_copies, found.num_labelled) == (5, 1, 0)


def test_what_is_labelled_is_no_candidate() -> None:
    found = find_candidates(POOL, "sentence", "probability", 9, [["c", "d"], ["x"]], 1)
    assert [candidate.document.text for candidate in found.found] == ["a b", "e f", "g h"]
    assert found.num_labelled == 1


def test_a_sentence_keeps_its_fields_and_its_place_in_the_record() -> None:
    first, second = sentences_of(two_sentences())
    assert (first.text, first.offset, first.others) == ("Ann ran", 101, {"id": 7, "part": {"sentence": 0, "start": 1}})
    assert (second.text, second.others["part"]) == ("Rome", {"sentence": 2, "start": 10})
    assert (first.confidence, first.margin) == (0.5, 0.1)
    for document in (first, second):
        (entity,) = document.entities
        assert document.text[entity.start : entity.end] == entity.text
        assert document.sentences[entity.sentence].tokens[entity.first_token] == entity.text


def test_a_document_is_labelled_once_all_of_its_sentences_are() -> None:
    def units(labelled: list[list[str]], unit: str = "document") -> int:
        return len(find_candidates([two_sentences()], unit, "probability", 9, labelled, 1).found)

    assert (units([]), units([["Ann", "ran"]]), units([["Ann", "ran"], ["Rome"]])) == (1, 1, 0)
    assert units([["Ann", "ran"]], "sentence") == 1


def test_random_candidates_depend_on_the_seed_alone() -> None:
    def texts(seed: int) -> list[str]:
        return [c.document.text for c in find_candidates(POOL, "sentence", "random", 2, [], seed).found]

    assert texts(1) == texts(1)
    assert len({tuple(texts(seed)) for seed in range(20)}) > 1
