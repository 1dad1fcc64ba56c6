"""CoNLL-U and CoNLL-U Plus: tags in MISC or a column, lines that are no words, documents; no tags at all is refused."""

from __future__ import annotations

from pathlib import Path

import column_samples
import pytest
from read_format import read_text

from data_prep.problems import CorpusError


def word(number: int, form: str, misc: str, upos: str = "NOUN") -> str:
    return f"{number}\t{form}\t_\t{upos}\t_\t_\t0\troot\t_\t{misc}\n"


def test_words_are_read_with_their_tags_and_names(tmp_path: Path) -> None:
    found = read_text(tmp_path, column_samples.CONLLU)
    # Neither the multiword token 1-2 nor the empty node 2.1.
    assert found.tokens == [["Vamos", "nos", "a", "El Paso", ",", "Ana", "."], ["#"]]
    assert found.entities == [("El Paso", "LOC"), ("Ana", "PER")]
    assert found.tags[0][2] == "O"
    assert found.features["pos"][0] == ["VERB", "PRON", "ADP", "PROPN", "PUNCT", "PROPN", "PUNCT"]
    assert (found.lines, found.documents) == ([5, 16], [1, 2])
    assert [(origin.record, origin.document) for origin in found.origins] == [("weblog-1-0001", "weblog-1"), ("2", "")]


@pytest.mark.parametrize("block_bytes", [1, 40, 100, 333])
def test_blocks_may_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    expected = read_text(tmp_path, column_samples.CONLLU * 3, format="conllu")
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", block_bytes)
    assert read_text(tmp_path, column_samples.CONLLU * 3, format="conllu")[:-1] == expected[:-1]


@pytest.mark.parametrize(
    ("misc", "tags"),
    [
        (["NER=B-ORG|SpaceAfter=No", "SpaceAfter=No"], ["B-ORG", "O"]),
        (["start_char=0|end_char=3|ner=S-PERSON", "ner=O"], ["S-PERSON", "O"]),
        (["Lang=en|NE=PER", "NE=O"], ["PER", "O"]),
        (["name=B-A=B", "name=O"], ["B-A=B", "O"]),
    ],
)
def test_corpora_name_the_tag_differently(tmp_path: Path, misc: list[str], tags: list[str]) -> None:
    found = read_text(tmp_path, word(1, "Ana", misc[0]) + word(2, "left", misc[1]))
    assert (found.format, found.tags, found.errors) == ("conllu", [tags], [])


@pytest.mark.parametrize(
    ("misc", "message"),
    [
        ("SpaceAfter=No", "no entity tags in MISC, expected name=B-PER or NER=B-PER; --tag-column names another"),
        ("_", "no entity tags in MISC"),
        ("Entity=(e1-person-1)", "MISC has Entity=, which marks mentions for coreference and not a tag for each word"),
    ],
)
def test_a_treebank_without_tags_is_refused(tmp_path: Path, misc: str, message: str) -> None:
    found = read_text(tmp_path, "# text = Ana left\n" + word(1, "Ana", misc) + word(2, "left", "_"))
    assert (found.format, found.tokens) == ("conllu", [])
    assert found.errors[0].startswith(f"{tmp_path / 'corpus'}:2: error: {message}")


def test_the_tag_may_stand_in_another_column(tmp_path: Path) -> None:
    text = "1\tAna\tana\tNOUN\tB-PER\t_\t0\troot\t_\t_\n2\tran\trun\tVERB\tO\t_\t1\tdep\t_\t_\n"
    found = read_text(tmp_path, text, tag_column=4, features=(("lemma", "LEMMA"), ("dep", "deprel")))
    assert found.tags == [["B-PER", "O"]]
    assert found.features == {"lemma": [["ana", "run"]], "dep": [["root", "dep"]]}
    errors = read_text(tmp_path, text, tag_column=4, features=(("x", "STEM"),)).errors
    assert "there is no column 'STEM'; the columns are ID FORM LEMMA" in errors[0]


def test_tags_alone_in_the_last_of_ten_columns_are_found_out(tmp_path: Path) -> None:
    found = read_text(tmp_path, word(1, "Ana", "B-PER") + word(2, "ran", "O", "VERB") + word(3, ".", "O", "PUNCT"))
    assert (found.format, found.tokens, found.tags) == ("conll", [["Ana", "ran", "."]], [["B-PER", "O", "O"]])
    assert found.features == {"pos": [["NOUN", "VERB", "PUNCT"]]}


def test_the_columns_of_plus_have_names(tmp_path: Path) -> None:
    found = read_text(tmp_path, column_samples.CONLLUP)
    assert (found.format, found.tokens) == ("conllup", [["Ana", "Lía", "."], ["Oslo"]])
    assert found.entities == [("Ana Lía", "PER"), ("Oslo", "LOC")]
    assert found.features == {"pos": [["PROPN", "PROPN", "PUNCT"], ["PROPN"]]}
    assert [(origin.record, origin.document) for origin in found.origins] == [("s1", "d1"), ("s2", "d1")]


@pytest.mark.parametrize("name", ["CORPUS:NER", "tag", "Entity"])
def test_plus_may_name_the_tags_otherwise(tmp_path: Path, name: str) -> None:
    text = f"# global.columns = FORM {name} MISC\nAna\tB-PER\t_\nleft\t_\t_\n"
    assert read_text(tmp_path, text).tags == [["B-PER", "O"]]
    other = text.replace(name, "WHO")
    assert "no entity tags in MISC" in read_text(tmp_path, other).errors[0]
    assert read_text(tmp_path, other, columns=(("tag", "WHO"),)).tags == [["B-PER", "O"]]


def test_plus_with_other_columns_than_named_is_refused(tmp_path: Path) -> None:
    found = read_text(tmp_path, "# global.columns = ID FORM NER\n1\tAna\tana\tB-PER\n")
    assert found.errors[0].endswith("corpus:2: error: the line has 4 columns, but 3 are named: ID FORM NER")
    with pytest.raises(CorpusError, match="format cannot be recognised"):
        read_text(tmp_path, "# local.columns = ID FORM\n1\tAna\n")


def test_ten_columns_with_multiword_tokens_are_conllu_even_with_bare_tags(tmp_path: Path) -> None:
    multiword = "1-2\tAna-ran" + "\t_" * 8 + "\n"
    found = read_text(tmp_path, multiword + word(1, "Ana", "B-PER") + word(2, "ran", "O", "VERB"))
    assert (found.format, found.tokens, found.tags) == ("conllu", [["Ana", "ran"]], [["B-PER", "O"]])


def test_mentions_for_coreference_are_no_tags_however_few(tmp_path: Path) -> None:
    text = word(1, "Ana", "Entity=(e1-person)") + word(2, "ran", "_", "VERB") + word(3, ".", "_", "PUNCT")
    assert "marks mentions for coreference" in read_text(tmp_path, text * 5).errors[0]


def test_plus_without_a_column_of_tags_says_how_to_name_it(tmp_path: Path) -> None:
    text = "# global.columns = ID FORM WHO\n1\tAna\tB-PER\n"
    assert "no column is named as one of tags; name it by --columns tag=NAME" in read_text(tmp_path, text).errors[0]
    assert read_text(tmp_path, text, columns=(("tag", "WHO"),)).tags == [["B-PER"]]
