"""The shard format: the index survives a round trip, and each fault is one clear sentence."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ner_dist.contract.shard_format import (
    INDEX_NAME,
    TEXT_COLUMNS,
    VECTORS_NAME,
    VERSION,
    Feature,
    ShardError,
    VectorsFile,
    file_sha256,
    id_dtype,
    read_index,
    read_vocab,
    read_word_vectors,
    shard_schema,
    verify_file,
    write_index,
)


@pytest.fixture
def shards(synth_shards: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(synth_shards, tmp_path / "shards"))


def edit(shards: Path, change: Callable[[dict[str, Any]], object]) -> None:
    record = json.loads((shards / INDEX_NAME).read_text())
    change(record)
    (shards / INDEX_NAME).write_text(json.dumps(record))


def test_an_index_comes_back_as_it_was_written(synth_shards: Path, tmp_path: Path) -> None:
    index = read_index(synth_shards)
    write_index(tmp_path, index)
    assert read_index(str(tmp_path)) == index
    assert (tmp_path / INDEX_NAME).read_bytes() == (synth_shards / INDEX_NAME).read_bytes()


def test_totals_are_sums_over_shards_and_buckets(synth_shards: Path) -> None:
    index = read_index(synth_shards)
    assert index.num_tags == 1 + 4 * len(index.entity_types)
    assert [index.num_sentences(split) for split in ("train", "dev", "test")] == [320, 40, 40]
    assert index.num_tokens("dev") == index.stats["dev"]["num_tokens"]


def test_the_fingerprint_tells_content_and_not_place(shards: Path, synth_shards: Path) -> None:
    index = read_index(synth_shards)
    assert read_index(shards).fingerprint() == index.fingerprint()
    edit(shards, lambda record: record["splits"]["dev"][2].update(sha256="0" * 64))
    assert read_index(shards).fingerprint() != index.fingerprint()


def test_the_fingerprint_covers_raw_rows(synth_shards: Path) -> None:
    index = read_index(synth_shards)
    with_raw = dataclasses.replace(index, raw={"dev": index.splits["dev"]})
    assert with_raw.fingerprint() != index.fingerprint()


def test_settings_of_the_preparation_may_grow_without_a_new_version(shards: Path) -> None:
    edit(shards, lambda record: record["settings"].update(new_knob=1))
    assert read_index(shards).settings["new_knob"] == 1


def drop(*path: str) -> Callable[[dict[str, Any]], object]:
    def change(record: dict[str, Any]) -> None:
        for key in path[:-1]:
            record = record[key] if isinstance(record, dict) else record[int(key)]
        del record[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(version=VERSION + 1), f"format version {VERSION + 1}, this code reads version {VERSION}"),
        (lambda r: r.pop("version"), "format version None"),
        (lambda r: r.update(format="other"), "not an index of NER shards"),
        (drop("bucket_edges"), "missing, unknown or of the wrong kind"),
        (drop("splits", "train", "3", "sha256"), "missing, unknown or of the wrong kind"),
        (drop("vocab", "word", "num_values"), "missing, unknown or of the wrong kind"),
        (drop("features"), "missing, unknown or of the wrong kind"),
        (lambda r: r.update(surprise=1), "missing, unknown or of the wrong kind"),
        (lambda r: r.update(splits=[1]), "missing, unknown or of the wrong kind"),
        (lambda r: r.update(vocab=None), "missing, unknown or of the wrong kind"),
        (lambda r: r["features"].append({"name": "x"}), "missing, unknown or of the wrong kind"),
        (drop("vectors"), "missing, unknown or of the wrong kind"),
        (drop("raw"), "missing, unknown or of the wrong kind"),
        (drop("has_text"), "missing, unknown or of the wrong kind"),
        (lambda r: r.update(raw={"dev": [{}]}), "missing, unknown or of the wrong kind"),
        (lambda r: r["vocab"]["char"].update(path="/tmp/x"), "'/tmp/x' is not a path within the directory"),
        (lambda r: r["vocab"]["char"].update(path="vocab/../../x"), "is not a path within the directory"),
        (lambda r: r["splits"]["dev"][0].update(path=1), "missing, unknown or of the wrong kind"),
        (lambda r: r.update(vectors={"path": "vectors.npy"}), "missing, unknown or of the wrong kind"),
    ],
)
def test_an_index_this_code_cannot_read_is_refused(
    shards: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit(shards, change)
    with pytest.raises(ShardError, match=message) as caught:
        read_index(shards)
    assert str(caught.value).startswith(f"{shards / INDEX_NAME}: ")
    assert str(caught.value).endswith("rebuild the shards")


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", '{"format": 1}', "\x00\xff"])
def test_what_is_not_an_index_is_refused(shards: Path, text: str) -> None:
    (shards / INDEX_NAME).write_bytes(text.encode("latin-1"))
    with pytest.raises(ShardError, match=r"index\.json: not (readable as JSON|an index of NER shards)"):
        read_index(shards)


def test_an_absent_directory_and_a_half_built_one_are_told_apart(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"nowhere: the shard directory does not exist; run `make shards`"):
        read_index(tmp_path / "nowhere")
    (shards / INDEX_NAME).unlink()
    with pytest.raises(ShardError, match=r"shards: the shard directory holds no index\.json, so its shards were never"):
        read_index(shards)


def test_every_file_of_a_set_verifies(synth_shards: Path) -> None:
    index = read_index(synth_shards)
    for shard in (shard for shards in index.splits.values() for shard in shards):
        assert verify_file(synth_shards, shard) == synth_shards / shard.path
    assert {name: len(read_vocab(synth_shards, index, name)["values"]) for name in index.vocab} == {
        name: entry.num_values for name, entry in index.vocab.items()
    }


def test_a_file_that_is_absent_longer_or_altered_is_named(shards: Path) -> None:
    entry = read_index(shards).splits["train"][0]
    path = shards / entry.path
    whole = path.read_bytes()
    path.write_bytes(whole + b"x")
    with pytest.raises(ShardError, match=rf"{path}: {len(whole) + 1} bytes, index\.json states {len(whole)}"):
        verify_file(shards, entry)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    assert file_sha256(path) != entry.sha256
    with pytest.raises(ShardError, match=rf"{path}: checksum {file_sha256(path)[:12]}\.\.\., index\.json states"):
        verify_file(shards, entry)
    path.unlink()
    with pytest.raises(ShardError, match=rf"{path}: listed in index\.json but missing"):
        verify_file(shards, entry)


def test_a_damaged_vocabulary_is_refused(shards: Path) -> None:
    index = read_index(shards)
    path = shards / index.vocab["char"].path
    path.write_text(path.read_text().replace("1", "2", 1))
    with pytest.raises(ShardError, match=r"char\.json: checksum"):
        read_vocab(shards, index, "char")


def add_vectors(shards: Path, vectors_VD: np.ndarray, num_units: int) -> None:
    """Put vectors.npy into a set and name it in the index."""
    path = shards / VECTORS_NAME
    np.save(path, vectors_VD)
    entry = VectorsFile(path.name, path.stat().st_size, file_sha256(path), num_units, first_unseen=2)
    edit(shards, lambda record: record.update(vectors=dataclasses.asdict(entry)))


def test_vectors_are_verified_and_part_of_the_fingerprint(shards: Path) -> None:
    before = read_index(shards)
    assert before.vectors is None
    vectors_VD = np.arange(before.vocab["word"].num_values * 3, dtype=np.float32).reshape(-1, 3)
    vectors_VD[:2] = np.nan
    add_vectors(shards, vectors_VD, 3)
    index = read_index(shards)
    assert index.fingerprint() != before.fingerprint()
    np.testing.assert_array_equal(read_word_vectors(shards, index), vectors_VD)
    (shards / VECTORS_NAME).write_bytes(b"x")
    with pytest.raises(ShardError, match=rf"{VECTORS_NAME}: 1 bytes, index\.json states"):
        read_word_vectors(shards, index)
    (shards / VECTORS_NAME).unlink()
    with pytest.raises(ShardError, match=rf"{VECTORS_NAME}: listed in index\.json but missing"):
        read_word_vectors(shards, index)


@pytest.mark.parametrize(
    ("rows", "units", "dtype"), [(0, 3, np.float32), (1, 3, np.float32), (0, 4, np.float32), (0, 3, np.float64)]
)
def test_vectors_of_another_shape_or_type_are_refused(shards: Path, rows: int, units: int, dtype: type) -> None:
    num_values = read_index(shards).vocab["word"].num_values
    add_vectors(shards, np.zeros((num_values + rows, units), dtype), 3)
    index = read_index(shards)
    if (rows, units, dtype) == (0, 3, np.float32):
        assert read_word_vectors(shards, index).shape == (num_values, 3)
    else:
        with pytest.raises(ShardError, match=rf"of shape .*, index\.json states float32 of \({num_values}, 3\)"):
            read_word_vectors(shards, index)


@pytest.mark.parametrize(
    ("num_values", "expected"),
    [(1, "uint8"), (256, "uint8"), (257, "uint16"), (65_536, "uint16"), (65_537, "uint32"), (1 << 32, "uint32")],
)
def test_ids_take_the_narrowest_type_that_holds_them(num_values: int, expected: str) -> None:
    assert id_dtype(num_values) == np.dtype(expected)
    assert np.iinfo(expected).max >= num_values - 1


def test_more_values_than_32_bits_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit 32-bit ids"):
        id_dtype((1 << 32) + 1)


def test_the_schema_has_a_column_a_feature_of_its_own_width_and_no_nulls() -> None:
    schema = shard_schema(300, [Feature("small", 9), Feature("large", 5000)], has_text=False)
    first = ["sentence_id", "length", "source", "line", "record", "document", "recut"]
    assert schema.names == [*first, "word", "char", "token_chars", "tag", "small", "large", "text"]
    widths = {name: schema.field(name).type.value_type for name in ("tag", "small", "large", "word", "char")}
    assert widths == {
        "tag": pa.uint16(),
        "small": pa.uint8(),
        "large": pa.uint16(),
        "word": pa.int32(),
        "char": pa.uint16(),
    }
    assert not any(field.nullable for field in schema)


def test_places_in_texts_are_further_columns() -> None:
    schema, without = (shard_schema(5, [], has_text) for has_text in (True, False))
    assert schema.names == [*without.names, *TEXT_COLUMNS]
    assert [str(schema.field(name).type) for name in TEXT_COLUMNS] == [
        "string",
        "int64",
        "list<item: int32 not null>",
        "list<item: int32 not null>",
    ]
    assert not any(field.nullable for field in schema)
