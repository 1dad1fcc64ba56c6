"""The command `suggest`: its formats, what it knows of the labelled, and mistakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import sealed_files
from encoded import read_conll
from published_shards import published_shards
from read_back import make_export, make_run

from data_prep.passes.convert import Target, convert
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.contract.shard_format import read_index
from ner_dist.contract.shard_place import shard_folder
from ner_dist.errors import UserError
from ner_dist.prediction.reading import ReadingOptions
from ner_dist.prediction.tagger import Tagger
from ner_dist.ranks.comm import Solo
from ner_dist.suggesting.__main__ import FORMATS, SuggestOptions, run
from ner_dist.suggesting.labelled import labelled_sentences, shards_of_model
from ner_dist.suggesting.suggest import FIELD


@pytest.fixture
def pool(synth_corpus: dict[str, Path], tmp_path: Path) -> Path:
    """Thirty sentences as records with an id, one of them twice, and two in one text."""
    sentences, _ = read_conll(synth_corpus["test"])
    records = [{"id": n, "text": " ".join(tokens)} for n, tokens in enumerate([*sentences[:30], sentences[3]])]
    records.append({"id": "two", "text": "Ann Lee saw Bo. He left for Oslo."})
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.mark.parametrize("to", FORMATS)
def test_each_format_has_suggestions_entities_and_ids(to: str, text_run: Path, pool: Path, tmp_path: Path) -> None:
    run(SuggestOptions(text_run, pool, num=5, output_format=to, out=tmp_path / "out"), Solo())
    content = (tmp_path / "out").read_text(encoding="utf-8")
    tasks = json.loads(content) if to == "label-studio" else [json.loads(line) for line in content.splitlines()]
    records = [task["data"] for task in tasks] if to == "label-studio" else tasks
    assert [record[FIELD]["rank"] for record in records] == [1, 2, 3, 4, 5]
    assert all("id" in record and record[FIELD]["reason"] for record in records)
    has = {"jsonl": "entities", "doccano": "label", "prodigy": "spans", "label-studio": "predictions"}[to]
    assert all(has in task for task in tasks)
    if to == "label-studio":
        # What a person submits becomes an annotation.
        content = json.dumps([{**task, "annotations": task["predictions"]} for task in tasks])
    (tmp_path / "back").write_text(content, encoding="utf-8")
    convert(tmp_path / "back", Target(str(tmp_path / "again"), "jsonl"), Settings(), None, Problems())
    again = [json.loads(line) for line in (tmp_path / "again").read_text().splitlines()]
    assert [record["id"] for record in again] == [str(record["id"]) for record in records]
    if to == "prodigy":
        assert tasks[0]["meta"]["reason"] == tasks[0][FIELD]["reason"]


def test_all_are_given_and_said_if_the_pool_is_small(
    text_run: Path, pool: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run(SuggestOptions(text_run, pool, num=500, out=tmp_path / "out"), Solo())
    records = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    said = capfd.readouterr().err
    assert f"{len(records)} of {len(records)} sentences (left out: 1 as copies)" in said
    assert f"the pool has no more: all {len(records)} are suggested, and --num 500 were asked for" in said
    parts = sorted(record["part"]["sentence"] for record in records if record["id"] == "two")
    assert parts == [0, 1]


def test_documents_stay_whole(text_run: Path, pool: Path, tmp_path: Path) -> None:
    run(SuggestOptions(text_run, pool, num=500, unit="document", out=tmp_path / "out"), Solo())
    texts = {record["id"]: record["text"] for record in map(json.loads, (tmp_path / "out").read_text().splitlines())}
    assert texts["two"] == "Ann Lee saw Bo. He left for Oslo."


def test_nothing_that_is_labelled_is_suggested(text_run: Path, pool: Path, tmp_path: Path) -> None:
    whole = ReadingOptions(tokenizer="auto")
    with pytest.raises(UserError, match=r"pool.jsonl: all of its \d+ sentences are labelled already, so none is left"):
        run(SuggestOptions(text_run, pool, train=pool, out=tmp_path / "out", reading=whole), Solo())
    assert not (tmp_path / "out").exists()


def test_the_shards_of_a_run_are_what_is_labelled(
    text_run: Path, rich_shards: Path, synth_corpus: dict[str, Path], tmp_path: Path
) -> None:
    tagger = Tagger.load(text_run)
    assert shards_of_model(text_run, "best", tagger) == rich_shards
    found = labelled_sentences(rich_shards, ReadingOptions(), tagger)
    assert sorted(found) == sorted(labelled_sentences(synth_corpus["train"], ReadingOptions(), tagger))
    with pytest.raises(UserError, match=r"is a directory without index.json; expected a shard set, or a file of texts"):
        labelled_sentences(tmp_path, ReadingOptions(), tagger)


def test_what_is_labelled_may_lie_in_a_store(
    text_run: Path, rich_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = Tagger.load(text_run)
    found = labelled_sentences(published_shards(rich_shards, tmp_path, monkeypatch), ReadingOptions(), tagger)
    assert found == labelled_sentences(rich_shards, ReadingOptions(), tagger)
    moved = Path(shutil.copytree(text_run, tmp_path / "run", symlinks=True))
    for path in moved.glob("checkpoints/*/config.yaml"):
        path.write_text(path.read_text().replace(str(rich_shards), "s3://b/mine"))
    assert shards_of_model(moved, "best", tagger) == shard_folder("s3://b/mine")


def test_the_shards_of_a_run_may_be_gone(text_run: Path, rich_shards: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(text_run, tmp_path / "run", symlinks=True))
    for path in moved.glob("checkpoints/*/config.yaml"):
        path.write_text(path.read_text().replace(str(rich_shards), str(tmp_path / "gone")))
    assert shards_of_model(moved, "best", Tagger.load(text_run)) is None


def test_an_export_names_its_shards_too(rich_shards: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "run", rich_shards)
    make_export(tmp_path / "export", tmp_path / "run")
    knobs = {"data": {"shards": str(rich_shards)}}
    sealed_files.edit(tmp_path / "export" / "tagger.json", lambda record: record["origin"].update(config=knobs))
    for fingerprint, expected in ((read_index(rich_shards).fingerprint(), rich_shards), ("another", None)):
        tagger = SimpleNamespace(identity=SimpleNamespace(data=fingerprint))
        assert shards_of_model(tmp_path / "export", "best", tagger) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"pool.jsonl: no text with a token in it; expected texts to choose from"),
        ('{"text": ""}\n', r"pool.jsonl: no text with a token in it"),
        ('{"id": 3}\n', r'pool.jsonl:1: expected "text", or "tokens"'),
    ],
)
def test_a_pool_without_text_is_refused(content: str, message: str, text_run: Path, tmp_path: Path) -> None:
    (tmp_path / "pool.jsonl").write_text(content)
    with pytest.raises(UserError, match=message):
        run(SuggestOptions(text_run, tmp_path / "pool.jsonl", out=tmp_path / "out"), Solo())
    assert [path.name for path in tmp_path.iterdir()] == ["pool.jsonl"]


def test_a_place_that_cannot_be_written_is_refused_first(text_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent is not a directory"):
        run(SuggestOptions(text_run, tmp_path / "no pool", out=tmp_path / "absent" / "out"), Solo())
