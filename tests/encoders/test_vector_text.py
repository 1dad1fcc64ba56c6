"""Vectors as text: every variant of such files is read, or reported with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.encoders.vector_text import read_text
from data_prep.problems import CorpusError, Problems

WHERE = "v.txt"


def read(
    content: str | bytes, rows_path: Path, block_bytes: int = 1 << 18
) -> tuple[list[str], list[list[float]], Problems]:
    """Words, vectors and problems. The errors of single lines are raised."""
    data = content.encode() if isinstance(content, str) else content
    blocks = [data[begin : begin + block_bytes] for begin in range(0, len(data), block_bytes)]
    problems = Problems()
    found = read_text(blocks, WHERE, rows_path, problems)
    problems.raise_errors()
    assert found is not None
    words, vectors_RD = found
    assert vectors_RD.dtype == np.float32
    return words, vectors_RD.tolist(), problems


AB = (["a", "b"], [[1.0, -2.5], [0.125, 3e-5]])


@pytest.mark.parametrize(
    "content",
    [
        "a 1 -2.5\nb 0.125 3e-5\n",
        "a 1 -2.5\nb 0.125 3e-5",
        "2 2\na 1 -2.5\nb 0.125 3e-5\n",
        "a 1 -2.5 \nb 0.125 3e-5 \n",
        "2 2\r\na 1 -2.5\r\nb 0.125 3e-5\r\n",
        "a\t1\t-2.5\nb\t0.125\t3e-5\n",
        "a  1.0 -2.50\nb    .125   3E-05\n",
        "a +1. -2.5\nb 1.25e-1 +3.0e-5\n",
        "\ufeffa 1 -2.5\nb 0.125 3e-5\n",
        "\ufeff2 2\na 1 -2.5\nb 0.125 3e-5\n",
    ],
)
@pytest.mark.parametrize("block_bytes", [1 << 18, 30])
def test_the_usual_ways_to_write_vectors_mean_the_same(tmp_path: Path, content: str, block_bytes: int) -> None:
    words, vectors, problems = read(content, tmp_path / "rows", block_bytes)
    assert (words, vectors) == (AB[0], np.array(AB[1], np.float32).tolist())
    assert not problems.warnings


def test_empty_lines_are_skipped_and_counted_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    words, _, problems = read("\n\na 1 2\n\r\nb 3 4\n \n", tmp_path / "rows")
    assert words == ["a", "b"]
    assert problems.warnings == {"empty_lines_among_vectors": 4}
    with pytest.raises(CorpusError, match=r"v\.txt:4: error: value 2 is 'x'"):
        read("\na 1 2\n\nb 3 x\n", tmp_path / "rows")


def test_a_word_may_contain_spaces_and_the_last_columns_are_its_vector(tmp_path: Path) -> None:
    content = ". . . 1 2\nat name@domain.com 3 4\nb 5 6\nc 7 8\n"
    words, vectors, _ = read(content, tmp_path / "rows")
    assert words == [". . .", "at name@domain.com", "b", "c"]
    assert vectors == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert read(". . . 1 2\nb 5 6\n", tmp_path / "rows")[0] == [". . .", "b"]


def test_only_newlines_end_a_word_or_a_line(tmp_path: Path) -> None:
    odd = [
        "a\u0085b",
        "a\u00a0b",
        "\u00a0",
        "\u2028",
        "x\x0cy",
        "\x1c",
        "e\u0301",
        "\u3000",
        "\U0001f600",
        '"',
        "'a",
        "#",
    ]
    content = "".join(f"{word} {i} 0.5\n" for i, word in enumerate(odd))
    words, vectors, problems = read(content, tmp_path / "rows")
    assert words == odd
    assert vectors == [[i, 0.5] for i in range(len(odd))]
    assert not problems.warnings


@pytest.mark.parametrize("content", ["a 0.5\nb 1\n", "7 1\n8 2\n", "2 1\na 0.5\nb 1\n"])
def test_vectors_of_one_value_are_vectors(tmp_path: Path, content: str) -> None:
    if content.startswith("7"):
        # Taken for a header: seven words of one value.
        with pytest.raises(CorpusError, match="the header states 7 words, the file holds 1"):
            read(content, tmp_path / "rows")
    else:
        assert read(content, tmp_path / "rows")[:2] == (["a", "b"], [[0.5], [1]])
    assert read("7 3\n8 2\n", tmp_path / "rows")[:2] == (["7", "8"], [[3], [2]])


def test_numbers_may_be_words(tmp_path: Path) -> None:
    assert read("1 0.5 2\n1.5 1 2\nnan 3 4\n-1 5 6\n", tmp_path / "rows")[0] == ["1", "1.5", "nan", "-1"]


GOOD = "a 1 2\nb 3 4\nc 5 6\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD + "d 1\n", r"v.txt:4: error: 1 values, expected 2, as most of the first lines have; correct or remove"),
        (GOOD + "d\n", "v.txt:4: error: 0 values, expected 2"),
        (GOOD + "d 1 2 3\n", "v.txt:4: error: 3 values, expected 2"),
        ("3 2\n" + GOOD.replace("b 3", "b 3 3"), "v.txt:3: error: 3 values, expected 2, as the header states"),
        (GOOD + "d 1 x\n", "v.txt:4: error: value 2 is 'x', expected a number"),
        (GOOD + "d 1,5 2\n", "v.txt:4: error: value 1 is '1,5', expected a number"),
        (GOOD + "d 1_0 2\n", "v.txt:4: error: value 1 is '1_0', expected a number"),
        (GOOD + "d \uff11 2\n", "v.txt:4: error: value 1 is '\uff11', expected a number"),
        (GOOD + "d 0x1 2\n", "v.txt:4: error: value 1 is '0x1', expected a number"),
        (GOOD + "d 1 nan\n", "v.txt:4: error: value 2 is nan, expected a finite number"),
        (GOOD + "d -inf 2\n", "v.txt:4: error: value 1 is -inf, expected a finite number"),
        (GOOD + "d 1 1e39\n", "v.txt:4: error: value 2 is 1e39, too large for a number of 32 bits"),
        (GOOD + "d 1 1e999\n", "v.txt:4: error: value 2 is 1e999, too large for a number of 32 bits"),
        (b"a 1 2\nZo\xeb 3 4\n", "v.txt:2: error: byte 0xeb is not UTF-8 text; convert the file to UTF-8"),
        (b"a 1 2\nb \xeb 4\n", "v.txt:2: error: value 1 is '\ufffd', expected a number"),
        ("4 2\n" + GOOD, "v.txt:1: error: the header states 4 words, the file holds 3"),
        ("2 2\n" + GOOD, "v.txt:1: error: the header states 2 words, the file holds 3"),
        ("3 5\n" + GOOD, "v.txt:1: error: the header states 5 values per vector, the lines below have 2"),
        ("3 2\n", "v.txt:1: error: the header states 3 words, the file holds 0"),
        ("0 2\n", "v.txt:1: error: the header states 0 words, the file holds 0"),
        ("a\nb\n", "v.txt:1: error: 'a' has no numbers, expected a word and its vector on each line"),
        ("\n \n", "v.txt: the file holds only empty lines"),
        (b"\0" * (5 << 20), "v.txt:1: a line of more than 4,194,304 bytes; is this text?"),
    ],
)
def test_what_is_wrong_is_one_clear_sentence(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(CorpusError) as caught:
        read(content, tmp_path / "rows")
    assert str(caught.value).startswith(message)


def test_the_first_twenty_wrong_lines_are_named_and_all_counted(tmp_path: Path) -> None:
    content = "".join(f"w{i} {i} {'x' if i % 2 else 1}\n" for i in range(100))
    with pytest.raises(CorpusError) as caught:
        read(content, tmp_path / "rows", block_bytes=64)
    lines = str(caught.value).split("\n")
    assert lines[0].startswith("v.txt:2: error: value 2 is 'x'")
    assert lines[20:] == ["50 errors, the first 20 shown"]


NUMBERS = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e3, 1e3).map("{:.5g}".format),
    st.integers(-999, 999).map("{:+d}".format),
)
# No space, tab or line end, which separate columns and lines.
WORDS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters=" \t\r\n"), min_size=1)


@given(
    table=st.integers(2, 4).flatmap(
        lambda num_units: st.lists(
            st.tuples(WORDS, st.lists(NUMBERS, min_size=num_units, max_size=num_units)), min_size=1
        )
    ),
    header=st.booleans(),
    block_bytes=st.sampled_from([1 << 18, 200]),
)
def test_any_words_and_numbers_come_back(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, list[str]]], header: bool, block_bytes: int
) -> None:
    lines = [" ".join([word, *values]) for word, values in table]
    lines = [f"{len(table)} {len(table[0][1])}", *lines] if header else ["first" + " 0" * len(table[0][1]), *lines]
    words, vectors, _ = read("\n".join(lines), tmp_path_factory.getbasetemp() / "rows", block_bytes)
    assert words[not header :] == [word for word, _ in table]
    expected = np.array([[float(value) for value in values] for _, values in table])
    np.testing.assert_allclose(vectors[not header :], expected, rtol=1e-6, atol=1e-37)
