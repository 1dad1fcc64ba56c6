"""A file that is read in pieces gives what it gives as a whole."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import column_samples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from read_format import ReadFile, read_source

from data_prep.formats.corpus_format import ReadOptions
from data_prep.formats.read_corpus import recognise
from data_prep.passes.partitions import CutFile, cut_files
from data_prep.sources.source_files import SourceFile
from ner_dist.engines.one_process import OneProcess

DOCSTART = "-DOCSTART- -X- O\n\nEU NNP B-ORG\nrejects VBZ O\n\n. . O\n\n-DOCSTART- -X- O\n\nOslo NNP B-LOC\n\n"
WRONG = "EU NNP B-ORG\nrejects O\n\n. . O\n\n\ufeff\n\nOslo NNP B-LOC\n\n"
TOKEN_LINES = "".join(
    json.dumps({"tokens": tokens, "tags": ["B-LOC", *["O"] * (len(tokens) - 1)], "id": f"r{number}"}) + "\n"
    for number, tokens in enumerate((["Oslo", "lies"], ["Bergen"], ["Rome", "\u00e9", "."]))
)
TEXT_LINES = '{"text": "Oslo lies.", "label": [[0, 4, "LOC"]]}\n{"text": "No", "label": []}\n'
TEXTS = {
    "docstart": DOCSTART,
    "wrong": WRONG,
    "germeval": column_samples.GERMEVAL,
    "conllu": column_samples.CONLLU,
    "conll2012": column_samples.CONLL2012,
    "multiconer": column_samples.MULTICONER,
    "numbered": column_samples.NUMBERED,
    "header": column_samples.HEADER,
    "conllup": column_samples.CONLLUP.partition("\n")[2],
    "wikiner": column_samples.WIKINER,
    "csv-lists": column_samples.CSV_LISTS.partition("\n")[2],
    "csv-texts": column_samples.CSV_TEXTS.partition("\n")[2],
    "jsonl": TOKEN_LINES,
    "not-json": TOKEN_LINES + '{"tokens": ["a"]\n',
    "doccano": TEXT_LINES,
}
# What stands once, before the copies of a text.
HEADERS = {
    "conllup": "# global.columns = ID FORM UPOS MISC NER\n",
    "csv-lists": "Sentence #,Sentence,POS,Tag\n",
    "csv-texts": "text,labels\n",
}


def copies(name: str, num: int) -> str:
    return HEADERS.get(name, "") + TEXTS[name] * num


def cut(path: Path, num_bytes: int) -> list[SourceFile]:
    file = SourceFile(path)
    found = recognise(file, ReadOptions())
    one = CutFile(file, found.cut_at, found.encoding, found.format.name)
    return cut_files([one], OneProcess(), num_bytes)[0]


def begins_documents(read: ReadFile) -> list[bool]:
    return [a != b for a, b in zip(read.documents, [0, *read.documents])]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pieces") / "corpus"


@pytest.mark.parametrize("name", TEXTS)
@settings(max_examples=4, deadline=None)
@given(num_bytes=st.integers(10, 2000), num_copies=st.integers(1, 8))
def test_pieces_give_the_sentences_of_the_whole(place: Path, name: str, num_bytes: int, num_copies: int) -> None:
    place.write_text(copies(name, num_copies), encoding="utf-8")
    whole = read_source(SourceFile(place))
    parts = [read_source(piece) for piece in cut(place, num_bytes)]
    for field in ("tokens", "tags", "lines", "origins"):
        assert [one for part in parts for one in getattr(part, field)] == getattr(whole, field), field
    assert [one for part in parts for one in part.features.get("pos", [])] == whole.features.get("pos", [])
    assert [one for part in parts for one in begins_documents(part)] == begins_documents(whole)
    assert sum((part.problems.error_kinds for part in parts), Counter()) == whole.problems.error_kinds
    assert sum((part.problems.warnings for part in parts), Counter()) == whole.problems.warnings
    shown = [line for part in parts for line in part.errors]
    assert set(whole.errors) <= set(shown)


@pytest.mark.parametrize("name", TEXTS)
def test_files_of_these_formats_are_cut(place: Path, name: str) -> None:
    place.write_text(copies(name, 20), encoding="utf-8")
    assert len(cut(place, len(TEXTS[name].encode()))) > 5


def test_an_array_of_json_is_not_cut(place: Path) -> None:
    place.write_text("[" + ",\n".join(TOKEN_LINES.splitlines() * 50) + "]")
    assert len(cut(place, 100)) == 1
