"""Scoring a run: what is printed is what another scorer finds in the file of predictions."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support
from seqeval.scheme import IOB2, Entities
from tag_sequences import TYPES, ids, starts

from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.write import build
from ner_dist import assemble, checkpoint, config
from ner_dist.checkpoint import Checkpoint, Progress
from ner_dist.comm import Solo
from ner_dist.evaluate import ConllColumns, table
from ner_dist.score import count, scores
from ner_dist.shard_format import read_index, vocab_files

ROOT = Path(__file__).resolve().parents[1]


class Evaluation(NamedTuple):
    out: str
    # Of the --conll file: sentences of (token, gold, predicted).
    sentences: list[list[tuple[str, str, str]]]


def train(run: Path, shards: Path, knobs: list[str]) -> None:
    """A checkpoint of a model that has learnt something, but not all."""
    settings, _ = config.parse(["--data.shards", str(shards), *knobs, "--optimizer.learning_rate", "0.02"])
    comm = Solo()
    index, splits = assemble.open_shards(settings, comm)
    learner = assemble.new_learner(settings, index, comm)
    for epoch in range(4):
        for step, batch, shared in assemble.train_steps(settings, index, splits["train"], learner, comm, epoch, 0):
            learner.step(batch, shared, epoch, step.step_id)
    (run / "checkpoints").mkdir(parents=True)
    saved = Checkpoint(learner.state(), Progress(epoch=4), settings, index)
    checkpoint.save(run / "checkpoints" / "best", saved, vocab_files(shards, index))


@pytest.fixture(scope="module")
def evaluation(synth_shards: Path, tiny_knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    folder = tmp_path_factory.mktemp("evaluate")
    train(folder / "run", synth_shards, tiny_knobs)
    command = [sys.executable, "-m", "ner_dist.evaluate", str(folder / "run"), "--conll", str(folder / "test.conll")]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert sorted(path.name for path in folder.iterdir()) == ["run", "test.conll"]
    blocks = (folder / "test.conll").read_text(encoding="utf-8").split("\n\n")
    assert blocks.pop() == ""
    return Evaluation(finished.stdout, [_columns(block) for block in blocks])


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


def test_the_head_says_what_was_scored(evaluation: Evaluation) -> None:
    assert re.match(r".*/run test \(best checkpoint, epoch 4\)\n", evaluation.out)


def example() -> dict[str, Any]:
    gold = [[("B", "X"), ("L", "X"), ("O", ""), ("U", "Y"), ("O", "")], [("B", "Z"), ("I", "Z"), ("L", "Z")]]
    predicted = [[("B", "X"), ("L", "X"), ("O", ""), ("U", "X"), ("U", "Y")], [("O", ""), ("B", "Z"), ("L", "Z")]]
    return scores(count(ids(gold), ids(predicted), starts(gold), len(TYPES)), list(TYPES))


def test_the_table_shows_every_score() -> None:
    text = table(example())
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


def test_the_columns_of_the_table_line_up_whatever_the_names() -> None:
    name = "a-very-long-type-of-entity"
    result = scores(count(np.array([4, 0]), np.array([4, 4]), np.array([True, False]), 1), [name])
    head, *_, totals = table(result).split("\n\n")[0].splitlines()
    assert totals.startswith(name)
    assert len(head) == len(totals)


class Predicted(NamedTuple):
    """As much of a batch as the columns look at."""

    sentence_id_B: np.ndarray
    length_B: np.ndarray
    tag_TB: np.ndarray


def test_parts_of_ranks_are_put_together_in_the_order_of_the_split(synth_shards: Path, tmp_path: Path) -> None:
    index = read_index(synth_shards)
    parts = [ConllColumns(), ConllColumns()]
    # Sentence ids 5 and 0 by one rank, 3 by the other; tags U and O of the first type.
    parts[0].observe(Predicted(np.array([5, 0]), np.array([2, 1]), np.full((3, 2), 4)), np.zeros((3, 2), np.int64))
    parts[1].observe(Predicted(np.array([3]), np.array([3]), np.zeros((3, 1))), np.array([[1], [2], [3]]))
    parts[0].write(tmp_path / "out", parts, synth_shards, index, "test")
    blocks = (tmp_path / "out").read_text().split("\n\n")
    name = index.entity_types[0]
    assert [[line.split()[1:] for line in block.split("\n")] for block in blocks[:-1]] == [
        [[f"B-{name}", "O"]],
        [["O", f"B-{name}"], ["O", f"I-{name}"], ["O", f"I-{name}"]],
        [[f"B-{name}", "O"], [f"B-{name}", "O"]],
    ]


def test_a_token_with_white_space_stays_one_column(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"tokens": ["New\\u00a0York", "x"], "tags": ["B-LOC", "O"]}\n' * 2)
    source = tmp_path / "train.jsonl"
    index = build({"train": source, "dev": source}, Settings(num_shards=1), tmp_path / "shards", Problems())
    columns = ConllColumns()
    columns.observe(Predicted(np.array([0]), np.array([2]), np.array([[4], [0]])), np.array([[4], [0]]))
    columns.write(tmp_path / "out", [columns], tmp_path / "shards", index, "dev")
    assert (tmp_path / "out").read_text() == "New_York B-LOC B-LOC\nx O O\n\n"
