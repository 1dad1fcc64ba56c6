"""Parquet as `datasets` writes it: the columns, their types, and the features in the metadata."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_prep.passes.convert import Target, convert
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.writers.parquet import tag_names

VALUE = {"dtype": "string", "_type": "Value"}
TEXTS = {"feature": VALUE, "_type": "Sequence"}


def table_of(tmp_path: Path, *records: dict[str, object]) -> pa.Table:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    convert(tmp_path / "in.jsonl", Target(str(tmp_path / "out.parquet")), Settings(scheme="bio"), None, Problems())
    return pq.read_table(tmp_path / "out.parquet")


def test_tags_are_integers_with_their_names_in_the_metadata(tmp_path: Path) -> None:
    found = table_of(
        tmp_path,
        {"id": "7", "document": "d", "tokens": ["a", "b"], "tags": ["B-Y", "I-Y"], "pos": ["N", "V"]},
        {"tokens": ["c"], "tags": ["B-X"], "pos": ["N"]},
    )
    names = ["O", "B-X", "I-X", "B-Y", "I-Y"]
    assert json.loads(found.schema.metadata[b"huggingface"]) == {
        "info": {
            "features": {
                "id": VALUE,
                "document": VALUE,
                "tokens": TEXTS,
                "ner_tags": {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"},
                "pos": TEXTS,
            }
        }
    }
    assert found.schema.field("ner_tags").type == pa.list_(pa.int64())
    assert found.to_pylist() == [
        {"id": "7", "document": "d", "tokens": ["a", "b"], "ner_tags": [3, 4], "pos": ["N", "V"]},
        {"id": None, "document": None, "tokens": ["c"], "ner_tags": [1], "pos": ["N"]},
    ]


def test_columns_without_a_value_are_not_there(tmp_path: Path) -> None:
    assert table_of(tmp_path, {"tokens": ["a"], "tags": ["B-Y"]}).column_names == ["tokens", "ner_tags"]


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("bio", ["O", "B-X", "I-X"]),
        ("iob1", ["O", "B-X", "I-X"]),
        ("bioes", ["O", "B-X", "I-X", "E-X", "S-X"]),
        ("bilou", ["O", "B-X", "I-X", "L-X", "U-X"]),
        ("bmes", ["O", "B-X", "M-X", "E-X", "S-X"]),
        ("bmewo", ["O", "B-X", "M-X", "E-X", "W-X"]),
        ("io", ["O", "X"]),
    ],
)
def test_each_scheme_has_its_tags(scheme: str, expected: list[str]) -> None:
    assert tag_names(["X"], scheme) == expected
