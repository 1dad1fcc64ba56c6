"""Hugging Face data sets in Parquet and Arrow files: names of integers, types of columns, rows that are wrong."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from read_files import read_files

from data_prep.cutting.cut_records import cut_record
from data_prep.formats.arrow import tables as arrow_tables
from data_prep.formats.corpus_format import ReadOptions
from data_prep.formats.json.fields import Fields
from data_prep.formats.json.records import record_of
from data_prep.problems import CorpusError

NAMES = ["O", "B-PER", "I-PER", "B-LOC"]
TOKENS = [["Ann", "Lee", "sang", "."], ["Oslo", "slept"]]
IDS = [[1, 2, 0, 0], [3, 0]]
TAGS = [["B-PER", "I-PER", "O", "O"], ["B-LOC", "O"]]


def labels(names: list[str] = NAMES) -> dict[str, Any]:
    return {"names": names, "_type": "ClassLabel"}


def hugging_face(table: pa.Table, **features: Any) -> pa.Table:
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return table.replace_schema_metadata(metadata)


def table(**columns: Any) -> pa.Table:
    return pa.table(columns)


def written(path: Path, rows: pa.Table, **options: Any) -> Path:
    pq.write_table(rows, path, **options)
    return path


def numbered(**features: Any) -> pa.Table:
    rows = table(id=["0", "1"], tokens=TOKENS, ner_tags=pa.array(IDS, pa.list_(pa.int64())))
    return hugging_face(rows, **(features or {"ner_tags": {"feature": labels(), "_type": "Sequence"}}))


@pytest.mark.parametrize(
    "feature",
    [
        {"feature": labels(), "_type": "Sequence"},
        {"feature": {"num_classes": 4, **labels(), "id": None}, "length": -1, "id": None, "_type": "Sequence"},
        {"feature": labels(), "_type": "List"},
        {"feature": labels(), "_type": "LargeList"},
        [labels()],
    ],
    ids=["Sequence", "older", "List", "LargeList", "list"],
)
def test_integers_are_named_by_the_files_own_metadata(tmp_path: Path, feature: Any) -> None:
    found = read_files(written(tmp_path / "train.parquet", numbered(ner_tags=feature)))
    assert (found.tokens, found.tags, found.problems.errors) == (TOKENS, TAGS, [])
    assert [sentence.line for sentence in found.sentences] == [1, 2]
    assert [sentence.origin.record for sentence in found.sentences] == ["0", "1"]  # type: ignore[union-attr]
    assert found.formats == {"train.parquet": "parquet"}


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.list_(pa.int8()), pa.large_list(pa.uint16())])
def test_integers_of_any_width_are_tags(tmp_path: Path, kind: pa.DataType) -> None:
    path = written(tmp_path / "p", table(words=TOKENS, labels=pa.array(IDS, kind)))
    assert read_files(path, tag_names=tuple(NAMES)).tags == TAGS


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.string()), pa.large_list(pa.large_string()), pa.list_(pa.dictionary(pa.int32(), pa.string()))]
)
def test_tags_are_strings_of_any_type(tmp_path: Path, kind: pa.DataType) -> None:
    path = written(tmp_path / "p", table(tokens=pa.array(TOKENS, kind), tags=pa.array(TAGS, kind)))
    found = read_files(path)
    assert (found.tokens, found.tags) == (TOKENS, TAGS)
    assert found.sentences[0].origin is None


def test_integers_without_names_are_refused(tmp_path: Path) -> None:
    plain = table(tokens=TOKENS, ner_tags=IDS)
    for rows in (
        plain,
        hugging_face(plain, ner_tags={"feature": {"dtype": "int64", "_type": "Value"}, "_type": "List"}),
    ):
        with pytest.raises(
            CorpusError, match=r"'ner_tags' are numbers, and their names are never guessed; pass --tag-names"
        ):
            read_files(written(tmp_path / "p", rows))


def test_names_of_the_file_and_the_option_must_agree(tmp_path: Path) -> None:
    path = written(tmp_path / "p", numbered())
    assert read_files(path, tag_names=tuple(NAMES)).tags == TAGS
    with pytest.raises(
        CorpusError, match="the file itself names its tags O, B-PER, I-PER, B-LOC, and --tag-names O, X"
    ):
        read_files(path, tag_names=("O", "X"))


@pytest.mark.parametrize("metadata", [b"{", b"[]", b'{"info": {}}', b'{"info": {"features": [1]}}', b'{"info": null}'])
def test_strange_metadata_is_as_none(tmp_path: Path, metadata: bytes) -> None:
    rows = table(tokens=TOKENS, tags=TAGS).replace_schema_metadata({b"huggingface": metadata})
    assert read_files(written(tmp_path / "p", rows)).tags == TAGS


def test_a_column_of_one_of_two_kinds_of_tags_is_chosen_by_the_user(tmp_path: Path) -> None:
    path = written(
        tmp_path / "p", table(tokens=TOKENS, ner_tags=TAGS, fine_ner_tags=[["B-x", "I-x", "O", "O"], ["O", "O"]])
    )
    with pytest.raises(CorpusError, match="'ner_tags' or 'fine_ner_tags'; choose with --columns tag="):
        read_files(path)
    assert read_files(path, columns=(("tags", "fine_ner_tags"),)).tags[0] == ["B-x", "I-x", "O", "O"]


def test_parts_of_speech_and_chunks_are_no_entities(tmp_path: Path) -> None:
    chunks = [["B-NP", "I-NP", "B-VP", "O"], ["B-NP", "B-VP"]]
    path = written(tmp_path / "p", table(tokens=TOKENS, pos_tags=chunks, chunk_tags=chunks, ner_tags=TAGS))
    assert read_files(path).tags == TAGS


def test_features_are_columns_named_by_metadata_if_they_are_integers(tmp_path: Path) -> None:
    rows = table(
        tokens=TOKENS, ner_tags=TAGS, pos_tags=[[1, 1, 0, 2], [1, 0]], shape=[["X", "X", "x", "."], ["X", "x"]]
    )
    path = written(tmp_path / "p", hugging_face(rows, pos_tags={"feature": labels(["V", "N", "."]), "_type": "List"}))
    features = (("pos", "pos_tags"), ("shape", "shape"))
    assert read_files(path, features=features).sentences[0].features == {
        "pos": ["N", "N", "V", "."],
        "shape": ["X", "X", "x", "."],
    }
    with pytest.raises(CorpusError, match="--feature pos=upos: no such field; there are tokens, ner_tags"):
        read_files(path, features=(("pos", "upos"),))


def test_documents_are_numbered_in_their_order(tmp_path: Path) -> None:
    rows = table(tokens=[["a"]] * 5, tags=[["O"]] * 5, document_id=["x", "x", None, "y", "x"])
    found = read_files(written(tmp_path / "p", rows))
    assert [sentence.document for sentence in found.sentences] == [1, 1, 0, 2, 3]
    assert list(found.documents.values()) == ["x", "y", "x"]


WRONG_ROWS = [
    (None, ["O"], "expected tokens and tags, or a text"),
    (["a"], None, "neither tags nor entities"),
    (["a", "b"], ["O"], '2 tokens but 1 values of "tags"'),
    ([], [], "a sentence without tokens"),
    (["a", None], ["O", "O"], '"tokens" is not a list of strings'),
    (["a", "b"], ["O", None], '"tags" holds strings and other values'),
]


@pytest.mark.parametrize("wrong", WRONG_ROWS, ids=lambda row: row[2])
def test_a_wrong_row_is_named_and_the_others_are_read(tmp_path: Path, wrong: tuple[Any, Any, str]) -> None:
    tokens, tags, message = wrong
    rows = table(tokens=[["Ann"], tokens, ["Bo"]], tags=[["O"], tags, ["B-PER"]])
    found = read_files(written(tmp_path / "p", rows))
    assert (found.tokens, [sentence.line for sentence in found.sentences]) == ([["Ann"], ["Bo"]], [1, 3])
    (error,) = found.problems.errors
    assert error.startswith(f"{tmp_path}/p:2: error: {message[:20]}"), error
    assert message in error


@pytest.mark.parametrize("number", [4, -1, -100])
def test_an_integer_without_a_name_is_named_with_its_row(tmp_path: Path, number: int) -> None:
    rows = hugging_face(table(tokens=[["a"], ["b"]], tags=[[0], [number]]), tags=[labels()])
    (error,) = read_files(written(tmp_path / "p", rows)).problems.errors
    assert error.startswith(f'{tmp_path}/p:2: error: "tags" holds {number}, but there are names for 0 (O) to 3 (B-LOC)')


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (table(tokens=[[1, 2]], tags=[["O", "O"]]), "tokens"),
        (table(tokens=TOKENS, tags=[[0.5, 0, 0, 0], [0.5, 0]]), "tags"),
        (table(tokens=["Ann sang"], tags=["O O"]), "expected tokens and tags"),
        (table(sentence_vectors=[[0.5]]), "expected tokens and tags.* the first records have sentence_vectors"),
        (table(tokens=pa.array([], pa.list_(pa.string())), tags=pa.array([], pa.list_(pa.string()))), "no rows"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, rows: pa.Table, message: str) -> None:
    path = written(tmp_path / "p", rows)
    try:
        found = read_files(path)
    except CorpusError as error:
        text = str(error)
    else:
        text = found.problems.errors[0]
    assert str(path) in text
    assert re.search(message, text), text


@pytest.mark.parametrize("as_lists", [False, True], ids=["list of structs", "struct of lists"])
def test_a_text_with_entities_is_cut_into_tokens(tmp_path: Path, as_lists: bool) -> None:
    text = ["Ann Lee sang in Oslo. It rained.", "Nobody came."]
    entities = [[{"start": 0, "end": 7, "label": 0}, {"start": 16, "end": 20, "label": 1}], []]
    spans: list[Any] = entities
    if as_lists:
        spans = [{key: [span[key] for span in some] for key in ("start", "end", "label")} for some in entities]
    feature = {"start": {"_type": "Value"}, "end": {"_type": "Value"}, "label": labels(["PER", "LOC"])}
    rows = hugging_face(table(text=text, entities=spans), entities=feature if as_lists else [feature])
    found = read_files(written(tmp_path / "p", rows))
    assert found.problems.errors == []
    assert found.spans == [("Ann Lee", "PER"), ("Oslo", "LOC")]
    assert found.tokens == [["Ann", "Lee", "sang", "in", "Oslo", "."], ["It", "rained", "."], ["Nobody", "came", "."]]


def test_names_of_entities_beside_tokens_and_tags_are_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "p", table(tokens=TOKENS, ner_tags=TAGS, spans=[["PER: Ann Lee"], ["LOC: Oslo"]]))
    assert (read_files(path).tags, read_files(path).problems.errors) == (TAGS, [])


def test_arrow_files_are_read_like_parquet(tmp_path: Path) -> None:
    rows = numbered()
    with pa.OSFile(str(tmp_path / "stream.arrow"), "wb") as file, pa.ipc.new_stream(file, rows.schema) as stream:
        stream.write_table(rows, max_chunksize=1)
    with pa.OSFile(str(tmp_path / "file.arrow"), "wb") as file, pa.ipc.new_file(file, rows.schema) as whole:
        whole.write_table(rows, max_chunksize=1)
    (tmp_path / "z").write_bytes(gzip.compress((tmp_path / "stream.arrow").read_bytes()))
    for name in ("stream.arrow", "file.arrow", "z"):
        found = read_files(tmp_path / name)
        assert (found.tags, [sentence.line for sentence in found.sentences]) == (TAGS, [1, 2]), name


def test_a_sharded_folder_as_it_is_downloaded(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for i in range(2):
        written(tmp_path / "data" / f"train-0000{i}-of-00002.parquet", numbered().slice(i, 1))
    (tmp_path / "README.md").write_text("---\ndataset_info: x\n---\n")
    (tmp_path / "dataset_infos.json").write_text("{}")
    assert read_files(tmp_path).tokens == TOKENS


def test_small_batches_and_row_groups_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pa.concat_tables([numbered()] * 20)
    path = written(tmp_path / "p", rows, row_group_size=3)
    monkeypatch.setattr(arrow_tables, "BATCH_BYTES", 1)
    found = read_files(path)
    assert (found.tokens, found.tags) == (TOKENS * 20, TAGS * 20)
    assert [sentence.line for sentence in found.sentences] == list(range(1, 41))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "p", numbered())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorpusError, match=r"p: the file is damaged or incomplete"):
        read_files(path)


def test_strings_that_are_no_text_are_named(tmp_path: Path) -> None:
    values = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\x04\0\0\0"), pa.py_buffer(b"Jos\xe9")]
    )
    tokens = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), values)
    rows = pa.table({"tokens": tokens, "tags": [["O"]]})
    with pytest.raises(CorpusError, match=r"p: the file is damaged or incomplete .*UTF8"):
        read_files(written(tmp_path / "p", rows))


def test_values_behind_rows_without_a_list_are_not_there(tmp_path: Path) -> None:
    values, offsets = pa.array(["x", "y", "Ann", None, "Bo"]), pa.array([0, 2, 3, 4, 5], pa.int32())
    tokens = pa.ListArray.from_arrays(offsets, values, mask=pa.array([True, False, False, False]))
    rows = table(tokens=tokens, tags=[["O"], ["B-PER"], ["O"], ["B-PER"]])
    with pa.OSFile(str(tmp_path / "p"), "wb") as file, pa.ipc.new_stream(file, rows.schema) as stream:
        stream.write_table(rows)
    found = read_files(tmp_path / "p")
    assert [(sentence.line, sentence.tokens) for sentence in found.sentences] == [(2, ["Ann"]), (4, ["Bo"])]
    assert [error.split(":")[1] for error in found.problems.errors] == ["1", "3"]


ROW = st.tuples(
    st.none() | st.lists(st.none() | st.sampled_from(["a", "b", "ü"]), max_size=3),
    st.none() | st.lists(st.none() | st.integers(-1, 3), max_size=3),
)


@given(st.lists(ROW, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_columns_at_once_and_rows_one_by_one_agree(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    """Rows in front make the columns clear, whatever follows."""
    rows = [(["Ann"], [1]), *rows]
    tokens, tags = zip(*rows)
    data = table(tokens=pa.array(tokens, pa.list_(pa.string())), tags=pa.array(tags, pa.list_(pa.int32())))
    found = read_files(written(tmp_path_factory.mktemp("rows") / "p", data), tag_names=("O", "B-X", "I-X"))
    good = []
    options = ReadOptions(tag_names=("O", "B-X", "I-X"))
    fields = Fields("tokens", "tags", None, None, None, None, ())
    for number, row in enumerate(data.to_pylist(), 1):
        try:
            cut = cut_record(record_of(number, row, fields, options), lambda text: [], options.cut_options)
        except ValueError:
            continue
        good += [(number, sentence.tokens, sentence.tags) for sentence in cut.sentences]
    assert [(sentence.line, sentence.tokens, sentence.tags) for sentence in found.sentences] == good
    assert found.problems.num_errors == len(rows) - len(good)
