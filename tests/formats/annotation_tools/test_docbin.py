"""spaCy's DocBin: tokens, sentences and entities exactly as spaCy has them; documents without annotation refused."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
import spacy
from read_files import read_files
from spacy.tokens import Doc, DocBin, Span

from data_prep.problems import CorpusError
from data_prep.sources.caps import Caps

ENGLISH = spacy.blank("en")
WORDS = ["Ann", "Lee", " ", "met", "Bo", ".", "\n", "It", "rained", "."]
SPACES = [True, True, False, True, False, False, False, True, False, False]


def document(ents: list[str] | None = None, **facts: Any) -> Doc:
    return Doc(ENGLISH.vocab, words=WORDS, spaces=SPACES, ents=ents, **facts)


def written(path: Path, *documents: Doc, **options: Any) -> Path:
    DocBin(docs=documents, **options).to_disk(path)
    return path


ENTITIES = ["B-PER", "I-PER", "O", "O", "B-PER", "O", "O", "O", "O", "O"]


def test_tokens_and_places_are_spacys_without_white_space(tmp_path: Path) -> None:
    found = read_files(written(tmp_path / "train.spacy", document(ENTITIES)))
    assert found.formats == {"train.spacy": "docbin"}
    assert found.tokens == [["Ann", "Lee", "met", "Bo", "."], ["It", "rained", "."]]
    assert found.tags[0] == ["B-PER", "I-PER", "O", "B-PER", "O"]
    assert found.spans == [("Ann Lee", "PER"), ("Bo", "PER")]
    text = "".join(WORDS[i] + " " * SPACES[i] for i in range(len(WORDS)))
    for sentence in found.sentences:
        origin = sentence.origin
        assert origin is not None
        assert [
            text[start : start + len(word)] for start, word in zip(origin.starts, sentence.tokens)
        ] == sentence.tokens
    assert "".join(sentence.origin.text for sentence in found.sentences) == text  # type: ignore[union-attr,misc]
    assert [sentence.document for sentence in found.sentences] == [1, 1]


def test_tokens_need_not_be_those_of_spacys_rules(tmp_path: Path) -> None:
    joined = Doc(
        ENGLISH.vocab, words=["New York", "(U.S.A", ")"], spaces=[True, False, False], ents=["B-LOC", "O", "O"]
    )
    found = read_files(written(tmp_path / "d", joined))
    assert (found.tokens, found.tags) == ([["New York", "(U.S.A", ")"]], [["B-LOC", "O", "O"]])


def test_sentences_are_those_of_the_document_if_it_has_any(tmp_path: Path) -> None:
    starts = [True, False, False, True, False, False, True, False, False, False]
    found = read_files(written(tmp_path / "d", document(ENTITIES, sent_starts=starts)))
    # One begins with white space, that is, with the next token.
    assert found.tokens == [["Ann", "Lee"], ["met", "Bo", "."], ["It", "rained", "."]]


def test_what_a_user_stored_with_a_document_names_it(tmp_path: Path) -> None:
    first, second = document(ENTITIES), document(ENTITIES)
    first.user_data.update(id=7, document="paper")
    found = read_files(written(tmp_path / "d", first, second, store_user_data=True))
    assert [sentence.origin.record for sentence in found.sentences] == ["7", "7", "", ""]  # type: ignore[union-attr]
    assert found.documents == {("d", 1): "paper"}


def test_a_document_of_no_entities_is_not_one_without_annotation(tmp_path: Path) -> None:
    none, unknown = document(["O"] * len(WORDS)), document()
    found = read_files(written(tmp_path / "d", none, unknown))
    assert [sentence.line for sentence in found.sentences] == [1, 1]
    (error,) = found.problems.errors
    assert error.startswith(f"{tmp_path}/d:2: error: the document has no annotation of entities")


def test_tokens_that_nobody_looked_at_are_said(tmp_path: Path) -> None:
    partly = document()
    partly.set_ents([Span(partly, 0, 2, "PER")], missing=[partly[3:6]], default="outside")
    found = read_files(written(tmp_path / "d", partly))
    assert found.problems.warnings == {"tokens_not_annotated": 1}
    assert "3 tokens are neither in an entity nor marked as outside" in found.problems.warning_lines[0]
    assert found.tags[0] == ["B-PER", "I-PER", "O", "O", "O"]


def test_groups_of_spans_are_taken_only_without_entities_and_said(tmp_path: Path) -> None:
    grouped = document()
    grouped.spans["sc"] = [Span(grouped, 4, 5, "PER")]
    grouped.spans["other"] = [Span(grouped, 0, 2, "X")]
    found = read_files(written(tmp_path / "d", grouped))
    assert (found.spans, found.problems.warnings) == ([("Bo", "PER")], {"span_groups_used": 1})
    both = document(ENTITIES)
    both.spans["sc"] = [Span(both, 4, 5, "X")]
    assert read_files(written(tmp_path / "d", both)).spans == [("Ann Lee", "PER"), ("Bo", "PER")]


def test_of_several_groups_of_spans_none_is_guessed(tmp_path: Path) -> None:
    grouped = document()
    grouped.spans["one"] = [Span(grouped, 0, 2, "X")]
    grouped.spans["two"] = [Span(grouped, 0, 2, "Y")]
    assert "several groups of spans: 'one', 'two'" in read_files(written(tmp_path / "d", grouped)).problems.errors[0]


def test_it_is_read_from_an_archive(tmp_path: Path) -> None:
    path = written(tmp_path / "d", document(ENTITIES))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.write(path, "train.spacy")
    assert read_files(tmp_path / "c.zip").spans == [("Ann Lee", "PER"), ("Bo", "PER")]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "d", document(ENTITIES))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CorpusError, match="d: spaCy cannot read the file"):
        read_files(path)


def test_other_compressed_files_are_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "d").write_bytes(zlib.compress(b"Ann B-PER\n\n" * 50))
    with pytest.raises(CorpusError, match="the format cannot be recognised"):
        read_files(tmp_path / "d")


def test_lists_of_lists_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    """Each byte of them would become an object of 50 bytes."""
    content = b"\x82\xa7version\xa1x\xa5attrs\xdd" + (100_000).to_bytes(4, "big") + b"\x90" * 100_000
    (tmp_path / "bomb.spacy").write_bytes(zlib.compress(content))
    with pytest.raises(
        CorpusError, match=r"bomb\.spacy: it says that it holds more than 1,000 objects; .* --max-distinct N"
    ):
        read_files(tmp_path / "bomb.spacy", caps=Caps(distinct=1000))
    with pytest.raises(CorpusError, match=r"bomb\.spacy: unpacked it has more than 1e-05 GB; .* --max-unpacked-gb N"):
        read_files(tmp_path / "bomb.spacy", caps=Caps(unpacked_gb=1e-5))
