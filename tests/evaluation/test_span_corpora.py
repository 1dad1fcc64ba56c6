"""What training reports over characters is what predict yields on the raw texts, counted here by other means."""

from __future__ import annotations

import json
import logging
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from run_here import run_here
from span_corpus import SpanRecord, span_corpus, write_spans

from data_prep.prepare_shards import prepare_shards
from ner_dist import Tagger, config, evaluate
from ner_dist.contract.shard_format import read_index
from ner_dist.contract.tokenizers import TokenizerChoice, make_tokenizer
from ner_dist.evaluate import evaluate_tagger
from ner_dist.exporting.write_export import export
from ner_dist.ranks.comm import Solo
from ner_dist.reporting.gather import gather
from ner_dist.reporting.report_options import ReportOptions
from ner_dist.reporting.report_page import render

SPLITS = ("train", "dev", "test")


class Trained(NamedTuple):
    shards: Path
    run: Path
    records: dict[str, list[SpanRecord]]

    @property
    def result(self) -> dict[str, Any]:
        return json.loads((self.run / "result.json").read_text(encoding="utf-8"))


def trained(folder: Path, tiny_knobs: list[str], overlaps: bool = False, **settings: Any) -> Trained:
    """A small corpus, prepared with these settings, and a run that has learnt something of it."""
    from ner_dist.training.loop import train

    records = {
        split: span_corpus(number, seed, overlaps) for seed, (split, number) in enumerate(zip(SPLITS, (250, 60, 80)))
    }
    files = {split: write_spans(folder / f"{split}.jsonl", found) for split, found in records.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepare_shards(**files, out=folder / "shards", progress=False, num_shards=3, num_buckets=4, **settings)
    handlers = [*logging.getLogger("ner_dist").handlers]
    knobs = [*tiny_knobs, "--optimizer.learning_rate", "0.02", "--train.epochs", "5"]
    place = ["--data.shards", str(folder / "shards"), "--run", str(folder / "run")]
    train(config.parse([*place, *knobs])[0], "spans", Solo(), show_progress=False)
    for handler in {*logging.getLogger("ner_dist").handlers} - {*handlers}:
        logging.getLogger("ner_dist").removeHandler(handler)
        handler.close()
    return Trained(folder / "shards", folder / "run", records)


def counted(tagger: Tagger, records: list[SpanRecord]) -> dict[str, tuple[int, int, int]]:
    """Right, predicted and gold of each type: sets of (start, end, type), record by record."""
    totals = [Counter[str](), Counter[str](), Counter[str]()]
    for record, entities in zip(records, tagger.tag(record.text for record in records)):
        predicted = {(entity.start, entity.end, entity.type) for entity in entities}
        for total, spans in zip(totals, (predicted & {*record.spans}, predicted, {*record.spans})):
            total.update(entity_type for *_, entity_type in spans)
    return {name: (totals[0][name], totals[1][name], totals[2][name]) for name in sorted(totals[2])}


def reported(scores: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {
        name: (part["right"], part["predicted"], part["gold"])
        for name, part in sorted(scores["characters"]["per_type"].items())
    }


def num_inexpressible(shards: Path, records: list[SpanRecord]) -> int:
    """Spans that do not begin and end with tokens of one sentence of the raw text."""
    tokenizer, number = make_tokenizer(TokenizerChoice.from_record(read_index(shards).tokenizer)), 0
    for record in records:
        sentences = tokenizer.sentences(record.text)
        for start, end, _ in {*record.spans}:
            number += not any(start in sentence.starts and end in sentence.ends for sentence in sentences)
    return number


WAYS: dict[str, dict[str, Any]] = {
    "split": {"on_misaligned": "split"},
    "widen": {"on_misaligned": "widen"},
    "drop": {"on_misaligned": "drop"},
    "overlaps": {"on_misaligned": "split", "overlaps": True, "on_broken": "repair"},
    "characters": {"tokenizer": "characters"},
    "white-space": {"tokenizer": "whitespace", "on_misaligned": "drop"},
    "short": {"on_misaligned": "widen", "max_tokens": 9, "on_long_sentence": "split"},
}


@pytest.fixture(scope="module")
def made(tiny_knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory.mktemp("spans"), tiny_knobs, **WAYS["split"])


@pytest.mark.parametrize("way", WAYS)
def test_characters_are_what_predict_yields_on_the_raw_texts(
    way: str, made: Trained, tiny_knobs: list[str], tmp_path: Path
) -> None:
    made = made if way == "split" else trained(tmp_path, tiny_knobs, **WAYS[way])
    tagger = Tagger.load(made.run, device="cpu")
    for split in ("dev", "test"):
        scores = made.result[split]
        expected = counted(tagger, made.records[split])
        assert reported(scores) == expected
        totals = tuple(map(sum, zip(*expected.values())))
        characters = scores["characters"]
        assert (characters["right"], characters["predicted"], characters["gold"]) == totals
        assert characters["inexpressible"] == num_inexpressible(made.shards, made.records[split])
        # Neither all right nor all wrong, or this would say little; and other than over tokens.
        assert 0.02 < characters["f1"] < 0.98
        assert [characters[name] for name in ("right", "gold")] != [
            scores["entity"][name] for name in ("right", "gold")
        ]


def test_evaluate_and_an_export_give_the_same(made: Trained, tmp_path: Path) -> None:
    expected = made.result["test"]
    assert evaluate_tagger(made.run).items() >= expected.items()
    export(made.run, None, tmp_path / "export")
    found = evaluate_tagger(tmp_path / "export")
    # Its emissions differ in the last digits only.
    assert reported(found) == reported(expected) == counted(Tagger.load(tmp_path / "export"), made.records["test"])


def test_training_sentences_are_scored_likewise(made: Trained) -> None:
    tagger = Tagger.load(made.run, device="cpu")
    assert reported(evaluate_tagger(made.run, "train")) == counted(tagger, made.records["train"])


def test_evaluate_says_what_it_is_about_and_where_sentences_are(made: Trained, tmp_path: Path) -> None:
    found = run_here(evaluate, made.run, "--sentences", tmp_path / "test.jsonl")
    assert found.error is None
    number = made.result["test"]["characters"]["inexpressible"]
    about = f"cut by rules/en as predict cuts it; {number} gold spans fit no tokens and count as missed"
    assert about in " ".join(found.out.split())
    texts: dict[str, str] = {}
    for line in (tmp_path / "test.jsonl").read_text(encoding="utf-8").splitlines():
        sentence = json.loads(line)
        record = made.records["test"][sentence["line"] - 1]
        assert sentence["source"] == "test.jsonl"
        assert sentence.get("record", record.id) == record.id
        for token, start in zip(sentence["tokens"], sentence["starts"]):
            assert record.text[start : start + len(token)] == token
        assert sentence["text_start"] == len(texts.get(record.id, ""))
        texts[record.id] = texts.get(record.id, "") + sentence["text"]
    assert texts == {record.id: record.text for record in made.records["test"]}


def test_the_report_shows_both_scores_and_says_why_they_differ(made: Trained) -> None:
    page = render(gather(ReportOptions([made.run], device="cpu", samples=20)))
    scores = made.result["test"]
    characters, entity = scores["characters"], scores["entity"]
    assert f"<span>F1 over characters of the source text</span><b>{100 * characters['f1']:.2f}</b>" in page
    assert abs(characters["f1"] - entity["f1"]) > 0.01
    assert "points from F1 over tokens" in page
    assert f"{characters['inexpressible']} of {characters['gold']} gold spans fit no tokens of new text" in page
    assert "These are the numbers of the run's" in page
    assert '<th scope="col">documents</th>' in page
