"""CSV and TSV of a token per row: names of columns, where sentences begin, documents, and what must be asked for."""

from __future__ import annotations

from pathlib import Path

import column_samples
import pytest
from read_format import ReadFile, read_text

from data_prep.dirt.policies import Policies
from data_prep.problems import CorpusError


def test_kaggle_and_other_headers(tmp_path: Path) -> None:
    found = read_text(tmp_path, column_samples.KAGGLE)
    assert found.tokens == [["Ana", "left", '"'], ["Oslo", ","]]
    assert found.features == {"pos": [["NNP", "VBD", "``"], ["NNP", ","]]}
    found = read_text(tmp_path, column_samples.CSV)
    assert (found.format, found.tokens, found.tags) == (
        "csv",
        [["Ana", "left"], ["Oslo"]],
        [["B-PER", "O"], ["B-LOC"]],
    )


ROWS = [("1", "Ana", "N", "B-PER"), ("1", "left", "V", "O"), ("2", "Oslo", "N", "B-LOC")]


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("sentence_id,words,pos,labels", ","),
        ("Sentence ID,Token,POS_tag,NER Tag", ","),
        ("sent_id\tform\tupos\tner", "\t"),
        ("sentence_idx;word;pos;tag", ";"),
        ("SID|TOKEN|POS|LABEL", "|"),
        ('"sentence","word","pos","tag"', ","),
    ],
)
def test_names_of_columns_are_known(tmp_path: Path, header: str, delimiter: str) -> None:
    found = read_text(tmp_path, "\n".join([header, *map(delimiter.join, ROWS)]) + "\n")
    assert (found.format, found.tokens) == ("csv", [["Ana", "left"], ["Oslo"]])
    assert (found.tags, found.features) == ([["B-PER", "O"], ["B-LOC"]], {"pos": [["N", "V"], ["N"]]})


def named(tmp_path: Path, *columns: tuple[str, str], **options: object) -> ReadFile:
    text = "".join(",".join(row) + "\n" for row in [("s", "wort", "art", "was"), *ROWS])
    return read_text(tmp_path, text, columns=columns, **options)


def test_other_columns_are_named_by_the_user(tmp_path: Path) -> None:
    found = named(tmp_path, ("tokens", "wort"), ("tag", "was"), ("sentence", "s"), ("pos", "art"))
    assert (found.tokens, found.features) == ([["Ana", "left"], ["Oslo"]], {"pos": [["N", "V"], ["N"]]})
    found = named(tmp_path, ("token", "1"), ("tag", "-1"), ("sentence", "0"), format="csv", features=(("kind", "art"),))
    assert (found.tokens, found.features) == ([["Ana", "left"], ["Oslo"]], {"kind": [["N", "V"], ["N"]]})


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((), "the header lacks a column of the token and of the tag; it has 's', 'wort', 'art', 'was'; name it, for"),
        ((("token", "wort"), ("tag", "tags")), "--columns tag=tags: the header has no such column; it has 's', 'wort'"),
        ((("word", "wort"),), "--columns word=...: expected one of token, tag, sentence, document, pos"),
    ],
)
def test_columns_that_are_missing_are_named(tmp_path: Path, columns: tuple[tuple[str, str]], message: str) -> None:
    with pytest.raises(CorpusError) as caught:
        named(tmp_path, *columns, format="csv")
    assert f"corpus:1: error: {message}" in str(caught.value)


def test_of_two_columns_of_tags_by_name_that_of_tags_is_read(tmp_path: Path) -> None:
    text = "sid,word,tag,ner\n1,Ana,NNP,B-PER\n1,left,VBD,O\n"
    assert read_text(tmp_path, text).tags == [["B-PER", "O"]]
    with pytest.raises(
        CorpusError, match="several columns may be the tag; choose by --columns tag=tag or --columns ta"
    ):
        read_text(tmp_path, text.replace("NNP", "B-X").replace("VBD", "O"))


@pytest.mark.parametrize("nothing", ["", "nan", "NaN", "None", "NULL"])
def test_a_label_counts_where_it_stands(tmp_path: Path, nothing: str) -> None:
    text = f"Sentence #,Word,Tag\nSentence: 1,Ana,B-X\n{nothing},left,O\nSentence: 2,nan,O\n{nothing},Bo,B-X\n"
    assert read_text(tmp_path, text).tokens == [["Ana", "left"], ["nan", "Bo"]]


@pytest.mark.parametrize("blank", ["", ",", ",nan", '"",""'])
@pytest.mark.parametrize("block_bytes", [5, 9, 1 << 19])
def test_blank_rows_separate_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank: str, block_bytes: int
) -> None:
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", block_bytes)
    text = f"word,tag\nAna,B-X\nleft,O\n{blank}\n{blank}\nBo,B-X\nran,O\n{blank}\nOslo,B-Y\n"
    found = read_text(tmp_path, text, format="csv")
    assert (found.tokens, found.lines, found.errors) == ([["Ana", "left"], ["Bo", "ran"], ["Oslo"]], [2, 6, 9], [])


@pytest.mark.parametrize("rows", ["Ana,B-X\nleft,O\n.,O\n" * 4, "Ana,B-X\nleft,O\nBo,B-X\n"])
def test_a_table_that_does_not_say_where_sentences_begin_is_refused(tmp_path: Path, rows: str) -> None:
    found = read_text(tmp_path, "word,tag\n" + rows)
    assert found.tokens == []
    assert "corpus:2: error: nothing separates sentences: the whole file would be one sentence" in found.errors[0]
    assert "--columns sentence=NAME" in found.errors[0]


@pytest.mark.parametrize("block_bytes", [6, 1 << 19])
def test_documents_have_a_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", block_bytes)
    text = "doc_id,sid,word,tag\nx,1,a,B-X\nx,1,b,O\ny,1,c,O\ny,2,d,O\n,1,e,O\ny,1,f,O\n"
    found = read_text(tmp_path, text, format="csv")
    assert found.tokens == [["a", "b"], ["c"], ["d"], ["e"], ["f"]]
    assert found.documents == [1, 2, 2, 0, 3]
    assert [origin.document for origin in found.origins] == ["x", "y", "y", "", "y"]


def test_quotes_in_tab_separated_files_are_tokens_unless_they_quote(tmp_path: Path) -> None:
    header = "sentence_id\tword\ttag\n"
    assert read_text(tmp_path, header + '1\t"\tO\n1\tAna\tB-X\n1\t"\tO\n').tokens == [['"', "Ana", '"']]
    assert read_text(tmp_path, header + '1\t""""\tO\n1\t"Ana"\tB-X\n').tokens == [['"', "Ana"]]


def test_tabs_with_a_header_and_blank_lines_are_columns(tmp_path: Path) -> None:
    found = read_text(tmp_path, "token\tner\n\nAna\tB-X\nleft\tO\n\nOslo\tB-Y\n")
    assert (found.format, found.tokens) == ("conll", [["Ana", "left"], ["Oslo"]])


def test_separators_too_many_are_dropped_on_request(tmp_path: Path) -> None:
    text = "sentence;word;tag\n1;Ana;B-X;;\n1;left;O\n1;Bo;O;x\n"
    few, many = read_text(tmp_path, text).errors
    assert "corpus:2: error: the row has 5 fields, the header 3, which ends in 2 separators too many" in few
    assert "corpus:4: error: the row has 4 fields, the header 3" in many
    found = read_text(tmp_path, text, policies=Policies(on_extra_separator="drop"))
    assert (found.tokens, found.problems.warnings) == ([["Ana", "left"]], {"extra_separators_dropped": 1})


def test_rows_of_sentences_that_do_not_stand_together_are_refused(tmp_path: Path) -> None:
    rows = [f"{i % 5},w{i},{'B-X' if i % 3 else 'O'}\n" for i in range(30)]
    (error,) = read_text(tmp_path, "sentence_id,word,tag\n" + "".join(rows)).errors
    assert "the rows of a sentence do not stand together: values of 'sentence_id' come again; sort by it" in error
    assert read_text(tmp_path, "sentence_id,word,tag\n" + "".join(sorted(rows))).errors == []
    # Numbers that begin anew, as in each document.
    again = "".join(sorted(rows)) * 3
    assert len(read_text(tmp_path, "sentence_id,word,tag\n" + again).tokens) == 15


def test_a_feature_that_is_the_token_or_the_tag_is_refused(tmp_path: Path) -> None:
    text = "sentence_id,word,tag\n1,Ana,B-X\n1,left,O\n"
    for column, role in (("word", "token"), ("tag", "tag")):
        with pytest.raises(CorpusError, match=f"--feature x: {column!r} is the column of the {role}"):
            read_text(tmp_path, text, features=(("x", column),))
