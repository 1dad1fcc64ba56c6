"""JSON values one after another: however they are laid out, and however the file is cut into pieces."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.formats.corpus_format import ReadOptions, Sample, Source
from data_prep.formats.json.values import json_values, sample_values
from data_prep.problems import CorpusError, Problems

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def read(text: str, piece_chars: int = 1 << 20) -> tuple[list[tuple[int, Any]], Problems]:
    pieces = [text[begin : begin + piece_chars] for begin in range(0, len(text), piece_chars)]
    lines = accumulate((piece.count("\n") for piece in pieces), initial=1)
    problems = Problems()
    source = Source("f.json", iter(()), zip(lines, pieces), ReadOptions(), *[None] * 4, 1)  # type: ignore[arg-type]
    return list(json_values(source._replace(problems=problems))), problems


def sample(text: str) -> Any:
    return sample_values(Sample("f.json", text.encode(), text, text.splitlines()))


@pytest.mark.parametrize(
    ("text", "layout", "lines"),
    [
        ('{"a": 1}\n{"a": 2}\n', "JSON lines", [1, 2]),
        ('{"a": 1}\r\n\r\n  {"a": 2}\r\n', "JSON lines", [1, 3]),
        ('[{"a": 1},\n {"a": 2}]\n', "a JSON array", [1, 2]),
        ('[\n  {\n    "a": 1\n  },\n  {\n    "a": 2\n  }\n]', "a JSON array", [2, 5]),
        # All on one line: the elements are counted.
        ('[{"a": 1}, {"a": 2}]', "a JSON array", [1, 2]),
        ('{\n "a": 1\n}\n\n{\n "a": 2\n}\n', "JSON objects", [1, 5]),
        ('{"version": 1, "data": [\n{"a": 1},\n{"a": 2}], "more": {}}', "the JSON array 'data'", [2, 3]),
        ('{\n"examples":\n[ {"a": 1}\n, {"a": 2} ] }', "the JSON array 'examples'", [3, 4]),
    ],
)
def test_every_layout_gives_the_same_values(text: str, layout: str, lines: list[int]) -> None:
    for piece_chars in (1, 2, 5, 1000):
        values, problems = read(text, piece_chars)
        assert values == [(lines[0], {"a": 1}), (lines[1], {"a": 2})]
        assert not problems.errors
    assert (str(sample(text).layout), sample(text).values) == (layout, ({"a": 1}, {"a": 2}))


def test_one_record_of_several_lists_is_not_taken_for_a_list_of_records() -> None:
    for record in (
        {"id": 1, "annotations": [{"result": []}], "data": {"text": "a"}},
        {"text": "a", "data": [{"b": 1}], "examples": [{"c": 1}]},
        {"id": 3, "tokens": [], "records": [{"c": 1}]},
    ):
        for text in (json.dumps(record), json.dumps(record, indent=2)):
            assert read(text)[0] == [(1, record)]


def test_annotations_are_records_if_they_are_texts_with_entities() -> None:
    text = '{"classes": ["A"], "annotations": [["a b", {"entities": []}], null]}'
    assert [value for _, value in read(text)[0]] == [["a b", {"entities": []}], None]


def test_a_text_with_entities_in_each_line_is_a_value_of_its_own() -> None:
    assert read('["a", {}]\n["b", {}]')[0] == [(1, ["a", {}]), (2, ["b", {}])]


@given(st.lists(VALUES, max_size=6), st.sampled_from([None, 0, 2]), st.integers(1, 40))
def test_an_array_of_anything_is_read_whatever_its_pieces(values: list[Any], indent: Any, piece_chars: int) -> None:
    if values[:1] and isinstance(values[0], str):
        values[0] = [values[0]]
    text = json.dumps(values, indent=indent, ensure_ascii=False)
    found, problems = read(text, piece_chars)
    assert [value for _, value in found] == values
    assert not problems.errors


@pytest.mark.parametrize(
    ("text", "num_values", "line", "message"),
    [
        ('{"a": 1}\n{"a": }\n{"a": 3}\n', 2, 2, "not JSON"),
        ('{"a": 1\n{"a": 2}\n{"a": 3}\n', 2, 1, "not JSON"),
        ('[{"a": 1},\n{"a": 2}\n{"a": 3}]', 2, 3, "expected ','"),
        ('[{"a": 1},\n{"a" 2},\n{"a": 3}]', 1, 2, "nothing after it was read"),
        ('[{"a": 1},\n{"a": 2}', 2, 2, "nothing after it was read"),
        ('[{"a": 1}]\n[{"a": 2}]', 1, 2, "text after the end"),
        ('[{"a": "b\tc"}]', 0, 1, "Invalid control character"),
        ("[" * 100_000, 0, 1, ""),
        ('{"a": ' + "1" * 5000 + "}x\n", 0, 1, "not JSON"),
    ],
)
@pytest.mark.parametrize("piece_chars", [3, 1 << 20])
def test_what_is_not_json_is_named_with_its_line(
    text: str, num_values: int, line: int, message: str, piece_chars: int
) -> None:
    values, problems = read(text, piece_chars)
    assert len(values) == num_values
    assert problems.errors[0].startswith(f"f.json:{line}: error: ")
    assert message in problems.errors[0]


def test_an_error_in_a_long_array_is_found_without_reading_it_all() -> None:
    def pieces() -> Any:
        yield 1, '[{"a": 1}, {"a": oh}, '
        for _ in range(100):
            yield 1, '{"a": "b"}, ' * 1000
        raise AssertionError("read on")

    problems = Problems()
    source = Source("f.json", iter(()), pieces(), ReadOptions(), None, problems, None, None, 1)  # type: ignore[arg-type]
    assert len(list(json_values(source))) == 1
    assert "Expecting value" in problems.errors[0]


def test_an_object_of_several_splits_is_refused_with_what_to_do() -> None:
    text = '{"name": "x", "train": [{"a": 1}], "test": [{"a": 2}]}'
    for look in (read, sample):
        with pytest.raises(CorpusError, match=r"f\.json.*several splits in one object, one of them 'train'.*a file of"):
            look(text)


def test_two_arrays_of_records_in_an_object_are_refused() -> None:
    with pytest.raises(CorpusError, match="records in 'data' and in 'rows'"):
        read('{"data": [{"a": 1}], "rows": [{"a": 2}]}')


def test_a_sample_that_ends_anywhere_gives_the_values_before() -> None:
    text = json.dumps([{"a": number} for number in range(30)])
    assert len(sample(text[:100]).values) == 10
    lines = "".join(f'{{"a": {number}}}\n' for number in range(30))
    assert len(sample(lines[:95]).values) == 10
    assert sample("# a comment\n{}") is None
