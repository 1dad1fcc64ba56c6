"""Where the outputs of many files are written, and what would replace something."""

from __future__ import annotations

from pathlib import Path

import pytest
import store_folder

from ner_dist.errors import UserError
from ner_dist.predicting.input_files import find_files
from ner_dist.predicting.output_places import output_name, output_places
from ner_dist.prediction.output_formats import ENDINGS, FORMATS, format_of


@pytest.mark.parametrize(
    ("name", "format_name", "expected"),
    [
        ("a.txt", "jsonl", "a.jsonl"),
        ("a/b.txt.gz", "parquet", "a/b.parquet"),
        ("a.b/c", "inline", "a.b/c.xml"),
        ("2026.01.31", "jsonl", "2026.01.31.jsonl"),
        ("2026.01.31.conll", "conll", "2026.01.31.conll"),
        ("part-1.JSON", "docbin", "part-1.spacy"),
    ],
)
def test_an_output_has_the_name_of_its_input_and_the_ending_of_its_format(
    name: str, format_name: str, expected: str
) -> None:
    assert output_name(name, format_name) == expected


def test_every_format_has_an_ending_that_stands_for_it_where_one_does() -> None:
    assert tuple(ENDINGS) == FORMATS
    for format_name in ("jsonl", "conll", "inline", "html", "docbin", "parquet"):
        assert format_of(Path(f"a{ENDINGS[format_name]}"), "auto") == format_name


def places(inputs: Path, out: Path, format_name: str = "jsonl") -> list[str]:
    found = output_places(out, inputs, find_files(inputs), format_name)
    return [str(place.relative_to(out)) for place in found]  # type: ignore[union-attr]


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("a")
    return folder


def test_outputs_lie_below_the_folder_as_inputs_do(tmp_path: Path) -> None:
    made(tmp_path, "in/a.txt", "in/b/c.txt")
    assert places(tmp_path / "in", tmp_path / "out") == ["a.jsonl", "b/c.jsonl"]
    # Beside a pattern's files, if it does not stand for them.
    assert places(tmp_path / "in" / "*.txt", tmp_path / "in") == ["a.jsonl"]


@pytest.mark.parametrize(
    ("inputs", "out", "message"),
    [
        (
            "in",
            "in",
            "--out .*in is the folder of the input, so its files would be input the next time; choose another",
        ),
        ("in", "in/../in/b", "in/b lies in the folder of the input .*in, so its files would be input the next time"),
        ("in", "in/a.txt", "--out .*in/a.txt is a file, expected the folder for the outputs of .*in$"),
        ("in/*", "in", r"in/a.jsonl is a name that .*in/\* stands for, so it would be input the next time"),
        ("nested", ".", "nested/x.jsonl is a name that .*nested stands for"),
        ("twice", "out", "twice: a.conll and a.txt would both become .*out/a.jsonl; rename one, or tag them into diff"),
        ("above", "out", "above: a.txt would become .*out/a.jsonl, the folder for a.jsonl/b.txt; rename one"),
    ],
)
def test_what_would_replace_something_is_one_sentence(inputs: str, out: str, message: str, tmp_path: Path) -> None:
    made(tmp_path, "in/a.txt", "in/b/c.txt", "twice/a.txt", "twice/a.conll", "above/a.txt", "above/a.jsonl/b.txt")
    # Of the second, the output would be the first.
    made(tmp_path, "nested/x.jsonl", "nested/nested/x.jsonl")
    with pytest.raises(UserError, match=message):
        places(tmp_path / inputs, tmp_path / out)


def test_the_same_holds_in_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = store_folder.use(tmp_path, monkeypatch)
    made(tmp_path / "store" / "s3" / "texts" / "made", "a.txt", "b/c.txt")
    named = find_files(folder)
    beside = folder.parent / "made-tagged"
    assert output_places(beside, folder, named, "conll") == [beside / "a.conll", beside / "b" / "c.conll"]
    assert output_places(tmp_path, folder, named, "conll")[0] == tmp_path / "a.conll"
    for out, message in ((folder, "is the folder of the input"), (folder / "b", "lies in the folder of the input")):
        with pytest.raises(UserError, match=f"--out {out} {message}"):
            output_places(out, folder, named, "jsonl")
    with pytest.raises(UserError, match=r"made/a\.txt is a file, expected the folder"):
        output_places(folder / "a.txt", folder, named, "jsonl")
    with pytest.raises(UserError, match=r"made/a.jsonl is a name that s3://texts/made/\* stands for"):
        output_places(folder, folder / "*", find_files(folder / "*"), "jsonl")
