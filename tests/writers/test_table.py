"""The table of writers is all that a new format to write needs; names and endings say which one is meant."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from data_prep.passes.convert import Target, convert
from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.settings import Settings
from data_prep.tags.tag_strings import spell_tags
from data_prep.writers import table
from data_prep.writers.output_format import OutputFormat, WriteOptions


class ToyWriter:
    """One sentence per line, each token with its tag: token/TAG token/TAG"""

    def __init__(self, file: IO[bytes], options: WriteOptions, problems: Problems) -> None:
        self._file, self._options = file, options

    def write(self, block: TaggedSentences) -> None:
        tag_M = spell_tags(block, self._options.entity_types, self._options.scheme)
        pairs = [f"{token}/{tag}" for token, tag in zip(block.text_M, tag_M)]
        self._file.write("".join(" ".join(pairs[place]) + "\n" for place in block.sentence_slices()).encode())

    def close(self) -> None:
        pass


TOY = OutputFormat("toy", "token/TAG", ToyWriter, endings=(".toy",), has_tags=True)


def test_a_new_format_is_written_and_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table.WRITERS, TOY.name, TOY)
    (tmp_path / "in").write_text("Anna B-PER\nsaw O\nNew B-LOC\nYork I-LOC\n\nrain O\n\n")
    convert(tmp_path / "in", Target(str(tmp_path / "out.toy")), Settings(scheme="bio"), None, Problems())
    assert (tmp_path / "out.toy").read_text() == "Anna/B-PER saw/O New/B-LOC York/I-LOC\nrain/O\n"
    assert table.describe().endswith("toy: token/TAG")
    assert "toy for .toy" in table.describe_endings()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.conll", "conll"),
        ("a", "conll"),
        ("a.conllu.gz", "conllu"),
        ("a.b.CSV.xz", "kaggle"),
        ("a.json.bz2", "jsonl"),
        ("dir.csv/a.spacy", "docbin"),
        ("a.parquet", "parquet"),
        ("a.jsonl.bak", "conll"),
    ],
)
def test_a_files_name_says_its_format(name: str, expected: str) -> None:
    assert table.format_of_name(name).name == expected


def blocks() -> tuple[TaggedSentences, TaggedSentences]:
    nothing = np.zeros(0, np.int64)
    none = TaggedSentences([], nothing, {"pos": []}, nothing, "file:", nothing)
    some = TaggedSentences(["a"], np.array([4]), {"pos": ["N"]}, np.array([1]), "file:", np.array([1]))
    return none, some


def written(row: OutputFormat, *given: TaggedSentences) -> bytes:
    file = io.BytesIO()
    writer = row.open(file, WriteOptions(["X"], "bio", features=("pos",)), Problems())
    for block in given:
        writer.write(block)
    writer.close()
    return file.getvalue()


@pytest.mark.parametrize("row", [*table.WRITERS.values(), *table.AS_TEXT.values()], ids=lambda row: row.description)
def test_blocks_without_a_sentence_leave_no_trace(row: OutputFormat) -> None:
    none, some = blocks()
    assert written(row, none, some, none) == written(row, some)


def test_no_sentence_at_all_is_a_valid_file() -> None:
    assert written(table.WRITERS["label-studio"]) == b"[]\n"
    assert written(table.WRITERS["parquet"])[:4] == b"PAR1"
