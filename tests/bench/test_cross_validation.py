"""bench.cross_validation: every sentence is test once, by a model that has not seen its document."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from processes import DRIVERS, Finished, alone, run

from bench.cross_validation import FoldsOptions, folds, main
from data_prep.prepare_shards import prepare_shards
from ner_dist.contract.shard_format import read_index


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one file with 30 documents."""
    folder = tmp_path_factory.mktemp("documents")
    lines = [
        {"document": f"d{i}", "tokens": ["at", f"Place{i}{j}", "."], "tags": ["O", "B-LOC", "O"]}
        for i in range(30)
        for j in range(i % 3 + 1)
    ]
    (folder / "all.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    prepare_shards(folder / "all.jsonl", folder / "shards", progress=False, num_shards=2)
    return folder / "shards"


@pytest.fixture
def folder(shards: Path, tmp_path: Path) -> Path:
    (tmp_path / "job.yaml").write_text(f"data:\n  shards: {shards}\ntrain:\n  epochs: 2\n")
    return tmp_path


def validation(folder: Path, *arguments: object) -> Finished:
    finished = run(alone(DRIVERS / "stand_in.py", "-m", "bench.cross_validation", "job.yaml", *arguments), folder)
    assert finished.left == []
    return finished


def test_each_sentence_is_test_once_and_its_document_is_nowhere_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    found = folds(FoldsOptions(Path("job.yaml"), 4), [])
    assert found.by_document
    (work,) = (folder / "runs/folds/job").glob("corpus-*")
    seen: Counter[str] = Counter()
    for fold, seeds in enumerate(found.sets, 1):
        parts = {
            split: [json.loads(line) for line in (work / f"fold-{fold}-of-4-{split}.jsonl").read_text().splitlines()]
            for split in ("train", "dev", "test")
        }
        names = {split: {record["document"] for record in records} for split, records in parts.items()}
        assert sum(map(len, names.values())) == 30
        assert sum(map(len, parts.values())) == 60
        assert seeds.shards.num_sentences("test") == len(parts["test"]) in range(12, 19)
        seen.update(record["tokens"][1] for record in parts["test"])
    assert len(seen) == 60
    assert set(seen.values()) == {1}


def test_folds_are_trained_once_and_their_counts_pooled(folder: Path, shards: Path) -> None:
    (folder / "fail-fold-2-of-3-seed1").touch()
    assert validation(folder, "--folds", 3).code == 1
    (folder / "fail-fold-2-of-3-seed1").unlink()
    finished = validation(folder, "--folds", 3, "--parallel", 2)
    assert (finished.code, finished.err) == (0, "")
    assert (folder / "began").read_text().split().count("fold-1-of-3-seed1") == 1
    found = json.loads((folder / "runs/folds/job/folds.json").read_text())
    assert (found["folds"], found["by"]) == (3, "document")
    assert sum(part["sentences"] for part in found["runs"]) == sum(
        read_index(shards).num_sentences(split) for split in ("train", "dev", "test")
    )
    (pooled,) = found["pooled"]
    counts = {name: sum(part["test"][name] for part in found["runs"]) for name in ("right", "predicted", "gold")}
    assert {name: pooled[name] for name in counts} == counts
    assert pooled["f1"] == pytest.approx(counts["right"] / counts["gold"])
    assert found["sd_f1"] == pytest.approx(0)
    assert "all folds, seed 1" in finished.out


def test_more_folds_than_documents_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as ended:
        main(["job.yaml", "--folds", "31"])
    assert "has 30 documents, too few for 31 folds; use fewer" in str(ended.value.code)
