"""Scoring a run: what is printed is what another scorer finds in the file of predictions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from run_here import run_here
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support
from seqeval.scheme import IOB2, Entities
from tag_sequences import TYPES, ids, starts
from trained import train

from ner_dist import evaluate
from ner_dist.evaluation.f1 import count, scores
from ner_dist.evaluation.score_table import score_table


class Evaluation(NamedTuple):
    out: str
    # Of the --conll file: sentences of (token, gold, predicted).
    sentences: list[list[tuple[str, str, str]]]
    # Of the --sentences file.
    records: list[dict[str, Any]]


@pytest.fixture(scope="module")
def evaluation(synth_shards: Path, tiny_knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    folder = tmp_path_factory.mktemp("evaluate")
    train(folder / "run", synth_shards, tiny_knobs)
    files = ["--conll", folder / "test.conll", "--sentences", folder / "test.jsonl", "--n-best", 3]
    found = run_here(evaluate, folder / "run", *files)
    assert (found.error, found.err) == (None, "")
    assert sorted(path.name for path in folder.iterdir()) == ["run", "test.conll", "test.jsonl"]
    blocks = (folder / "test.conll").read_text(encoding="utf-8").split("\n\n")
    assert blocks.pop() == ""
    records = [json.loads(line) for line in (folder / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    return Evaluation(found.out, [_columns(block) for block in blocks], records)


def _columns(block: str) -> list[tuple[str, str, str]]:
    return [tuple(line.split(" ")) for line in block.split("\n")]  # type: ignore[misc]


def printed(out: str) -> dict[str, list[float]]:
    """Numbers of each line of the table by its name, down to the confusion."""
    lines = re.findall(r"^(\S.*?) +([\d.]+(?: +[\d.]+)+)$", out.split("gold (down)")[0], re.M)
    return {name: [float(number) for number in numbers.split()] for name, numbers in lines}


def test_the_file_holds_the_split_in_its_order_with_its_own_tags(
    evaluation: Evaluation, synth_corpus: dict[str, Path]
) -> None:
    # The corpus is in BIO, as the file is.
    source = [
        [(line.split()[0], line.split()[-1]) for line in block.split("\n")]
        for block in synth_corpus["test"].read_text().strip().split("\n\n")
    ]
    assert [[row[:2] for row in sentence] for sentence in evaluation.sentences] == source


def test_the_predictions_are_valid_bio(evaluation: Evaluation) -> None:
    for sentence in evaluation.sentences:
        before = "O"
        for _, _, tag in sentence:
            assert tag[:2] in ("O", "B-", "I-")
            assert tag[0] != "I" or before[2:] == tag[2:]
            before = tag


def test_seqeval_finds_in_the_file_the_scores_that_were_printed(evaluation: Evaluation) -> None:
    gold, predicted = ([[row[i] for row in sentence] for sentence in evaluation.sentences] for i in (1, 2))
    numbers = printed(evaluation.out)
    names = sorted({e.tag for tags in (gold, predicted) for s in Entities(tags, IOB2).entities for e in s})
    assert len(names) > 2
    for name, *expected in zip(names, *precision_recall_fscore_support(gold, predicted, zero_division=0)):
        *expected, support = expected
        assert numbers[name][:3] == pytest.approx([100 * value for value in expected], abs=0.005)
        assert numbers[name][3] == support
    for average in ("micro", "macro"):
        *expected, _ = precision_recall_fscore_support(gold, predicted, average=average, zero_division=0)
        assert numbers[average][:3] == pytest.approx([100 * value for value in expected], abs=0.005)
    # Neither all right nor all wrong, or this would say little.
    assert 5 < numbers["micro"][2] < 95


def bio(length: int, entities: list[dict[str, Any]]) -> list[str]:
    tags = ["O"] * length
    for entity in entities:
        tags[entity["start"] : entity["end"]] = [f"I-{entity['type']}"] * (entity["end"] - entity["start"])
        tags[entity["start"]] = f"B-{entity['type']}"
    return tags


def test_the_json_lines_say_what_the_columns_say(evaluation: Evaluation) -> None:
    assert [record["id"] for record in evaluation.records] == list(range(len(evaluation.sentences)))
    for record, sentence in zip(evaluation.records, evaluation.sentences):
        tokens, gold, predicted = zip(*sentence)
        assert tuple(record["tokens"]) == tokens
        assert tuple(bio(len(tokens), record["gold"])) == gold
        assert tuple(bio(len(tokens), record["entities"])) == predicted
        for entity in record["gold"] + record["entities"]:
            assert entity["text"] == " ".join(tokens[entity["start"] : entity["end"]])


def test_the_first_reading_is_the_prediction_and_probabilities_are_those_of_a_distribution(
    evaluation: Evaluation,
) -> None:
    for record in evaluation.records:
        first, *others = record["n_best"]
        assert bio(len(record["tokens"]), first["entities"]) == bio(len(record["tokens"]), record["entities"])
        probabilities = [first["probability"], *(other["probability"] for other in others)]
        assert probabilities == sorted(probabilities, reverse=True)
        assert 0 <= sum(probabilities) <= 1 + 1e-5
        for entity in record["entities"]:
            # The readings that hold the entity are a part of those that make its probability.
            place = {key: entity[key] for key in ("start", "end", "type")}
            held = sum(reading["probability"] for reading in record["n_best"] if place in reading["entities"])
            assert held - 1e-5 <= entity["confidence"] <= 1


def test_n_best_needs_the_file_it_goes_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, complaint in (
        ("3", "--n-best needs --sentences FILE"),
        ("-1", "--n-best: -1 is out of range; expected 0 or more"),
    ):
        with pytest.raises(SystemExit, match="2"):
            evaluate.main([str(tmp_path), "--n-best", number])
        assert complaint in capsys.readouterr().err


def test_the_head_says_what_was_scored(evaluation: Evaluation) -> None:
    assert re.match(r".*/run test \(best checkpoint, epoch 4\)\n", evaluation.out)


def example() -> dict[str, Any]:
    gold = [[("B", "X"), ("L", "X"), ("O", ""), ("U", "Y"), ("O", "")], [("B", "Z"), ("I", "Z"), ("L", "Z")]]
    predicted = [[("B", "X"), ("L", "X"), ("O", ""), ("U", "X"), ("U", "Y")], [("O", ""), ("B", "Z"), ("L", "Z")]]
    return scores(count(ids(gold), ids(predicted), starts(gold), len(TYPES)), list(TYPES))


def test_the_table_shows_every_score() -> None:
    text = score_table(example())
    numbers = printed(text)
    assert numbers["X"] == [50.0, 100.0, 66.67, 1, 2, 1]
    assert numbers["Y"] == [0, 0, 0, 1, 1, 0]
    assert numbers["micro"] == [25.0, 33.33, 28.57, 3, 4, 1]
    assert numbers["macro"] == [16.67, 33.33, 22.22]
    assert numbers["boundaries"] == [50.0, 66.67, 57.14]
    assert numbers["overlap"] == [50.0, 66.67, 57.14]
    assert numbers["token"] == [50.0, 50.0, 50.0, 6, 6, 3]
    # No token here is wrong only in where its entity ends.
    assert numbers["token, BIO"] == [50.0, 50.0, 50.0]
    confusion = text[text.index("gold (down)") :].splitlines()[1:]
    assert [line.split() for line in confusion] == [
        ["X", "Y", "Z", "-"],
        ["X", "1", "0", "0", "0"],
        ["Y", "1", "0", "0", "0"],
        ["Z", "0", "0", "0", "1"],
        ["-", "0", "1", "1", "0"],
    ]


@pytest.mark.parametrize(
    ("number", "about"),
    [
        (0, "all gold spans fit its tokens"),
        (1, "1 gold span fits no tokens and counts as missed"),
        (1234, "1,234 gold spans fit no tokens and count as missed"),
    ],
)
def test_the_table_says_what_the_score_over_characters_is_about(number: int, about: str) -> None:
    characters = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "right": 1, "predicted": 2, "gold": 4}
    found = {**example(), "characters": {**characters, "inexpressible": number}}
    text = score_table(found, {"name": "rules", "language": "en", "version": "1", "applied": True})
    assert printed(text)["characters"] == [50.0, 25.0, 33.33, 4, 2, 1]
    line = next(line for line in text.splitlines() if line.startswith("characters: "))
    start = "characters: entities by exact characters of the source text, cut by rules/en as predict cuts it; "
    assert line == start + about
    by_characters = score_table(found, {"name": "characters", "language": "", "version": "1", "applied": True})
    assert "cut by characters as predict cuts it" in by_characters
    assert "cut by" not in score_table(example(), {"name": "rules", "language": "en"})


def test_the_columns_of_the_table_line_up_whatever_the_names() -> None:
    name = "a-very-long-type-of-entity"
    result = scores(count(np.array([4, 0]), np.array([4, 4]), np.array([True, False]), 1), [name])
    head, *_, totals = score_table(result).split("\n\n")[0].splitlines()
    assert totals.startswith(name)
    assert len(head) == len(totals)
