"""Where the sentences of shards come from: the columns give back every text and entity, and so do the raw rows."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from corpus_sources import sources_of
from shard_rows import shard_rows
from span_corpus import SpanRecord, span_corpus, write_spans

from data_prep.passes.build import build
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile
from ner_dist.contract.shard_format import Index
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.contract.tokenizers import TokenizerChoice, make_tokenizer

Row = dict[str, Any]


class Built(NamedTuple):
    folder: Path
    index: Index
    # By split.
    records: dict[str, list[SpanRecord]]

    def rows(self, split: str, raw: bool = False) -> dict[str, list[Row]]:
        """By the names of their records, in the order of the corpus."""
        found = defaultdict(list)
        for row in shard_rows(self.folder, self.index, split, raw):
            found[row["record"]].append(row)
        return found


def spans_of(row: Row, entity_types: list[str]) -> list[tuple[int, int, str]]:
    """The entities of the source that begin in the row."""
    numbers = iter(row["spans"])
    return [(start, end, entity_types[kind]) for start, end, kind in zip(numbers, numbers, numbers)]


def tagged(row: Row, entity_types: list[str]) -> list[tuple[int, int, str]]:
    """The entities of its tags, by characters."""
    found, names = [], bilou_tags(entity_types)
    begin = 0
    for token, start, tag in zip(row["text"], row["start"], row["tag"]):
        letter, _, kind = names[tag].partition("-")
        begin = start if letter in "BU" else begin
        if letter in "LU":
            found.append((begin, start + len(token), kind))
    return found


WAYS: dict[str, dict[str, Any]] = {
    "split": {"on_misaligned": "split"},
    "widen": {"on_misaligned": "widen"},
    "drop": {"on_misaligned": "drop", "tokenizer": "whitespace"},
    "characters": {"tokenizer": "characters"},
    "short": {"on_misaligned": "split", "max_tokens": 5, "on_long_sentence": "split"},
}


@pytest.fixture(scope="module", params=WAYS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Texts of some sentences, with entities that overlap and that fit no tokens."""
    folder = tmp_path_factory.mktemp("texts")
    records = {split: span_corpus(number, number, overlaps=True) for split, number in (("train", 60), ("dev", 25))}
    files = {split: write_spans(folder / f"{split}.jsonl", found) for split, found in records.items()}
    settings = Settings(num_shards=3, num_buckets=4, on_broken="repair", **WAYS[request.param])
    return Built(folder / "out", build(sources_of(files), settings, folder / "out", Problems()), records)


@pytest.mark.parametrize("raw", [False, True])
def test_the_parts_of_a_record_are_its_text_and_tokens_are_at_their_places(built: Built, raw: bool) -> None:
    for split, records in built.records.items():
        rows = built.rows(split, raw)
        if not raw:
            assert list(rows) == [record.id for record in records]
        for record in records:
            if rows[record.id]:
                assert "".join(row["source_text"] for row in rows[record.id]) == record.text
            for row in rows[record.id]:
                part = slice(row["text_start"], row["text_start"] + len(row["source_text"]))
                assert record.text[part] == row["source_text"]
                assert [record.text[i : i + len(token)] for i, token in zip(row["start"], row["text"])] == row["text"]
                assert row["start"] == sorted(row["start"])


@pytest.mark.parametrize("raw", [False, True])
def test_every_entity_of_the_source_is_there_exactly_once(built: Built, raw: bool) -> None:
    for split, records in built.records.items():
        rows = built.rows(split, raw)
        for record in records:
            found = []
            for row in rows[record.id]:
                part = range(row["text_start"], row["text_start"] + len(row["source_text"]))
                assert all(start in part for start, _, _ in spans_of(row, built.index.entity_types))
                found += spans_of(row, built.index.entity_types)
            assert found == (sorted(record.spans) if rows[record.id] else [])


def test_raw_rows_are_what_the_tokenizer_alone_yields_for_records_that_the_gold_changed(built: Built) -> None:
    tokenizer = make_tokenizer(TokenizerChoice.from_record(built.index.tokenizer))
    names, num_recut = built.index.entity_types, 0
    for split, records in built.records.items():
        main, raw = built.rows(split), built.rows(split, raw=True)
        for record in records:
            alone = [(sentence.tokens, sentence.starts) for sentence in tokenizer.sentences(record.text)]
            recut = {row["recut"] for row in main[record.id]}
            num_recut += recut == {True}
            assert len(recut) == 1
            if recut == {False}:
                assert not raw[record.id]
                assert [(row["text"], row["start"]) for row in main[record.id]] == alone
                continue
            assert [(row["text"], row["start"]) for row in raw[record.id]] == alone
            for row in raw[record.id]:
                # The entities that its tokens express; of two that overlap only one.
                ends = {i + len(token) for i, token in zip(row["start"], row["text"])}
                fitting = {span for span in spans_of(row, names) if span[0] in row["start"] and span[1] in ends}
                assert {*tagged(row, names)} <= fitting
                assert len({*tagged(row, names)}) == len(tagged(row, names))
                if fitting:
                    assert tagged(row, names)
    assert num_recut > 5


def test_raw_rows_have_ids_of_their_own_and_as_many_shards(built: Built) -> None:
    assert list(built.index.raw) == list(built.index.splits)
    for split, shards in built.index.raw.items():
        assert len(shards) == len(built.index.splits[split])
        ids = [row["sentence_id"] for row in shard_rows(built.folder, built.index, split, raw=True)]
        assert ids == list(range(len(ids)))


def test_rows_name_the_file_line_and_record(built: Built) -> None:
    for split, records in built.records.items():
        lines = {record.id: line for line, record in enumerate(records, 1)}
        for row in [*shard_rows(built.folder, built.index, split), *shard_rows(built.folder, built.index, split, True)]:
            assert built.index.sources[row["source"]]["name"] == f"{split}.jsonl"
            assert row["line"] == lines[row["record"]]


def test_a_set_of_columns_has_places_but_no_texts(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("-DOCSTART- O\n\nAda B-PER\nran O\n\nOslo B-LOC\n\n-DOCSTART- O\n\n\nBern B-LOC\n\n")
    (tmp_path / "b").write_text("Rome B-LOC\n\nin O\nLima B-LOC\n")
    (tmp_path / "dev").write_text("-DOCSTART- O\n\nAda B-PER\nran O\n")
    sources = [("train", SourceFile(tmp_path / "a")), ("train", SourceFile(tmp_path / "b"))]
    sources.append(("dev", SourceFile(tmp_path / "dev")))
    index = build(sources, Settings(num_shards=2, format="conll"), tmp_path / "out", Problems())
    assert (index.has_text, index.raw) == (False, {})
    assert [source["name"] for source in index.sources] == ["a", "b", "dev"]
    rows = shard_rows(tmp_path / "out", index, "train")
    assert [(row["source"], row["line"], row["document"]) for row in rows] == [
        (0, 3, "1"),
        (0, 6, "1"),
        (0, 11, "2"),
        (1, 1, ""),
        (1, 3, ""),
    ]
    assert {(row["record"], row["recut"]) for row in rows} == {("", False)}
    assert [(row["source"], row["line"]) for row in shard_rows(tmp_path / "out", index, "dev")] == [(2, 3)]
    assert not {"source_text", "spans"} & rows[0].keys()


def test_names_of_records_and_documents_are_kept_without_texts(tmp_path: Path) -> None:
    lines = [
        {"id": f"r{i}", "document": name, "tokens": ["Ada", "ran"], "tags": ["B-PER", "O"]}
        for i, name in enumerate("aab")
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, lines)))
    sources = sources_of({"train": tmp_path / "c.jsonl", "dev": tmp_path / "c.jsonl"})
    index = build(sources, Settings(num_shards=1), tmp_path / "out", Problems())
    rows = shard_rows(tmp_path / "out", index, "train")
    assert [(row["record"], row["document"]) for row in rows] == [("r0", "a"), ("r1", "a"), ("r2", "b")]
    assert not index.has_text


LONG = "one two three four Ada Lovelace Byron six seven Oslo nine ten"
GOLD = [(19, 37, "PER"), (48, 52, "LOC")]


@pytest.mark.parametrize("given_tokens", [False, True])
def test_long_sentences_of_texts_are_cut_and_stay_at_their_places(tmp_path: Path, given_tokens: bool) -> None:
    record: dict[str, Any] = {"text": LONG, "entities": [list(span) for span in GOLD]}
    if given_tokens:
        record["tokens"] = LONG.split(" ")
    (tmp_path / "c.jsonl").write_text(json.dumps(record) + "\n" + json.dumps(record))
    sources = sources_of({"train": tmp_path / "c.jsonl", "dev": tmp_path / "c.jsonl"})
    knobs = {"num_shards": 1, "max_tokens": 5, "num_buckets": 2}
    with pytest.raises(CorpusError, match=r"c.jsonl:1: error: a sentence of 12 tokens, more than --max-tokens 5"):
        build(sources, Settings(**knobs), tmp_path / "out", Problems())
    problems = Problems()
    index = build(sources, Settings(**knobs, on_long_sentence="split"), tmp_path / "out", problems)
    rows = shard_rows(tmp_path / "out", index, "train")[:3]
    assert [len(row["text"]) for row in rows] == [4, 5, 3]
    assert [row["length"] for row in rows] == [4, 5, 3]
    assert [bilou_tags(index.entity_types)[tag] for row in rows for tag in row["tag"] if tag] == [
        "B-PER",
        "I-PER",
        "L-PER",
        "U-LOC",
    ]
    assert "".join(row["source_text"] for row in rows) == LONG
    assert [LONG[i : i + len(token)] for row in rows for i, token in zip(row["start"], row["text"])] == LONG.split()
    assert [row["recut"] for row in rows] == [True] * 3
    assert problems.warnings["long_sentences_split"] == 4
    # As new text is cut; longer ones than those of training must be readable, too.
    raw = shard_rows(tmp_path / "out", index, "train", raw=True)
    assert [row["length"] for row in raw] == [12, 12]
    assert index.bucket_edges[-1] == 12


def test_a_split_without_texts_has_no_score_over_characters(tmp_path: Path) -> None:
    (tmp_path / "texts").write_text('{"id": "1", "text": "Ann left.", "entities": [[0, 3, "PER"]]}\n')
    (tmp_path / "tokens").write_text('{"id": "2", "tokens": ["Bo", "ran"], "tags": ["B-PER", "O"]}\n')
    sources = sources_of({"train": tmp_path / "texts", "dev": tmp_path / "tokens"})
    index = build(sources, Settings(num_shards=1), tmp_path / "out", Problems())
    assert index.has_text
    assert [split for split, stats in index.stats.items() if "inexpressible" in stats] == ["train"]
