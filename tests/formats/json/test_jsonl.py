"""JSON lines of this project: tokens and tags, text and entities, both, and what `predict` writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from read_format import read_text

from data_prep.problems import CorpusError
from data_prep.sentences.record import Span

TOKENS = '{"tokens": ["Ann", "left"], "tags": ["B-PER", "O"]}'
TEXT = '{"text": "Ann left Rome.", "entities": [[0, 3, "PER"], [9, 13, "LOC"]]}'


def test_tokens_with_tags_are_a_sentence(tmp_path: Path) -> None:
    read = read_text(tmp_path, f"{TOKENS}\r\n\r\n{TOKENS}")
    assert (read.format, read.evidence) == ("jsonl", "JSON lines with 'tokens', 'tags'")
    assert (read.tokens, read.tags, read.lines) == ([["Ann", "left"]] * 2, [["B-PER", "O"]] * 2, [1, 3])


def test_texts_are_cut_and_keep_their_source(tmp_path: Path) -> None:
    read = read_text(tmp_path, TEXT)
    assert read.evidence == "JSON lines with 'text', 'entities' ([start, end, type])"
    assert read.tokens == [["Ann", "left", "Rome", "."]]
    assert read.entities == [("Ann", "PER"), ("Rome", "LOC")]
    assert read.origins[0].text == "Ann left Rome."
    assert read.origins[0].spans == (Span(0, 3, "PER"), Span(9, 13, "LOC"))


def test_both_kinds_of_lines_may_be_mixed(tmp_path: Path) -> None:
    read = read_text(tmp_path, f"{TEXT}\n{TOKENS}\n{TEXT}\n")
    assert read.entities == [("Ann", "PER"), ("Rome", "LOC"), ("Ann", "PER"), ("Ann", "PER"), ("Rome", "LOC")]
    assert (len(read.tokens), read.errors) == (3, [])


def test_tags_and_entities_of_a_line_must_agree(tmp_path: Path) -> None:
    line = {
        "text": "Ann left Rome",
        "tokens": ["Ann", "left", "Rome"],
        "tags": ["B-PER", "O", "B-LOC"],
        "entities": [[0, 3, "PER"], [9, 13, "LOC"]],
    }
    assert read_text(tmp_path, json.dumps(line)).entities == [("Ann", "PER"), ("Rome", "LOC")]
    line["tags"] = ["B-PER", "O", "O"]
    (error,) = read_text(tmp_path, json.dumps(line)).errors
    assert "corpus:1: error: tags and entities differ: entity 'Rome'" in error


def test_the_output_of_predict_is_read_as_text_with_entities(tmp_path: Path) -> None:
    entity = {"start": 9, "end": 13, "type": "LOC", "confidence": 0.9, "text": "Rome", "sentence": 0, "first_token": 2}
    sentence = {"tokens": ["Ann", "left", "Rome", "."], "starts": [0, 4, 9, 13]}
    line = {"id": 7, "text": "Ann left Rome.", "offset": 0, "entities": [entity], "sentences": [sentence]}
    read = read_text(tmp_path, json.dumps(line) + "\n" + json.dumps({**line, "entities": []}))
    assert (read.format, read.entities, len(read.tokens)) == ("jsonl", [("Rome", "LOC")], 2)
    assert [origin.record for origin in read.origins] == ["7", "7"]


def test_parts_of_speech_are_read_by_themselves_and_other_lists_if_asked_for(tmp_path: Path) -> None:
    line = '{"tokens": ["Ann", "left"], "tags": ["B-PER", "O"], "pos": ["NNP", "VBD"], "dep": ["nsubj", 8]}'
    assert read_text(tmp_path, line).features == {"pos": [["NNP", "VBD"]]}
    assert read_text(tmp_path, line, pos_column=None).features == {}
    read = read_text(tmp_path, line, features=(("head", "dep"),))
    assert read.features == {"pos": [["NNP", "VBD"]], "head": [["nsubj", "8"]]}
    with pytest.raises(CorpusError, match="--feature x=lemma: no such field; there are tokens, tags, pos, dep"):
        read_text(tmp_path, line, features=(("x", "lemma"),))


def test_placed_tokens_are_those_of_the_text(tmp_path: Path) -> None:
    tokens = [{"text": text, "start": start} for text, start in (("Ann", 0), ("left.", 4), ("\n", 9), ("Bo", 10))]
    line = {"text": "Ann left.\nBo", "tokens": tokens, "pos": ["N", "V", "N"], "entities": [[10, 12, "PER"]]}
    read = read_text(tmp_path, json.dumps(line))
    assert (read.format, read.errors) == ("jsonl", [])
    assert [token for tokens in read.tokens for token in tokens] == ["Ann", "left.", "Bo"]


def test_tokens_may_be_places_alone_as_spacy_writes_them(tmp_path: Path) -> None:
    places = [(0, 3), (3, 4), (4, 6), (6, 7), (7, 11)]
    tokens = [{"id": i, "start": start, "end": end, "tag": "NN"} for i, (start, end) in enumerate(places)]
    line = {"text": "Ann-Bo left", "ents": [{"start": 4, "end": 6, "label": "PER"}], "tokens": tokens}
    read = read_text(tmp_path, json.dumps(line))
    assert (read.tokens, read.tags) == ([["Ann", "-", "Bo", "left"]], [["O", "O", "B-PER", "O"]])


def test_ids_and_documents_are_kept(tmp_path: Path) -> None:
    lines = [{"id": 10**30 + i, "meta": {"doc_id": f"d{i // 2}"}, **json.loads(TOKENS)} for i in range(3)]
    read = read_text(tmp_path, "\n".join(map(json.dumps, lines)))
    assert [origin.record for origin in read.origins] == [str(10**30 + i) for i in range(3)]
    assert ([origin.document for origin in read.origins], read.documents) == (["d0", "d0", "d1"], [1, 1, 2])


def test_a_text_in_the_field_document_is_no_name(tmp_path: Path) -> None:
    line = '{"document": "Ann left Rome.", "spans": [[0, 3, "PER"]], "doc_id": 5}'
    read = read_text(tmp_path, line, columns=(("text", "document"), ("entities", "spans")))
    assert (read.entities, [origin.document for origin in read.origins]) == ([("Ann", "PER")], ["5"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "Ann"}', "neither tags nor entities"),
        ('{"tags": ["O"]}', "expected tokens and tags"),
        ('{"tokens": ["a", "b"], "tags": ["O"]}', '2 tokens but 1 values of "tags"'),
        ('{"tokens": ["a"], "tags": "O"}', '"tags" is not a list of strings'),
        ('{"tokens": ["a"], "tags": [true]}', '"tags" holds true'),
        ('{"tokens": ["a"], "tags": [NaN]}', '"tags" holds NaN'),
        ('{"tokens": [1], "tags": ["O"]}', '"tokens" is not a list of strings'),
        ('{"tokens": "a", "tags": ["O"]}', '"tokens" is not a list of strings'),
        ('{"tokens": [], "tags": []}', "a sentence without tokens"),
        ('{"text": 5, "entities": []}', '"text" is not a string'),
        ('{"text": "b", "tokens": ["a"], "entities": []}', "does not occur"),
        ('{"text": "b", "entities": {"start": 3}}', '"entities" is not a list of entities'),
        ('{"text": "b", "entities": [[0, 1]]}', "is not [start, end, type]"),
        ('{"text": "b", "entities": [[0, true, "X"]]}', "is not [start, end, type]"),
        ('{"text": "b", "entities": [[0, 1, 5]]}', "is not [start, end, type]"),
        ('{"text": "b", "entities": [[0, 9, "X"]]}', "outside the text of 1 characters"),
        (r'{"tokens": ["\ud800"], "tags": ["O"]}', "half a surrogate pair"),
        (r'{"text": "a", "entities": [[0, 1, "\udfff"]]}', "half a surrogate pair"),
        ('{"id": [1], "tokens": ["a"], "tags": ["O"]}', '"id" is not a string or an integer'),
        ('{"tokens": ["a"', "not JSON"),
        ("[1]", "not a JSON object"),
        ("5", "not a JSON object"),
    ],
)
def test_invalid_lines_are_reported_and_the_others_read(tmp_path: Path, line: str, message: str) -> None:
    good = f'{{"id": 1, {TOKENS[1:]}\n{TEXT}'
    read = read_text(tmp_path, f"{good}\n\n{line}\n{good}\n", format="jsonl")
    assert (read.lines, read.problems.num_errors) == ([1, 2, 5, 6], 1)
    assert read.errors[0].startswith(f"{tmp_path / 'corpus'}:4: error: ")
    assert message in read.errors[0]


@pytest.mark.parametrize("line", ['{"a": 1}', '{"text": "a"}', '{"tokens": ["a"], "pos": ["N"]}', '{"tokens": ["a"]}'])
def test_too_little_is_said_with_the_fields_that_are_there(tmp_path: Path, line: str) -> None:
    with pytest.raises(
        CorpusError, match=r"corpus: expected tokens and tags.*the first records have .*--columns token="
    ):
        read_text(tmp_path, line)


def test_a_first_record_longer_than_the_sample_is_recognised(tmp_path: Path) -> None:
    line = {"text": "Ann left. " * 60_000, "entities": [[0, 3, "PER"]]}
    read = read_text(tmp_path, json.dumps(line), tokenizer="whitespace")
    assert (read.format, read.errors, read.entities) == ("jsonl", [], [("Ann", "PER")])
    assert sum(map(len, read.tokens)) == 120_000


def test_of_the_findings_of_check_those_with_a_sentence_are_read(tmp_path: Path) -> None:
    finding = {"document": "", "place": "c:1", "kind": "k", "level": "error", "number": 1, "message": "m"}
    bare = json.dumps({**finding, "suggestion": None})
    whole = json.dumps({**finding, "suggestion": None, "text": "Ann left.", "entities": [[0, 3, "PER"]]})
    # More than are looked at to know the fields.
    read = read_text(tmp_path, "\n".join([*[bare] * 60, whole]))
    assert (read.format, read.evidence) == ("jsonl", "findings of check")
    assert (read.tokens, read.entities, read.lines) == ([["Ann", "left", "."]], [("Ann", "PER")], [61])
    assert read.problems.warnings["findings_left_out"] == 60
