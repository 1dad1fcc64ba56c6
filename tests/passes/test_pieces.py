"""The set and all messages are the same if large files are read in pieces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from built_parts import InTurn, built
from part_corpora import DIRTY, conll, jsonl, written

from data_prep.passes import build as build_module
from data_prep.passes import partitions
from data_prep.passes import plan_parts as plan_module
from data_prep.passes.plan_parts import plan_parts
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile


def in_documents(number: int, dirty: bool) -> str:
    """Columns with documents of several sentences."""
    documents = (f"-DOCSTART- -X- O\n\n{conll(number, False)}\n" for _ in range(4))
    return "".join(documents) + ("a NN I-LOC\nb NN OO\n\n" if dirty else "")


PIECES: dict[str, tuple[Callable[[int, bool], str], bool, dict[str, Any]]] = {
    "sentences": (conll, False, {}),
    "documents": (in_documents, False, {}),
    "texts in documents": (jsonl, False, {"tokenizer": "whitespace", "on_misaligned": "drop"}),
    # One kind of problems is told in the order of lines; of several, the order depends on how a file is read.
    "wrong tags": (in_documents, True, {"on_broken": "repair"}),
    "wrong tags that fail": (in_documents, True, {}),
    "several kinds of problems": (conll, True, DIRTY),
    "several kinds that fail": (conll, True, {}),
}


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("name", PIECES)
def test_pieces_of_large_files_change_neither_bytes_nor_messages(
    name: str, listed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, dirty, knobs = PIECES[name]
    files = written(tmp_path / "corpus", [kind] * 3, (1,) if dirty else ())
    large = files[1].path
    # Of texts, the documents go on from one to the next line, and from one piece to the next.
    large.write_text("".join(kind(3, False) for _ in range(5)) + large.read_text() + kind(1, False))
    for splits in (["train"] * 3, ["dev", "train", "test"]):
        sources = sorted(zip(splits, files), key=lambda source: ["train", "dev", "test"].index(source[0]))
        expected = built(tmp_path / f"one-{splits[0]}", sources, None, listed, **knobs)
        assert expected.files or expected.errors
        with monkeypatch.context() as patched:
            patched.setattr(build_module, "OneProcess", InTurn)
            patched.setattr(partitions, "MIN_BYTES", 400)
            options = Settings(**knobs).read_options
            planned = plan_parts(sources, options, InTurn(), ())
            assert sum(one.file.path == large for part in planned for one in part) > 3
            found = built(tmp_path / "pieces", sources, None, listed, **knobs)
        assert found == expected


def token_lines(has_documents: bool) -> str:
    rows = [{"tokens": [f"w{i}", "x"], "tags": ["B-PER", "O"]} for i in range(40)]
    # Late, so that the beginning does not show it.
    rows += [{**row, **({"document": "d"} if has_documents else {})} for row in rows[:5]]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    "name",
    ["clean", "dirty", "dirty bytes", "fails", "documents", "one sentence", "token lines", "lines with documents"],
)
@pytest.mark.parametrize("listed", [False, True])
def test_pieces_of_a_file_change_neither_bytes_nor_messages(
    name: str, listed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(conll(number, number in (2, 4) and name != "clean") for number in range(6))
    knobs = {} if name == "fails" else DIRTY
    content = text.encode()
    if name == "dirty bytes":
        content = content.replace(b"w31", b"\xff31")
        knobs = {**DIRTY, "on_undecodable": "replace"}
    if name == "documents":
        content = content.replace(b"w40 NN", b"-DOCSTART- O O\n\nw40 NN")
    if name == "one sentence":
        content = b"w NN B-PER\n. NN O\n\n" + b"# a comment\n\n" * 200
    if "lines" in name:
        content = token_lines(name == "lines with documents").encode()
        knobs = {"pos_column": None}
    path = tmp_path / "corpus"
    path.write_bytes(content)
    sources = [("train", SourceFile(path)), ("dev", written(tmp_path / "dev", [conll], ())[0])]
    expected = built(tmp_path / "one", sources, None, listed, **knobs)
    monkeypatch.setattr(build_module, "OneProcess", InTurn)
    monkeypatch.setattr(plan_module, "piece_bytes", lambda files, num_workers: 150)
    stages: list[str] = []
    run = InTurn.run
    monkeypatch.setattr(InTurn, "run", lambda self, stage, *rest: stages.append(stage) or run(self, stage, *rest))
    assert built(tmp_path / "pieces", sources, None, listed, **knobs) == expected
    # Pieces with one kind of problems say what the whole says; those with several kinds are read again.
    read_again = ("dirty", "dirty bytes", "documents", "one sentence")
    assert any(stage.startswith("read-whole") for stage in stages) == (name in read_again)
