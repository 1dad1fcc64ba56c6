"""Documents in several splits, in files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from corpus_sources import sources_of

from data_prep.passes.check import check
from data_prep.problems import Finding, Problems
from data_prep.settings import Settings

Row = Mapping[str, object]
SENTENCES = [f"Ann saw it {number}." for number in ("once", "twice", "thrice", "again", "never", "often")]


def leaks(tmp_path: Path, train: Sequence[Row], dev: Sequence[Row]) -> list[Finding]:
    files = {"train": tmp_path / "train.jsonl", "dev": tmp_path / "dev.jsonl"}
    for path, rows in zip(files.values(), (train, dev)):
        path.write_text("".join(json.dumps({"entities": [[0, 3, "PER"]], **row}) + "\n" for row in rows))
    listed: list[Finding] = []
    check(sources_of(files), Settings(num_shards=1), None, Problems(listed.append))
    return [finding for finding in listed if "document" in finding.kind]


def test_a_document_by_name_in_train_and_dev_is_found(tmp_path: Path) -> None:
    train = [{"text": text, "document": "d1"} for text in SENTENCES[:3]]
    dev = [{"text": "Ann ran.", "document": "d0"}, {"text": "Ann left.", "document": "d1"}]
    (leak,) = leaks(tmp_path, train, dev)
    assert (leak.kind, leak.document) == ("document_in_several_splits", "d1")
    assert leak.place == f"{tmp_path / 'dev.jsonl'}:2"
    where = f"{tmp_path / 'train.jsonl'}:1"
    assert leak.message == f"document 'd1' is in dev (1 sentence) and in train (3 sentences, first {where})"


def test_a_document_of_several_sentences_in_both_is_found_without_a_name(tmp_path: Path) -> None:
    text = {"text": " ".join(SENTENCES)}
    (leak,) = leaks(tmp_path, [text, {"text": "Ann ran."}], [{"text": "Ann left."}, text])
    assert (leak.kind, leak.document, leak.place) == (
        "document_in_several_splits",
        "",
        f"{tmp_path / 'dev.jsonl'}:2",
    )


def test_a_document_with_most_sentences_in_train_is_found(tmp_path: Path) -> None:
    changed = " ".join([*SENTENCES[:5], "Ann did not."])
    (leak,) = leaks(tmp_path, [{"text": " ".join(SENTENCES)}], [{"text": changed}])
    assert leak.kind == "nearly_same_documents"
    assert leak.message == "most of the 6 sentences of a document also occur in train"


def test_sentences_without_documents_do_not_leak(tmp_path: Path) -> None:
    rows = [{"text": text} for text in SENTENCES]
    assert leaks(tmp_path, rows, rows) == []
