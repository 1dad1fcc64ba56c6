"""Sentences are cut where entities begin and end."""

from __future__ import annotations

from judged_readings import OUTSIDE, judged_readings, parse

from ner_dist.reporting.error_kinds import sort_errors
from ner_dist.reporting.example_sentences import CONTEXT, Example, _View, choose_examples


def shown(example: Example) -> list[tuple[str, str | None, str | None, bool]]:
    return [
        (s.text, s.gold and s.gold.name, s.predicted and s.predicted.name, s.focus)  # type: ignore[misc]
        for s in example.segments
    ]


def test_an_example_shows_gold_and_prediction_where_they_are() -> None:
    split, judged = judged_readings([parse("O B-X I-X L-X O U-Y")], [parse("O O B-X L-X O U-Y")])
    (example,) = choose_examples(split, judged, sort_errors(split, judged), 5).wrong
    assert shown(example) == [
        ("w0", None, None, False),
        ("w1", "X", None, True),
        ("w2 w3", "X", "X", True),
        ("w4", None, None, False),
        ("w5", "Y", "Y", False),
    ]
    first, second = example.segments[1].gold, example.segments[2].gold
    assert first is not None
    assert second is not None
    assert (first.begins, first.ends, second.begins, second.ends) == (True, False, False, True)
    assert (example.kind, example.probability, example.before, example.after) == ("too short", 0.75, False, False)
    assert [segment.agrees for segment in example.segments] == [True, False, False, True, True]


def test_examples_are_cut_between_entities_and_each_sentence_is_there_once() -> None:
    half = CONTEXT - 1
    tags = parse("B-X L-X " + "O " * half + "U-Y " + "O " * half + "B-X L-X O O")
    said = [*tags]
    said[half + 2] = OUTSIDE
    said[0:2] = parse("O O")
    split, judged = judged_readings([tags, parse("O")], [said, parse("U-Z")])
    found = choose_examples(split, judged, sort_errors(split, judged), 10)
    assert [example.place for example in found.missed] == ["a.conll:1"]
    example = _View(split, judged, sort_errors(split, judged)).gold(1)
    # Twelve tokens to each side end within entities, which are shown to their ends.
    assert shown(example)[0][0] == "w0 w1"
    assert shown(example)[-1] == (f"w{2 * half + 3} w{2 * half + 4}", "X", "X", False)
    assert (example.before, example.after) == (False, True)
    assert [example.kind for example in found.wrong] == ["spurious"]
