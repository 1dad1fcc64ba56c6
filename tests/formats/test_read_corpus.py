"""Readers: every format gives the same sentences and reports errors with file and line."""

from __future__ import annotations

import gzip
import os
import zipfile
from pathlib import Path

import column_samples
import pytest
from read_format import ReadFile, read_file

from data_prep.formats.corpus_format import ReadOptions, Sample
from data_prep.formats.table import FORMATS
from data_prep.problems import CorpusError
from data_prep.sources.text_source import split_lines, text_blocks

TOKENS = [["EU", "rejects", "#", "."], ["Peter"], ["None", '"', "é"]]
TAGS = [["B-ORG", "O", "O", "O"], ["B-PER"], ["O", "O", "O"]]
POS = [["NNP", "VBZ", "#", "."], ["NNP"], ["NN", "``", "NN"]]
CONLL = "\n\n".join(
    "\n".join(f"{token} {pos} X {tag}" for token, pos, tag in zip(*rows)) for rows in zip(TOKENS, POS, TAGS)
)
KAGGLE = (
    "Sentence #,Word,POS,Tag\r\n"
    "Sentence: 1,EU,NNP,B-ORG\r\n,rejects,VBZ,O\r\n,#,#,O\r\n,.,.,O\r\n"
    "Sentence: 2,Peter,NNP,B-PER\r\n"
    'Sentence: 3,None,NN,O\r\n,"""",``,O\r\n,é,NN,O'
)
JSONL = "\n".join(
    f'{{"tokens": {list(tokens)!r}, "tags": {list(tags)!r}, "pos": {list(pos)!r}}}'.replace("'\"'", r"'\"'").replace(
        "'", '"'
    )
    for tokens, tags, pos in zip(TOKENS, TAGS, POS)
)
# The same sentences in every format.
SAMPLES = {"conll": CONLL, "kaggle": KAGGLE, "jsonl": JSONL}


def read(path: Path, **options: object) -> ReadFile:
    return read_file(path, **options)


def sentences(read: ReadFile) -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
    """Tokens, tags and parts of speech."""
    return read.tokens, read.tags, read.features.get("pos", [])


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "encoding"), [(CONLL, "utf-8"), (CONLL.replace(" ", "\t"), "utf-8"), (KAGGLE, "cp1252"), (JSONL, "utf-8")]
)
def test_every_format_is_recognised_and_gives_the_same_sentences(tmp_path: Path, text: str, encoding: str) -> None:
    found = read(write(tmp_path / "corpus", text, encoding))
    assert (*sentences(found), found.errors) == (TOKENS, TAGS, POS, [])


@pytest.mark.parametrize("name", column_samples.SAMPLES)
def test_each_dialect_is_recognised_as_itself_alone(tmp_path: Path, name: str) -> None:
    expected, text = column_samples.SAMPLES[name]
    head = text.encode()
    sample = Sample("corpus", head, head.decode("latin-1"), [line for line in text.split("\n") if line.strip()])
    claims = [row.name for row in FORMATS.values() if row.recognise(sample, ReadOptions())]
    # conll, which is tried last, reads any lines of columns with tags.
    assert [claim for claim in claims if claim != "conll"] == [expected][: expected != "conll"]
    assert read(write(tmp_path / "corpus", text)).format == expected


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("block_bytes", [7, 1 << 19])
def test_line_ends_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, newline: str, at_end: bool, block_bytes: int
) -> None:
    name = {CONLL: "conll", KAGGLE: "kaggle"}.get(text, "jsonl")
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", block_bytes)
    path = write(tmp_path / "corpus", newline.join(text.splitlines()) + newline * at_end)
    assert sentences(read(path, encoding="utf-8", format=name)) == (TOKENS, TAGS, POS)


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 1 << 19])
def test_mixed_line_ends_keep_the_numbers_of_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", block_bytes)
    found = read(write(tmp_path / "corpus", "a B-X\rb O\r\r\nc O\r\n\r\nd O\n\re O\r"), format="conll")
    assert (found.tokens, found.lines) == ([["a", "b"], ["c"], ["d"], ["e"]], [1, 4, 6, 8])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_a_byte_order_mark_or_every_other_byte_decides_the_encoding(tmp_path: Path, text: str, encoding: str) -> None:
    assert sentences(read(write(tmp_path / "corpus", text, encoding))) == (TOKENS, TAGS, POS)


def test_gzip_and_zip_are_read_whatever_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(CONLL.encode()))
    with zipfile.ZipFile(tmp_path / "b", "w") as archive:
        archive.writestr("corpus.conll", CONLL)
    for name in ("a.gz", "b"):
        assert read(tmp_path / name).tokens == TOKENS


def test_a_zip_of_several_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("a", CONLL)
        archive.writestr("b", CONLL)
    with pytest.raises(CorpusError, match="holds 2 files"):
        read(tmp_path / "b.zip")


def test_a_truncated_gzip_is_named_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(CONLL.encode() * 50)[:-20])
    with pytest.raises(CorpusError, match=r"a\.gz: the compressed file is damaged"):
        read(tmp_path / "a.gz", format="conll")


def test_lines_keep_their_numbers_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(write(tmp_path / "corpus", CONLL)).lines == [1, 6, 8]
    for block_bytes in (1, 2, 3, 7, 16, 64):
        monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", block_bytes)
        for name, text, lines in (
            ("conll", CONLL, [1, 6, 8]),
            ("kaggle", KAGGLE, [2, 6, 7]),
            ("jsonl", JSONL, [1, 2, 3]),
        ):
            found = read(write(tmp_path / "corpus", text), encoding="utf-8", format=name)
            assert (*sentences(found), found.lines) == (TOKENS, TAGS, POS, lines)


def test_only_newlines_separate_lines(tmp_path: Path) -> None:
    # str.splitlines would also split at NEL, form feed and the line separator.
    path = write(tmp_path / "corpus", "a\x85b O\nc\x0cd O\ne\u2028f O\n")
    assert split_lines(next(text_blocks(path, "utf-8"))[1]) == ["a\x85b O", "c\x0cd O", "e\u2028f O"]


def test_document_marks_comments_and_blank_lines_are_no_tokens(tmp_path: Path) -> None:
    text = (
        "-DOCSTART- -X- O O\n\n# id = 1\n# text = a b\na NN X O\nb NN X O\n"
        " \t\n\n# NN I-NP O\nc NN X B-LOC\n-DOCSTART- -X- O O\nd NN X O"
    )
    found = read(write(tmp_path / "corpus", text))
    assert found.tokens == [["a", "b"], ["#", "c"], ["d"]]
    assert found.lines == [5, 9, 12]
    assert found.documents == [1, 1, 2]
    assert not found.errors


def test_two_columns_have_no_part_of_speech(tmp_path: Path) -> None:
    found = read(write(tmp_path / "corpus", "a\tO\nb\tB-X\n"))
    assert sentences(found) == ([["a", "b"]], [["O", "B-X"]], [])


def test_columns_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "corpus", "B-X 1 a\nO 2 b\n")
    assert sentences(read(path, token_column=-1, tag_column=0, pos_column=None)) == ([["a", "b"]], [["B-X", "O"]], [])


def test_wrong_column_counts_are_listed_by_line(tmp_path: Path) -> None:
    errors = read(write(tmp_path / "corpus", "a NN O\nb O\nc NN O\nd\n")).errors
    assert [error.split(": ", 1)[1] for error in errors] == [
        "error: the line has 2 columns, expected 3 as in most lines: 'b O'",
        "error: the line has 1 column, expected 3 as in most lines: 'd'",
    ]
    assert errors[0].startswith(f"{tmp_path / 'corpus'}:2:")


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"tag_column": 4}, "--tag-column 4 does not exist"),
        ({"token_column": 2, "tag_column": -1}, "are the same column"),
        ({"pos_column": 7}, "--pos-column 7 does not exist"),
    ],
)
def test_columns_that_do_not_exist_are_named(tmp_path: Path, knobs: dict[str, int], message: str) -> None:
    assert message in read(write(tmp_path / "corpus", "a NN O\n"), format="conll", **knobs).errors[0]


def test_an_open_quote_is_named_with_its_line(tmp_path: Path) -> None:
    text = 'Sentence #,Word,POS,Tag\nSentence: 1,a,NN,O\n,"b,NN,O\n,c,NN,O\n,"d"",NN,O\n,"e",NN,O\n'
    found = read(write(tmp_path / "corpus.csv", text))
    assert found.errors[0].startswith(f"{tmp_path / 'corpus.csv'}:3: error: not a row of CSV: a quoted field opened")
    assert found.problems.num_errors == 2
    assert found.tokens == [["a", "c", "e"]]


def test_a_csv_row_of_the_wrong_width_and_a_token_before_any_sentence_are_errors(tmp_path: Path) -> None:
    errors = read(write(tmp_path / "corpus.csv", "Sentence #,Word,POS,Tag\n,a,NN,O\n,b,O\n")).errors
    assert "corpus.csv:3: error: the row has 3 fields, the header 4" in errors[0]
    assert "corpus.csv:2: error: a token before the first sentence" in errors[1]


def test_a_csv_without_part_of_speech_is_read(tmp_path: Path) -> None:
    text = "Sentence #,Word,Tag\nSentence: 1,NA,O\n,null,B-X\n"
    assert sentences(read(write(tmp_path / "corpus.csv", text))) == ([["NA", "null"]], [["O", "B-X"]], [])


def test_a_label_repeated_on_every_row_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Sentence #,Word,POS,Tag\n" + "".join(f"Sentence: {i // 3},w{i},NN,O\n" for i in range(9))
    for block_bytes in (10, 1 << 20):
        monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", block_bytes)
        tokens = read(write(tmp_path / "corpus.csv", text), format="kaggle").tokens
        assert tokens == [["w0", "w1", "w2"], ["w3", "w4", "w5"], ["w6", "w7", "w8"]]


def test_the_kaggle_ellipsis_is_a_token(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes(b"Sentence #,Word,POS,Tag\r\nSentence: 1,\x85,:,O\r\n")
    assert read(tmp_path / "c.csv").tokens == [["…"]]


@pytest.mark.parametrize(
    ("content", "encoding", "expected"),
    [
        (b"a O\nb O\nc\xe9 O\n", None, ":3: error: byte 0xe9 is not utf-8 text"),
        (b"Sentence #,Word,Tag\nSentence: 1,\x81,O\n", None, ":2: error: byte 0x81 is not cp1252 text"),
        (b"a O\nb\xff O\n", "ascii", ":2: error: byte 0xff is not ascii text"),
        (b"a O\n\xe2\x82", "utf-8", ":2: error: bytes 0xe2 0x82 are not utf-8 text"),
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_undecodable_bytes_are_named_with_their_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    encoding: str | None,
    expected: str,
    block_bytes: int,
) -> None:
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", block_bytes)
    (tmp_path / "corpus").write_bytes(content)
    name = "kaggle" if content.startswith(b"Sent") else "conll"
    problems = read(tmp_path / "corpus", encoding=encoding, format=name).problems
    # Of all that is wrong with the line, it is said last.
    assert f"{tmp_path / 'corpus'}{expected}" in problems.errors[-1]
    assert problems.error_kinds["undecodable_bytes"] == 1
    assert "--on-undecodable replace" in problems.errors[-1]


@pytest.mark.parametrize(
    "content", ["just some prose\nwithout any tags\n", "word\nword\n", "a NN\nb VB\n", "\n\n", "{}}\n"]
)
def test_an_unrecognisable_format_is_an_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(CorpusError, match="format cannot be recognised"):
        read(write(tmp_path / "corpus", content))


@pytest.mark.parametrize(
    ("content", "guess"),
    [
        (
            "utterance,slots\nplay a song,O O B-X\n" * 3,
            "a header ('utterance', 'slots'), --columns token=NAME tag=NAME",
        ),
        ("Ana,B-X\nleft,O\n", "separated by commas, without a header; put a first line before them that names them"),
        ("Ana;B-X\nleft;O\n", "separated by semicolons, without a header"),
        ("Ana|B-X\nleft|O\n", "separated by '|', without a header"),
        (
            "# one\na NN\nb VB\nc\n",
            "lines of 2 columns, none of which looks like tags; if one is, name it: --format conll",
        ),
        ("\n \n", "it holds only blank lines"),
        ("[1, 2]\n", "it begins like JSON, without fields known here; --columns names them"),
        (
            "UI\tLS\nof\tIN\n",
            "of 2 columns, none of which looks like tags; if one is, name it: --format conll --tag-column N",
        ),
        ("Put the data of your own corpus here, then delete this\nfile, please\n", "neither columns, a table nor JSON"),
        ("Once\nupon a time\nthere was\n", "neither columns, a table nor JSON"),
    ],
)
def test_the_closest_guess_is_told_in_a_sentence(tmp_path: Path, content: str, guess: str) -> None:
    with pytest.raises(CorpusError) as caught:
        read(write(tmp_path / "corpus", content))
    message = str(caught.value)
    assert guess in message
    assert "--format NAME" in message
    assert len(message) < 350 + len(str(tmp_path))


def test_missing_and_empty_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        read(tmp_path / "absent")
    with pytest.raises(CorpusError, match="not a regular file"):
        read(tmp_path)
    with pytest.raises(CorpusError, match="the file is empty"):
        read(write(tmp_path / "corpus", ""))


def test_a_file_without_sentence_ends_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", 1 << 10)
    monkeypatch.setattr("data_prep.sentences.block.MAX_OPEN_TOKENS", 1000)
    with pytest.raises(CorpusError, match=r"corpus:1: error: no sentence ends within 1,000 tokens"):
        read(write(tmp_path / "corpus", "a O\n" * 5000))


@pytest.mark.skipif("NER_CORPORA" not in os.environ, reason="NER_CORPORA names no directory of real corpora")
@pytest.mark.parametrize(
    ("name", "num_sentences", "num_tokens"),
    [
        ("conll2003/eng.train", 14_041, 203_621),
        ("conll2003/eng.testa", 3_250, 51_362),
        ("conll2003/eng.testb", 3_453, 46_435),
        ("gmb/ner_dataset.csv.zip", 47_959, 1_048_575),
    ],
)
def test_real_corpora_have_their_published_sizes(name: str, num_sentences: int, num_tokens: int) -> None:
    tokens = read(Path(os.environ["NER_CORPORA"]) / name).tokens
    assert (len(tokens), sum(map(len, tokens))) == (num_sentences, num_tokens)
