"""The set and all messages are the same in whatever parts a corpus is read, and in whatever order the parts end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from built_parts import Built, InTurn, built
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from data_prep.passes import build as build_module
from data_prep.passes import partitions
from data_prep.passes import plan_parts as plan_module
from data_prep.passes.plan_parts import plan_parts
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile

DIRTY = {"on_broken": "repair", "on_long_word": "cut", "on_long_sentence": "split", "max_tokens": 6, "max_chars": 9}


def conll(number: int, dirty: bool) -> str:
    lines = [f"w{number}{i % 7} NN {'B-PER' if i % 3 == 0 else 'O'}{chr(10) * (i % 4 == 3)}" for i in range(40)]
    if dirty:
        lines[3:3] = [
            f"Long{number}{'x' * 20} NN O",
            "a NN I-LOC",
            "\u200b NN O",
            "b NN OO",
            "c NN L-PER",
            *["d NN O"] * 7,
        ]
    return "\n".join(lines) + "\n"


def jsonl(number: int, dirty: bool) -> str:
    rows = []
    for i in range(12):
        text = f"Ada{number} went to Oslo{i % 3}. She saw pro-Ada{i} songs there."
        spans = [[0, 3 + len(str(number)), "PER"], [text.index("Oslo"), text.index("Oslo") + 5, "LOC"]]
        if dirty and i % 4 == 1:
            spans += [spans[0], [text.index("pro-") + 4, text.index("pro-") + 7, "PER"]]
        rows.append(json.dumps({"text": text, "entities": spans, **({"document": f"d{i // 4}"} if number % 2 else {})}))
    return "\n".join(rows) + "\n"


def written(folder: Path, kinds: Sequence[Callable[[int, bool], str]], dirty: Sequence[int]) -> list[SourceFile]:
    folder.mkdir(exist_ok=True)
    files = []
    for number, kind in enumerate(kinds):
        path = folder / f"{number}.{kind.__name__}"
        path.write_text(kind(number, number in dirty))
        files.append(SourceFile(path))
    return files


CORPORA = {
    "columns": ([conll] * 5, (), {}),
    "dirty columns": ([conll] * 5, (1, 3), DIRTY),
    "dirty columns that fail": ([conll] * 5, (1, 3), {}),
    "texts": ([jsonl] * 5, (2,), {"on_misaligned": "split", "on_broken": "repair", "tokenizer": "whitespace"}),
    # What has parts of speech and what has none do not mix; the first file with sentences says what is wanted.
    "columns and texts": ([conll, jsonl, conll, jsonl, conll], (), {"pos_column": None, "tokenizer": "whitespace"}),
    "texts and columns": ([jsonl, jsonl, conll, conll, conll], (), {"tokenizer": "whitespace"}),
}


@pytest.mark.parametrize("name", CORPORA)
def test_borders_of_parts_change_neither_bytes_nor_messages(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kinds, dirty, knobs = CORPORA[name]
    folder = tmp_path_factory.mktemp("parts")
    files = written(folder / "corpus", kinds, dirty)
    expected: dict[tuple[bool, bool], Built] = {}

    @hypothesis_settings(max_examples=5, deadline=None)
    @given(borders=st.sets(st.integers(1, 4), min_size=1), is_split=st.booleans(), listed=st.booleans())
    def same(borders: set[int], is_split: bool, listed: bool) -> None:
        splits = ["train"] * 5 if is_split else ["train"] * 3 + ["dev", "test"]
        sources = list(zip(splits, files))
        key = (is_split, listed)
        if key not in expected:
            expected[key] = built(folder / f"one-{is_split}-{listed}", sources, None, listed, **knobs)
        found = built(folder / "parts", sources, [0, *sorted(borders), 5], listed, **knobs)
        assert found == expected[key]

    same()


def test_a_file_that_cannot_be_read_ends_all_as_it_would_one_after_another(tmp_path: Path) -> None:
    files = written(tmp_path / "corpus", [conll] * 5, (0, 4))
    files[2].path.write_text("only prose here\n")
    sources = [("train", file) for file in files]
    expected = built(tmp_path / "one", sources, None, listed=True)
    assert "2.conll: the format cannot be recognised" in expected.errors
    assert expected.findings
    for bounds in ([0, 1, 2, 3, 4, 5], [0, 3, 5], [0, 2, 5]):
        assert built(tmp_path / "parts", sources, bounds, listed=True) == expected


def test_which_file_has_one_string_too_many_does_not_depend_on_the_parts(tmp_path: Path) -> None:
    sources = [("train", file) for file in written(tmp_path / "corpus", [conll] * 5, ())]
    expected = built(tmp_path / "one", sources, None, listed=False, max_distinct=20)
    assert "2.conll: there are more than 20 different tokens" in expected.errors
    assert built(tmp_path / "parts", sources, [0, 1, 2, 3, 4, 5], listed=False, max_distinct=20) == expected


def test_an_empty_first_part_decides_nothing_about_the_others(tmp_path: Path) -> None:
    files = written(tmp_path / "corpus", [conll, conll, jsonl], ())
    files[0].path.write_text("# a NN B-PER\n\n# b NN O\n")
    for knobs in ({"format": "conll"}, {}):
        sources = [("train", file) for file in (files[:2] if knobs else files)]
        bounds = list(range(len(sources) + 1))
        expected = built(tmp_path / "one", sources, None, listed=True, **knobs)
        assert built(tmp_path / "parts", sources, bounds, listed=True, **knobs) == expected


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
