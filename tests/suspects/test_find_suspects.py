"""From corpus files to warnings: with a tagger that stands in for the trained ones, and once with all of it."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from corpus_sources import sources_of

from data_prep.__main__ import main
from data_prep.problems import CorpusError, Finding, Problems
from data_prep.settings import Settings
from data_prep.suspects import find_suspects as flow
from data_prep.suspects import fold_training
from data_prep.suspects.fold_training import num_epochs, require_training
from data_prep.synthesis.synth import synthesise
from ner_dist.contract.shard_format import read_index
from ner_dist.contract.shard_tables import read_shard

# What the taggers have been trained on and tagged, by sentences.
Seen = list[tuple[set[str], set[str]]]


@contextmanager
def no_bar(total: int | None, unit: str, what: str) -> Iterator[Callable[[int], object]]:
    yield lambda advance: None


def sentences_of(shards: Path, split: str) -> list[dict[str, Any]]:
    index = read_index(shards)
    tables = [read_shard(shards, index, entry, ["record", "text", "tag"]) for entry in index.splits[split]]
    return [row for table in tables for row in table.to_pylist()]


def by_capitals(row: dict[str, Any], name: str) -> dict[str, Any]:
    """What a tagger says of a sentence to which each capitalised token is an entity of this type."""
    sure = {"type": name, "confidence": 1.0, "blank": 0.0}
    capitals = [i for i, token in enumerate(row["text"]) if token[0].isupper()]
    # The gold of these tests is single tokens of one type.
    gold = [
        {"start": i, "end": i + 1, "type": name, "confidence": float(i in capitals), "blank": float(i not in capitals)}
        for i, tag in enumerate(row["tag"])
        if tag
    ]
    return {"record": row["record"], "gold": gold, "entities": [{"start": i, "end": i + 1, **sure} for i in capitals]}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Has a tagger of capitals stand in for those that are trained."""
    found: Seen = []

    def predictions(
        folds: Sequence[Callable[[Path], None]], num_sentences: int, seed: int, folder: Path, progress: object
    ) -> Iterator[Path]:
        for number, write in enumerate(folds):
            shards, out = folder / str(number), folder / f"{number}.jsonl"
            write(shards)
            train, dev = (sentences_of(shards, split) for split in ("train", "dev"))
            found.append(({" ".join(row["text"]) for row in train}, {" ".join(row["text"]) for row in dev}))
            (name,) = read_index(shards).entity_types
            out.write_text("".join(json.dumps(by_capitals(row, name)) + "\n" for row in dev))
            yield out

    monkeypatch.setattr(flow, "predictions", predictions)
    return found


def corpus(path: Path, num: int, first: int = 0) -> Path:
    """Sentences of three lines and a blank one; each has an entity."""
    path.write_text("".join(f"w{n} O\nAnn B-PER\nleft O\n\n" for n in range(first, first + num)))
    return path


def suspects_of(files: dict[str, Path], num: int = 10) -> list[Finding]:
    found: list[Finding] = []
    flow.find_suspects(sources_of(files), Settings(), num, 2, Problems(found.append), no_bar)
    return found


def test_each_sentence_of_all_files_is_tagged_by_taggers_that_have_not_seen_it(seen: Seen, tmp_path: Path) -> None:
    files = {"train": corpus(tmp_path / "train", 40), "dev": corpus(tmp_path / "dev", 20, first=40)}
    assert suspects_of(files) == []
    everything = {f"w{n} Ann left" for n in range(60)}
    assert len(seen) == 2 * flow.REPETITIONS
    for train, dev in seen:
        assert train | dev == everything
        assert not train & dev
    assert seen[0][1] | seen[1][1] == everything
    # Other folds each time.
    assert seen[0] not in seen[2:]


def test_suspects_are_warnings_with_their_places_and_all_are_shown(seen: Seen, tmp_path: Path) -> None:
    path = corpus(tmp_path / "train", 150)
    lines = path.read_text().split("\n")
    for n in range(6):
        lines[4 * n + 1] = "Ann O"
    lines[4 * 30 + 2] = "left B-PER"
    path.write_text("\n".join(lines))
    found: list[Finding] = []
    problems = Problems(found.append)
    flow.find_suspects(sources_of({"train": path}), Settings(), 10, 2, problems, no_bar)
    missed = [finding.place for finding in found if finding.kind == "suspect_missed"]
    assert missed == [f"{path}:{4 * n + 2}" for n in range(6)]
    spurious = [finding for finding in found if finding.kind == "suspect_spurious"]
    assert [finding.suggestion for finding in spurious] == [
        {"action": "set_tags", "first_line": 4 * 30 + 3, "tags": ["O"], "confidence": 1.0}
    ]
    assert (problems.num_errors, problems.warnings) == (0, {"suspect_missed": 6, "suspect_spurious": 1})
    assert len(problems.warning_lines) == 7
    assert len(suspects_of({"train": path}, num=3)) == 3


def test_there_are_never_more_suspects_than_a_share_of_the_entities(seen: Seen, tmp_path: Path) -> None:
    path = corpus(tmp_path / "train", 100)
    path.write_text(path.read_text().replace("Ann B-PER", "Ann O", 40))
    assert len(suspects_of({"train": path}, num=30)) == flow.MOST_SHARE * 60


def test_check_shows_and_lists_them(seen: Seen, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, listed = corpus(tmp_path / "train", 60), tmp_path / "list.jsonl"
    path.write_text(path.read_text().replace("w7 O\nAnn B-PER", "w7 O\nAnn O"))
    assert main(["check", "--train", str(path), "--suspects", "3", "--folds", "2", "--list", str(listed)]) == 0
    assert f"{path}:30: warning: no entity is annotated here, but taggers" in capsys.readouterr().err
    rows = [json.loads(line) for line in listed.read_text().splitlines()]
    (row,) = [row for row in rows if row["kind"] == "suspect_missed"]
    assert (row["place"], row["level"], row["text"], row["entities"]) == (
        f"{path}:30", "warning", "w7 Ann left", [[3, 6, "PER"]]
    )  # fmt: skip


def test_types_of_any_name_come_back(seen: Seen, tmp_path: Path) -> None:
    records = [{"tokens": [f"w{n}", "Ann"], "tags": ["O", "B-Work of: Art" if n else "O"]} for n in range(60)]
    path = tmp_path / "c.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    (finding,) = suspects_of({"train": path})
    assert finding.suggestion is not None
    assert finding.suggestion["tags"] == ["B-Work of: Art"]


def test_a_corpus_that_is_too_small_is_refused(seen: Seen, tmp_path: Path) -> None:
    path = corpus(tmp_path / "train", 39)
    path.write_text(path.read_text() + "Bob\n\n")
    with pytest.raises(CorpusError, match=r"at least 20 sentences for each of 2 folds.*38 sentences.*\(1 with\)"):
        suspects_of({"train": path})
    assert seen == []


def test_folds_without_entities_are_refused(seen: Seen, tmp_path: Path) -> None:
    path = tmp_path / "train"
    path.write_text("Ann B-PER\n\n" + "".join(f"w{n} O\n\n" for n in range(50)))
    with pytest.raises(CorpusError, match="entities in each of 2 folds, and only 1 have some"):
        suspects_of({"train": path})


def test_without_mxnet_the_sentence_names_the_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CorpusError, match=r"needs MXNet, and it is not installed.*pip install 'ner-dist\[train\]'"):
        require_training()


def test_a_small_corpus_is_trained_on_longer() -> None:
    assert num_epochs(100) > num_epochs(500) > num_epochs(100_000)


def test_nothing_is_left_behind_whatever_happens(seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> Iterator[Path]:
        raise KeyboardInterrupt("SIGTERM")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(flow, "predictions", interrupted)
    path = corpus(tmp_path / "train", 60)
    with pytest.raises(KeyboardInterrupt):
        suspects_of({"train": path})
    assert list(tmp_path.iterdir()) == [path]


def test_taggers_are_trained_and_asked_in_processes_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"word_units": 8, "char_units": 4, "char_filters": 4, "lstm_units": 8}
    monkeypatch.setitem(fold_training.KNOBS, "model", sizes)
    monkeypatch.setattr(fold_training, "LEAST_EPOCHS", 2)
    monkeypatch.setattr(fold_training, "MOST_EPOCHS", 2)
    monkeypatch.setattr(flow, "REPETITIONS", 1)
    added, progress = [], []
    monkeypatch.setattr(flow.Suspects, "add", lambda self, path: added.append(path.read_text().splitlines()))

    @contextmanager
    def bar(total: int | None, unit: str, what: str) -> Iterator[Callable[[int], object]]:
        progress.append(total)
        yield lambda advance: progress.append(advance)

    corpus = synthesise(60, 1, tmp_path)
    flow.find_suspects(sources_of(corpus), Settings(), 5, 2, Problems(), bar)
    records = [json.loads(line) for lines in added for line in lines]
    assert sorted(int(record["record"]) for record in records) == list(range(60))
    assert {"start", "end", "type", "confidence", "blank", "text"} == set(records[0]["gold"][0])
    # Reading, and two folds of two epochs.
    assert progress[0] is None
    assert sum(progress[progress.index(4) + 1 :]) == 4
