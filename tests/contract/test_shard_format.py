"""The shard format: the index survives a round trip, and each fault is one clear sentence."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import sealed_files

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
    sealed_files.edit(shards / INDEX_NAME, change)


def test_an_index_comes_back_as_it_was_written(synth_shards: Path, tmp_path: Path) -> None:
    index = read_index(synth_shards)
    shutil.copytree(synth_shards / "vocab", tmp_path / "vocab")
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
        (
            lambda r: r.update(version=VERSION + 1),
            f"format version {VERSION + 1}, this code reads versions 4 and {VERSION}",
        ),
        (lambda r: r.pop("version"), "format version None"),
        (lambda r: r.update(format="other"), "not an index of NER shards"),
        (drop("bucket_edges"), "the field bucket_edges is missing"),
        (drop("splits", "train", "3", "sha256"), r"the field splits\.train\[3\]\.sha256 is missing"),
        (drop("vocab", "word", "num_values"), "the field vocab.word.num_values is missing"),
        (drop("features"), "the field features is missing"),
        (lambda r: r.update(surprise=1), "the field surprise is unknown"),
        (lambda r: r.update(splits=[1]), r"the field splits is \[1\], expected an object"),
        (lambda r: r.update(vocab=None), "the field vocab is None, expected an object"),
        (lambda r: r["features"].append({"name": "x"}), r"the field features\[2\]\.num_values is missing"),
        (drop("vectors"), "the field vectors is missing"),
        (drop("raw"), "the field raw is missing"),
        (drop("has_text"), "the field has_text is missing"),
        (drop("stats", "dev", "tags"), "the field stats.dev.tags is missing"),
        (lambda r: r.update(raw={"dev": [{}]}), r"the field raw\.dev\[0\]\.path is missing \(and 4 more faults\)"),
        (lambda r: r["vocab"]["char"].update(path="/tmp/x"), "it names the file '/tmp/x', expected vocab/char.json"),
        (lambda r: r["vocab"]["char"].update(path="vocab/../../x"), "it names the file 'vocab/../../x', expected"),
        (lambda r: r["vocab"].update(evil={**r["vocab"]["char"], "path": "../x.py"}), "it names the file '../x.py'"),
        (lambda r: r["vocab"].update(evil={**r["vocab"]["char"], "path": "vocab/evil.json"}), "expected word, char"),
        (lambda r: r["splits"]["dev"][0].update(path=1), r"the field splits\.dev\[0\]\.path is 1, expected a string"),
        (lambda r: r["splits"]["dev"][0].update(num_bytes=1.5), "num_bytes is 1.5, expected an integer"),
        (lambda r: r["splits"]["dev"][0].update(num_bytes="9"), "num_bytes is '9', expected an integer"),
        (lambda r: r.update(vectors={"path": "vectors.npy"}), r"the field vectors\.num_bytes is missing"),
        (lambda r: r.update(entity_types=["LOC", "LOC"]), "entity_types has an empty one or one twice"),
        (lambda r: r.update(entity_types=list(map(str, range(9999)))), "9999 entity_types, expected 4096 at most"),
        (lambda r: r["bucket_edges"].reverse(), "bucket_edges is .*, expected lengths from 1 on, ascending"),
        (lambda r: r["features"].append(r["features"][0]), "features has one twice"),
        (lambda r: r["features"][0].update(name="../x"), "features has '../x', expected names of token features"),
        (lambda r: r["vocab"]["word"].update(num_values=10**12), "vocab.word has 1000000000000 values, expected 1 to"),
        (lambda r: r["vocab"]["word"].update(num_values=-1), "vocab.word has -1 values"),
        (lambda r: r["splits"].update(train=r["splits"]["dev"]), "names the file 'dev-00000.parquet', expected train-"),
        (lambda r: r["splits"]["train"].reverse(), "names the file 'train-00007.parquet', expected train-00000"),
        (lambda r: r["splits"]["train"].pop(), "8 shards of dev, expected 7, as many as of other splits"),
        (
            lambda r: r["splits"]["train"][1].update(sha256=r["splits"]["train"][0]["sha256"]),
            "shards of train are the s",
        ),
        (lambda r: r["splits"]["train"][1]["rows"].append(1), "rows or tokens of train-00001.* not counts"),
        (lambda r: r["splits"]["train"][1]["rows"].__setitem__(0, -5), "of train-00001.parquet are not counts"),
        (lambda r: r["splits"]["train"][1]["tokens"].__setitem__(0, 10**9), "tokens of train-00001.parquet do not fit"),
        (lambda r: r["splits"]["train"][1].update(row_groups=[1]), r"splits\.train\[1\]\.row_groups is unknown"),
        (lambda r: r["splits"].update(odd=[]), "it has the splits 'train, dev, test, odd', expected train, dev or"),
        (lambda r: r.update(splits={}), "it has the splits '', expected train, dev or test"),
        (lambda r: r["raw"].update(odd=[]), "raw odd', expected train, dev or test, and raw rows of these"),
        (lambda r: r["stats"].pop("dev"), "stats has 'train, test', expected the splits"),
        (lambda r: r["stats"]["dev"].update(num_tokens=3), "stats.dev has other num_sentences or num_tokens"),
        (lambda r: r["stats"]["dev"]["entities"].popitem(), "stats.dev.entities has other types than entity_types"),
        (lambda r: r["stats"]["dev"].update(longest=-1), "stats.dev has a negative number"),
        (lambda r: r["stats"]["dev"].update(padding_to_edge="much"), "padding_to_edge is 'much', expected a number"),
        (lambda r: r["settings"].update(keep_case=None), "keep_case or keep_digits is missing"),
        (lambda r: r["settings"].update(max_chars=0), "settings.max_chars is 0, expected a number of characters"),
        (lambda r: r["tokenizer"].update(version=2), "the field tokenizer.version is 2, expected a string"),
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


def test_rows_that_no_file_of_this_size_can_have_are_refused(shards: Path) -> None:
    def change(record: Any) -> None:
        for shard in record["splits"]["train"]:
            shard.update(rows=[10**9] * len(shard["rows"]))
            shard.update(tokens=[edge * 10**9 for edge in record["bucket_edges"]])

    edit(shards, change)
    with pytest.raises(ShardError, match=r"\d+ rows in the \d+ bytes of train-00000.parquet, expected fewer"):
        read_index(shards)


def test_an_index_that_was_changed_is_noticed(shards: Path) -> None:
    path = shards / INDEX_NAME
    text = path.read_text()
    for other in (
        text.replace("LOC", "LOK", 1),
        text.replace('"sha256": "', '"sha256": "0', 1),
        text.replace(" ", "", 1),
    ):
        path.write_text(other)
        with pytest.raises(
            ShardError, match=r"index\.json: (its own checksum|has no checksum of itself).*; rebuild the"
        ):
            read_index(shards)


def test_a_key_that_is_there_twice_is_refused(shards: Path) -> None:
    path = shards / INDEX_NAME
    path.write_text(path.read_text().replace('"has_text"', '"has_text": true, "has_text"'))
    with pytest.raises(ShardError, match=r"the key 'has_text' occurs twice in an object"):
        read_index(shards)


def test_a_link_out_of_the_set_is_not_followed(shards: Path, tmp_path: Path) -> None:
    path = shards / "vocab" / "char.json"
    path.rename(tmp_path / "char.json")
    path.symlink_to(tmp_path / "char.json")
    with pytest.raises(ShardError, match=r"char\.json: leads out of .*shards by a link"):
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
    if (rows, units, dtype) == (0, 3, np.float32):
        assert read_word_vectors(shards, read_index(shards)).shape == (num_values, 3)
    else:
        # The size alone tells, unless the difference is less than what a header may take.
        shape = rf"of shape .*, index\.json states float32 of \({num_values}, 3\)"
        with pytest.raises(ShardError, match=rf"{shape}|vectors states 3 units in \d+ bytes"):
            read_word_vectors(shards, read_index(shards))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_vectors_that_are_no_numbers_are_refused(shards: Path, value: float) -> None:
    vectors_VD = np.zeros((read_index(shards).vocab["word"].num_values, 3), np.float32)
    vectors_VD[7, 1], vectors_VD[9] = value, np.nan
    add_vectors(shards, vectors_VD, 3)
    with pytest.raises(ShardError, match=r"vectors\.npy: row 7 is neither finite nor all NaN"):
        read_word_vectors(shards, read_index(shards))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["values"].append("x"), "73 values with 72 counts"),
        (lambda r: r["values"].__setitem__(9, r["values"][8]), "is there twice, expected distinct values"),
        (lambda r: r["values"].__setitem__(9, None), r"the field values\[9\] is None, expected a string"),
        (lambda r: r["counts"].__setitem__(9, -1), "a count is negative"),
        (lambda r: r.pop("types"), "0 types, or types of other kinds, expected 72 from 0 to 4"),
        (lambda r: r["types"].__setitem__(9, 5), "types of other kinds"),
        (lambda r: r.update(entries=[]), "it has entries, expected none in the vocabulary char"),
        (lambda r: r.update(odd=[]), "the field odd is unknown"),
    ],
)
def test_a_vocabulary_that_is_none_is_refused(
    shards: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    path = shards / "vocab" / "char.json"
    number = read_index(shards).vocab["char"].num_values
    sealed_files.edit(path, change)
    found = {"num_bytes": path.stat().st_size, "sha256": file_sha256(path)}
    edit(shards, lambda record: record["vocab"]["char"].update(found))
    message = message.replace("72", str(number)).replace("73", str(number + 1))
    with pytest.raises(ShardError, match=rf"char\.json: .*{message}.*; rebuild the shards"):
        read_vocab(shards, read_index(shards), "char")


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
