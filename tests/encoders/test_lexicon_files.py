"""Lexicon features: from --lexicon to the columns of shards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from corpus_sources import sources_of

from data_prep.__main__ import main
from data_prep.encoders.lexicon_files import MIN_PART_TOKENS, entity_lists, read_entries
from data_prep.encoders.vocab import PAD, UNK
from data_prep.passes.build import build
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings, SettingsError
from data_prep.staging import OutputError
from ner_dist.contract.lexicon_matching import LABELS
from ner_dist.contract.shard_format import file_sha256, read_vocab
from tests.contract.test_lexicon_matching import labels


def write_list(path: Path, *entries: str) -> Path:
    path.write_text("\n".join(entries) + "\n", encoding="utf-8")
    return path


def test_a_single_name_matches_for_persons_and_not_for_other_types(tmp_path: Path) -> None:
    for name in ("PER", "person", "LOC"):
        write_list(tmp_path / f"{name}.txt", "James Joyce", "Henry James", "Ada Countess of Lovelace")
    by_name = {names.type: names for names in entity_lists(Settings(lexicon=str(tmp_path)))}
    sentence = ["Joyce", "met", "Henry", "and", "James", "but", "no", "Lovelace"]
    for name, expected in (("PER", "LOBOUOOO"), ("person", "LOBOUOOO"), ("LOC", "OOOOOOOO")):
        names = by_name[name]
        assert labels(read_entries(names.path), [sentence], names.partial) == [expected]


def test_lines_that_are_not_entries_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "X.txt"
    path.write_bytes(b"\xef\xbb\xbf# from a gazetteer\r\n\r\n  New \t York\r\n \nNew York\n#York\nParis")
    assert read_entries(path) == [["new", "york"], ["new", "york"], ["paris"]]


CORPUS = "John B-PER\nSmith I-PER\nof O\nNew B-LOC\nYork I-LOC\n\nSmith B-PER\nsaw O\nYork B-LOC\nCity I-LOC\n"


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    (tmp_path / "lists").mkdir()
    write_list(tmp_path / "lists" / "LOC.txt", "New York City", "New York City", "Nowhere")
    write_list(tmp_path / "lists" / "PER.txt", "Ann Smith")
    (tmp_path / "lists" / "README.md").write_text("not a list")
    (tmp_path / "corpus").write_text(CORPUS)
    return tmp_path / "lists"


def run(lists: Path, out: str = "out", **knobs: Any) -> tuple[Path, Any]:
    sources = {"train": lists.parent / "corpus", "dev": lists.parent / "corpus"}
    directory = lists.parent / out
    return directory, build(
        sources_of(sources), Settings(num_shards=1, lexicon=str(lists), **knobs), directory, Problems()
    )


def columns(directory: Path, index: Any, name: str) -> list[str]:
    """The column of a lexicon in train, in corpus order, one letter per token."""
    values = read_vocab(directory, index, name)["values"]
    rows = pq.read_table(directory / index.splits["train"][0].path).sort_by("sentence_id")[name].to_pylist()
    return ["".join(values[value_id] for value_id in row) for row in rows]


def test_each_list_is_a_column_of_the_shards(lists: Path) -> None:
    out, index = run(lists)
    assert [(feature.name, feature.num_values) for feature in index.features] == [
        ("caps", 7),
        ("lexicon_LOC", 7),
        ("lexicon_PER", 7),
    ]
    vocab = json.loads((out / "vocab" / "lexicon_LOC.json").read_text())
    assert vocab["values"] == [PAD, UNK, *LABELS]
    # Each entry once, in the spelling that is matched.
    assert (vocab["entries"], vocab["parts"]) == (["new york city", "nowhere"], [MIN_PART_TOKENS, 512])
    assert columns(out, index, "lexicon_LOC") == ["OOOBI", "OOIL"]
    assert columns(out, index, "lexicon_PER") == ["OLOOO", "LOOO"]
    assert [source for source in index.sources if source["split"] == "lexicon"] == [
        {"split": "lexicon", "name": path.name, "num_bytes": path.stat().st_size, "sha256": file_sha256(path)}
        for path in (lists / "LOC.txt", lists / "PER.txt")
    ]
    assert (index.settings["lexicon"], index.settings["lexicon_partial"]) == ("lists", "all")


@pytest.mark.parametrize(
    ("partial", "places", "persons"),
    [("none", ["OOOOO", "OOOO"], ["OOOOO", "OOOO"]), ("PER", ["OOOOO", "OOOO"], ["OLOOO", "LOOO"])],
)
def test_only_the_named_types_match_in_part(lists: Path, partial: str, places: list[str], persons: list[str]) -> None:
    out, index = run(lists, lexicon_partial=partial)
    assert (columns(out, index, "lexicon_LOC"), columns(out, index, "lexicon_PER")) == (places, persons)


def test_the_same_lists_give_the_same_bytes(lists: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "lists"
    first, _ = run(lists)
    before = {path.relative_to(first): path.read_bytes() for path in first.rglob("*") if path.is_file()}
    lists.rename(moved)
    (tmp_path / "corpus").rename(moved.parent / "corpus")
    second, _ = run(moved)
    assert {path.relative_to(second): path.read_bytes() for path in second.rglob("*") if path.is_file()} == before


def test_a_lexicon_within_the_output_is_refused(lists: Path) -> None:
    out, _ = run(lists)
    (out / "vocab" / "lists").mkdir()
    write_list(out / "vocab" / "lists" / "PER.txt", "Ann Smith")
    with pytest.raises(OutputError, match="would be replaced"):
        build(
            sources_of({"train": lists.parent / "corpus"}),
            Settings(lexicon=str(out / "vocab" / "lists")),
            out,
            Problems(),
        )


@pytest.mark.parametrize(
    ("files", "knobs", "error", "message"),
    [
        (None, {}, SettingsError, r"--lexicon .*lists is not a folder"),
        ({}, {}, SettingsError, r"lists holds no TYPE\.txt"),
        ({"PER.csv": b"a"}, {}, SettingsError, r"lists holds no TYPE\.txt"),
        ({"a b.txt": b"a"}, {}, SettingsError, r"a b\.txt names the type 'a b'; expected only letters"),
        ({"Ä.txt": b"a"}, {}, SettingsError, "names the type 'Ä'"),
        ({"per.txt": b"a", "PER.txt": b"a"}, {}, SettingsError, r"PER\.txt and .*per\.txt name the same type but for"),
        ({"PER.txt": b"a"}, {"lexicon_partial": "PER,ORG"}, SettingsError, "names 'ORG', but --lexicon has PER; exp"),
        ({"PER.txt": b""}, {}, CorpusError, r"PER\.txt: error: no entry"),
        ({"PER.txt": b"# only this\n \n"}, {}, CorpusError, r"PER\.txt: error: no entry"),
        ({"PER.txt": b"a\nb\ncaf\xe9\n"}, {}, CorpusError, r"PER\.txt:3: error: byte 0xe9 is not UTF-8 text"),
        ({"PER.txt": "a".encode("utf-16")}, {}, CorpusError, r"PER\.txt:1: error: byte 0xff is not UTF-8 text"),
    ],
)
def test_lists_that_cannot_be_used_are_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, bytes] | None,
    knobs: dict[str, str],
    error: type[ValueError],
    message: str,
) -> None:
    (tmp_path / "corpus").write_text(CORPUS)
    if files is not None:
        (tmp_path / "lists").mkdir()
        for name, content in files.items():
            (tmp_path / "lists" / name).write_bytes(content)
    with pytest.raises(error, match=message):
        run(tmp_path / "lists", **knobs)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in knobs.items()]
    (tmp_path / "dev").write_text(CORPUS)
    sources = [f"--train={tmp_path / 'corpus'}", f"--dev={tmp_path / 'dev'}"]
    assert main(["build", *sources, f"--lexicon={tmp_path / 'lists'}", f"--out={tmp_path / 'out'}", *options]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1 if error is SettingsError else 2)
    assert not (tmp_path / "out").exists()
