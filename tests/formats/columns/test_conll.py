"""Columns of CoNLL: columns found out, headers, documents, comments, mistakes in lines, files without sentence ends."""

from __future__ import annotations

from pathlib import Path

import column_samples
import pytest
from read_files import read_files
from read_format import ReadFile, read_text

from data_prep.dirt.policies import policies_of


def test_numbered_lines_with_documents_and_names(tmp_path: Path) -> None:
    found = read_text(tmp_path, column_samples.NUMBERED)
    assert found.tokens == [["“", "Ana", "Ruiz", "left", "”"], ["Oslo"]]
    assert found.entities == [("Ana Ruiz", "PER"), ("Oslo", "LOC")]
    assert found.documents == [1, 2]
    assert [(origin.record, origin.document) for origin in found.origins] == [("n01-1", "n01"), ("n02-1", "n02")]
    assert found.problems.warnings == {"token_column": 1}
    assert read_text(tmp_path, column_samples.NUMBERED, token_column=1).problems.warnings == {}


def test_characters_and_tweets(tmp_path: Path) -> None:
    found = read_text(tmp_path, column_samples.CHARACTERS)
    assert ["".join(tokens) for tokens in found.tokens] == ["王小明在沪", "北京。"]
    assert found.tags[0] == ["B-PER", "M-PER", "E-PER", "O", "S-LOC"]
    assert read_text(tmp_path, column_samples.TWEETS).tokens == [
        ["@ana", "#oslo", "!"],
        ["#now"],
        ["http://x.example/1"],
    ]


def test_a_header_names_the_columns(tmp_path: Path) -> None:
    found = read_text(tmp_path, column_samples.HEADER)
    assert (found.tokens, found.tags) == ([["Ana", "left"], ["Oslo"]], [["B-PER", "O"], ["B-LOC"]])
    assert found.features == {"pos": [["NNP", "VBD"], ["NNP"]]}
    assert found.lines == [2, 5]
    chunks = read_text(tmp_path, column_samples.HEADER, features=(("chunk", "Chunk"),)).features
    assert chunks == {"chunk": [["B-NP", "B-VP"], ["B-NP"]]}
    # Tokens and tags that read like names.
    assert read_text(tmp_path, "Word NN O\nner NE B-X\n").tokens == [["Word", "ner"]]


def features_of(
    tmp_path: Path, train: str, dev: str, **options: object
) -> tuple[list[dict[str, list[str]]], list[str]]:
    (tmp_path / "train").write_text(train)
    (tmp_path / "dev").write_text(dev)
    found = read_files(tmp_path / "train", tmp_path / "dev", **options)
    return [sentence.features for sentence in found.sentences], found.problems.errors


def test_the_first_file_says_which_features_there_are(tmp_path: Path) -> None:
    both = [{"pos": ["NN"]}, {"pos": ["??"]}]
    assert features_of(tmp_path, "a NN B-X\n", "b ?? B-X\n") == (both, [])
    assert features_of(tmp_path, "a B-X\n", "b NN B-X\n") == ([{}, {}], [])
    _, errors = features_of(tmp_path, "a NN B-X\n", "b B-X\n")
    assert errors == [
        f"{tmp_path / 'dev'}: error: no parts of speech, unlike {tmp_path / 'train'}; "
        "--pos-column none ignores those of conll files"
    ]
    assert features_of(tmp_path, "a NN B-X\n", "b B-X\n", pos_column=None) == ([{}, {}], [])
    named = {"features": (("dep", "2"), ("pos", "1"))}
    expected = [{"dep": ["subj"], "pos": ["NN"]}, {"dep": ["obj"], "pos": ["NN"]}]
    assert features_of(tmp_path, "a NN subj B-X\n", "b NN obj B-X\n", **named) == (expected, [])


def test_a_short_second_file_is_read_as_the_first(tmp_path: Path) -> None:
    (tmp_path / "train").write_text("1 Ana NN B-X\n2 left VB O\n3 . . O\n")
    (tmp_path / "dev").write_text("1 Bo NN B-X\n")
    assert read_files(tmp_path / "train", tmp_path / "dev").tokens == [["Ana", "left", "."], ["Bo"]]


MARKS = "-DOCSTART- (1 EU)\n\na O\n\nb O\n\n-DOCSTART- -X- O\n\nc O\n\n-DOCSTART-\n\nd O\n"


@pytest.mark.parametrize(
    ("text", "documents", "names"),
    [
        (MARKS, [1, 1, 2, 3], ["1 EU", "1 EU", "", ""]),
        ("a O\n\n" + MARKS, [1, 2, 2, 3, 4], ["", "1 EU", "1 EU", "", ""]),
        ("# newdoc id = x y\na O\n\n# newpar\nb O\n\n# newdoc\nc O\n", [1, 1, 2], ["x y", "x y", ""]),
        (
            "#begin document (n/1); part 000\na O\n\n#end document\n#begin document (n/1); part 012\nb O\n",
            [1, 2],
            ["n/1", "n/1; part 12"],
        ),
        ("# doc_id = p\na O\n\n# doc_id = p\nb O\n\n# doc_id = q\nc O\n", [1, 1, 2], ["p", "p", "q"]),
        ("a O\n\nb O\n", [0, 0], ["", ""]),
    ],
)
@pytest.mark.parametrize("block_bytes", [9, 1 << 19])
def test_documents_are_counted_and_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    documents: list[int],
    names: list[str],
    block_bytes: int,
) -> None:
    if not text.startswith("a O\n\n-"):
        monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", block_bytes)
    found = read_text(tmp_path, text, format="conll")
    assert (found.documents, [origin.document for origin in found.origins]) == (documents, names)


def test_document_names_are_handed_out_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", 8)
    (tmp_path / "c").write_text("# newdoc id = x\na O\n\nb O\n\n# newdoc id = y\nc O\n\nd O\n")
    assert read_files(tmp_path / "c", format="conll").documents == {("c", 1): "x", ("c", 2): "y"}


@pytest.mark.parametrize(
    ("comment", "name"),
    [
        ("# sent_id = 7", "7"),
        ("# sent_id = dev-s 1", "dev-s 1"),
        ("# id = a", "a"),
        ("# id 5f-2\tdomain=en", "5f-2"),
        ("# text = Ana left", ""),
        ("# a comment", ""),
        ("#comment without space", ""),
    ],
)
@pytest.mark.parametrize("num_columns", [2, 3, 4, 5])
def test_comments_are_no_tokens_however_many_fields_they_have(
    tmp_path: Path, comment: str, name: str, num_columns: int
) -> None:
    rows = ["\n".join(" ".join([token, *["x"] * (num_columns - 2), tag]) for token, tag in some) for some in SENTENCES]
    found = read_text(tmp_path, f"{comment}\n{rows[0]}\n\n{comment}\n{rows[1]}\n", format="conll")
    assert (found.tokens, found.errors) == ([["Ana", "left"], ["#", "Oslo"]], [])
    assert [origin.record for origin in found.origins] == [name, name]


SENTENCES = [[("Ana", "B-PER"), ("left", "O")], [("#", "O"), ("Oslo", "B-LOC")]]


def test_number_signs_are_tokens_where_they_have_a_tag(tmp_path: Path) -> None:
    assert read_text(tmp_path, "# B-X\na O\n\n#b O\n# O\n").tokens == [["#", "a"], ["#b", "#"]]
    assert read_text(tmp_path, "a PER\nb O\nc O\n\n# PER\n# NN\nd O\n").tokens == [["a", "b", "c"], ["#", "#", "d"]]


def mistakes(tmp_path: Path, text: str, **options: object) -> tuple[list[str], ReadFile]:
    found = read_text(tmp_path, text, **options)
    return [error.replace(str(tmp_path / "corpus"), "c") for error in found.errors], found


@pytest.mark.parametrize(
    ("lines", "error", "warning", "tokens"),
    [
        (
            "a\tO\t",
            r"c:3: error: the line has 3 columns, expected 2 as in most lines: 'a\tO\t', which ends in 1 separator too "
            "many; --on-extra-separator drop ignores them",
            "extra_separators_dropped",
            ["Ana", "left", "a", "b"],
        ),
        (
            "\ufeff",
            r"c:3: error: the line is nothing but '\ufeff', which cannot be seen; "
            "--on-invisible-line drop ignores what cannot be seen",
            "invisible_lines_dropped",
            ["Ana", "left", "b"],
        ),
        (
            "\ufeffa\tO",
            r"c:3: error: the line begins with '\ufeff', a byte-order mark amid the file, as of files that were "
            "joined; --on-invisible-line drop ignores what cannot be seen",
            "byte_order_marks_dropped",
            ["Ana", "left", "a", "b"],
        ),
    ],
)
def test_what_cannot_be_seen_is_shown_and_can_be_repaired(
    tmp_path: Path, lines: str, error: str, warning: str, tokens: list[str]
) -> None:
    text = f"Ana\tB-PER\nleft\tO\n{lines}\nb\tO\n"
    assert mistakes(tmp_path, text)[0] == [error]
    errors, found = mistakes(tmp_path, text, policies=policies_of({}, "repair"))
    assert (errors, found.tokens, found.problems.warnings) == ([], [tokens], {warning: 1})


def test_a_file_without_blank_lines_is_refused_as_one_endless_sentence(tmp_path: Path) -> None:
    lines = "Ana B-PER\nleft O\n. O\n"
    errors, found = mistakes(tmp_path, lines * 5)
    assert errors == [
        "c:1: error: no blank line between sentences: the whole file would be one sentence of 15 tokens, "
        "with 4 full stops in it; put an empty line after each sentence"
    ]
    assert found.tokens == []
    assert mistakes(tmp_path, lines)[0] == []
    # However long it may be, and without full stops.
    assert "one sentence of 6,000 tokens, with 1,999 full stops" in mistakes(tmp_path, lines * 2000)[0][0]
    assert "one sentence of 600 tokens; put" in mistakes(tmp_path, "Ana B-PER\nleft O\n" * 300)[0][0]
    assert mistakes(tmp_path, lines * 5 + "\nBo B-PER\n")[0] == []


def test_names_of_integer_tags_are_taken_from_the_option(tmp_path: Path) -> None:
    found = read_text(tmp_path, "Ana\t1\nRuiz\t2\nleft\t0\n", tag_names=("O", "B-PER", "I-PER"))
    assert found.tags == [["B-PER", "I-PER", "O"]]


def test_a_token_column_that_cannot_be_found_is_asked_for(tmp_path: Path) -> None:
    errors, _ = mistakes(tmp_path, "1\tB-X\n2\tO\n3\tO\n")
    assert errors[0].startswith("c:1: error: column 0 only counts up ('1', '2'), so it is not the token, and no other")


@pytest.mark.parametrize("tag", ["O", "_"])
def test_multiword_tokens_and_empty_nodes_among_numbered_words_are_no_tokens(tmp_path: Path, tag: str) -> None:
    sentence = f"1\tAna\tB-PER\n2-3\twent-off\t{tag}\n2\twent\tO\n3\toff\tO\n3.1\tshe\t{tag}\n4\t.\tO\n\n"
    opened = sentence.replace("1\tAna", f"1-2\tAna-went\t{tag}\n1\tAna")
    found = read_text(tmp_path, sentence + opened * 3)
    assert (found.tokens, found.errors) == ([["Ana", "went", "off", "."]] * 4, [])
    assert found.lines == [1, 9, 17, 25]


def test_a_feature_that_is_the_token_or_the_tag_is_refused(tmp_path: Path) -> None:
    text = "Ana\tNNP\tB-PER\nleft\tVBD\tO\n\n"
    for column, role in (("0", "token"), ("2", "tag"), ("-1", "tag")):
        (error,) = read_text(tmp_path, text, features=(("x", column),)).errors
        assert f"--feature x: column {int(column) % 3} is that of the {role}" in error


@pytest.mark.parametrize("separator", ["\t", " "])
def test_a_header_of_other_names_is_named_by_the_user(tmp_path: Path, separator: str) -> None:
    text = "wort wortart etikett\nAna NE B-PER\nging VVFIN O\n\nBo NE B-PER\n".replace(" ", separator)
    found = read_text(tmp_path, text, columns=(("token", "wort"), ("tag", "etikett")))
    assert (found.tokens, found.tags) == ([["Ana", "ging"], ["Bo"]], [["B-PER", "O"], ["B-PER"]])
    assert found.lines == [2, 5]
