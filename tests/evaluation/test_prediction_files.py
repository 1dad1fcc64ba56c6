"""Files of predictions: parts of ranks put together, awkward tokens, probabilities that are the model's."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from corpus_sources import sources_of
from made_batches import batch_of, random_sentence
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as seqeval_scores
from text_shards import TextRow, write_text_shards

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.contract.column_text import distinct_types
from ner_dist.contract.shard_format import read_index
from ner_dist.errors import UserError
from ner_dist.evaluation.f1 import count, scores
from ner_dist.evaluation.prediction_files import ConllColumns, JsonLines, write
from ner_dist.model import crf
from ner_dist.model.crf import TransitionScores, zero_transition_scores
from ner_dist.model.entities import DecodedBatch
from ner_dist.model.viterbi import decode


def predicted(
    lengths: list[int], first_id: int = 0, num_tags: int = 17, scores: TransitionScores | None = None
) -> DecodedBatch:
    """Sentences with what a model of random emissions says of them."""
    rng = np.random.default_rng(first_id)
    sentences = [random_sentence(rng, first_id + i, length) for i, length in enumerate(lengths)]
    batch = batch_of(sentences)
    emission_TBK = rng.normal(0, 2, (*batch.tag_TB.shape, num_tags))
    scores = scores or zero_transition_scores(num_tags)
    tag_TB = decode(emission_TBK, batch.length_B, scores)
    return DecodedBatch(batch._replace(tag_TB=tag_TB), emission_TBK, scores, tag_TB)


def of_tags(sentence_ids: list[int], gold: list[list[int]], tags: list[list[int]]) -> DecodedBatch:
    """Sentences of the given BILOU ids, one list a sentence."""
    given = predicted([len(row) for row in gold])
    gold_TB, tag_TB = np.zeros((2, *given.batch.tag_TB.shape), np.int64)
    for column, (gold_T, tag_T) in enumerate(zip(gold, tags)):
        gold_TB[: len(gold_T), column], tag_TB[: len(tag_T), column] = gold_T, tag_T
    batch = given.batch._replace(tag_TB=gold_TB, sentence_id_B=np.array(sentence_ids))
    return given._replace(batch=batch, tag_TB=tag_TB)


def test_parts_of_ranks_are_put_together_in_the_order_of_the_split(synth_shards: Path, tmp_path: Path) -> None:
    index = read_index(synth_shards)
    ranks = [ConllColumns(index), ConllColumns(index)]
    # Sentence ids 5 and 0 by one rank, 3 by the other; tags U and O of the first type.
    ranks[0].observe(of_tags([5, 0], [[4, 4], [4]], [[0, 0], [0]]))
    ranks[1].observe(of_tags([3], [[0, 0, 0]], [[1, 2, 3]]))
    write(tmp_path / "out", ranks[0], [rank.lines for rank in ranks], synth_shards, "test")
    blocks = (tmp_path / "out").read_text().split("\n\n")
    name = index.entity_types[0]
    assert [[line.split()[1:] for line in block.split("\n")] for block in blocks[:-1]] == [
        [[f"B-{name}", "O"]],
        [["O", f"B-{name}"], ["O", f"I-{name}"], ["O", f"I-{name}"]],
        [[f"B-{name}", "O"], [f"B-{name}", "O"]],
    ]


def test_a_token_with_white_space_stays_one_column(tmp_path: Path) -> None:
    source = tmp_path / "train.jsonl"
    source.write_text('{"tokens": ["New\\u00a0York", "x"], "tags": ["B-LOC", "O"]}\n' * 2)
    index = build(sources_of({"train": source, "dev": source}), Settings(num_shards=1), tmp_path / "shards", Problems())
    columns = ConllColumns(index)
    columns.observe(of_tags([0], [[4, 0]], [[4, 0]]))
    write(tmp_path / "out", columns, [columns.lines], tmp_path / "shards", "dev")
    assert (tmp_path / "out").read_text() == "New_York B-LOC B-LOC\nx O O\n\n"


def test_a_type_with_white_space_stays_one_column(synth_shards: Path, tmp_path: Path) -> None:
    index = dataclasses.replace(read_index(synth_shards), entity_types=["Work of\u00a0Art", "B", "C", "D"])
    columns = ConllColumns(index)
    columns.observe(of_tags([0], [[4]], [[8]]))
    write(tmp_path / "out", columns, [columns.lines], synth_shards, "test")
    assert (tmp_path / "out").read_text().split()[1:] == ["B-Work_of_Art", "B-B"]


def test_another_scorer_counts_the_same_for_types_that_differ_in_white_space(synth_shards: Path) -> None:
    types = ["Work of Art", "Work_of_Art", "Work\u00a0of Art", "PER"]
    lengths = [5, 1, 6, 5, 6, 6]
    gold, tags = ([row[:n] for row, n in zip(predicted(lengths, i).tag_TB.T.tolist(), lengths)] for i in (1, 2))
    # The first half is right.
    tags[:3] = gold[:3]
    columns = ConllColumns(dataclasses.replace(read_index(synth_shards), entity_types=types))
    columns.observe(of_tags(list(range(6)), gold, tags))
    sentences = [columns.text({"text": ["t\u3000k"] * n}, columns.lines[i]) for i, n in enumerate(lengths)]
    rows = [[line.split() for line in sentence.splitlines() if line] for sentence in sentences]
    assert {len(row) for sentence in rows for row in sentence} == {3}
    spelled = [[[row[i] for row in sentence] for sentence in rows] for i in (1, 2)]
    found = seqeval_scores(*spelled, average=None, zero_division=0)
    starts_M = np.concatenate([np.arange(n) == 0 for n in lengths])
    per_type = scores(count(np.concatenate(gold), np.concatenate(tags), starts_M, 4), types)["entity"]["per_type"]
    written = sorted(types, key=distinct_types(types).__getitem__)
    names = ("precision", "recall", "f1", "gold")
    assert np.transpose(found).tolist() == [[per_type[name][part] for part in names] for name in written]


def test_json_lines_say_where_a_sentence_is_in_its_source(tmp_path: Path) -> None:
    rows = [
        TextRow(0, [1, 2], [0, 4], ["ab", "c"], [10, 13], []),
        # A file without texts beside others.
        TextRow(1, [1], [4], ["ab"], [], []),
    ]
    index = write_text_shards(tmp_path / "shards", rows, None, 1)
    lines = JsonLines(index, 0)
    lines.observe(of_tags([0, 1], [[0, 4], [4]], [[0, 0], [8]]))
    write(tmp_path / "out", lines, [lines.lines], tmp_path / "shards", "dev")
    first, second = (json.loads(line) for line in (tmp_path / "out").read_text().splitlines())
    assert first == {
        "id": 0, "source": "texts.jsonl", "line": 1, "record": "r0", "document": "d", "tokens": ["ab", "c"],
        "text": "ab c", "text_start": 10, "starts": [10, 13],
        "gold": first["gold"], "entities": [],
    }  # fmt: skip
    gold = first["gold"][0]
    assert {name: gold[name] for name in gold if name not in ("confidence", "blank")} == {
        "start": 1, "end": 2, "type": "X", "text": "c"
    }  # fmt: skip
    assert "document" not in second
    assert "text" not in second
    assert "starts" not in second
    assert (second["line"], second["record"], second["entities"][0]["type"]) == (2, "r1", "Y")


def test_confidence_and_readings_are_probabilities_of_the_model(synth_shards: Path, tmp_path: Path) -> None:
    index = read_index(synth_shards)
    rng = np.random.default_rng(0)
    scores = TransitionScores(*(rng.normal(size=shape) for shape in (17, (17, 17), 17)))
    lines = JsonLines(index, 4)
    found = predicted([3, 1, 6], scores=scores)
    lines.observe(found)
    write(tmp_path / "out", lines, [lines.lines], synth_shards, "test")
    marginal_TBK = crf.marginals(found.emission_TBK, found.batch.length_B, scores.allowed())
    records = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    num_entities = 0
    for column, record in enumerate(records):
        for entity in record["entities"]:
            num_entities += 1
            first = marginal_TBK[entity["start"], column, found.tag_TB[entity["start"], column]]
            # An entity is no likelier than its first tag, and as likely if that is all of it.
            assert entity["confidence"] <= first + 1e-6
            if entity["end"] - entity["start"] == 1:
                assert entity["confidence"] == pytest.approx(first, abs=1e-6)
        # The gold tags are the predicted ones here.
        assert record["gold"] == record["entities"]
        for entity in record["gold"]:
            tokens = range(entity["start"], entity["end"])
            # O at each of its tokens; exactly that if it has only one.
            least = min(marginal_TBK[token, column, 0] for token in tokens)
            assert entity["blank"] == pytest.approx(least, abs=1e-6) or (entity["blank"] < least and len(tokens) > 1)
    assert num_entities > 2
    assert [len(record["n_best"]) for record in records] == [4, 4, 4]
    # A sentence of one token has five readings: O and a U of each of four types.
    assert sum(reading["probability"] for reading in records[1]["n_best"]) < 1


def test_a_file_that_cannot_be_written_is_one_sentence_and_leaves_nothing(synth_shards: Path, tmp_path: Path) -> None:
    columns = ConllColumns(read_index(synth_shards))
    columns.observe(predicted([2]))
    with pytest.raises(UserError, match="no/out could not be written"):
        write(tmp_path / "no" / "out", columns, [columns.lines], synth_shards, "test")
    assert list(tmp_path.iterdir()) == []
