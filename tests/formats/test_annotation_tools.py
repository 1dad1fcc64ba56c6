"""doccano, Prodigy, Label Studio, GLiNER and spaCy's JSON: what each tool exports gives the same sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from read_format import read_text

from data_prep.dirt.policies import policies_of
from data_prep.problems import CorpusError

TEXT = "Ann Lee left \U0001f600 Rome.\nBo stayed."
WORDS = [["Ann", "Lee", "left", "\U0001f600", "Rome", "."], ["Bo", "stayed", "."]]
SPANS = [[0, 7, "PER"], [15, 19, "LOC"], [21, 23, "PER"]]
ENTITIES = [("Ann Lee", "PER"), ("Rome", "LOC"), ("Bo", "PER")]


def lines(*values: object) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def objects(start: str, end: str, entity_type: str) -> list[dict[str, Any]]:
    return [dict(zip((start, end, entity_type), span)) for span in SPANS]


PRODIGY = {
    "text": TEXT,
    "_input_hash": -12,
    "_task_hash": 7,
    "_is_binary": False,
    "tokens": [
        {"text": word, "start": TEXT.index(word), "end": 0, "id": number, "ws": True}
        for number, word in enumerate(["Ann", "Lee", "left", "\U0001f600", "Rome", ".", "\n", "Bo", "stayed"])
    ],
    "_view_id": "ner_manual",
    "spans": [{**span, "token_start": 0, "token_end": 1} for span in objects("start", "end", "label")],
    "meta": {"document": "d1"},
    "answer": "accept",
}


def task(**fields: Any) -> dict[str, Any]:
    """As Label Studio exports it, with places in UTF-16 units."""
    result = [
        {
            "id": "x",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": start + (start > 13),
                "end": end + (start > 13),
                "text": TEXT[start:end],
                "labels": [entity_type],
            },
        }
        for start, end, entity_type in SPANS
    ]
    choice = {"from_name": "tone", "to_name": "text", "type": "choices", "value": {"choices": ["good"]}}
    relation = {"from_id": "x", "to_id": "y", "type": "relation", "direction": "right"}
    annotation = {"id": 1, "was_cancelled": False, "ground_truth": False, "result": [*result, choice, relation]}
    return {"id": 5, "data": {"text": TEXT}, "annotations": [annotation], "predictions": [], **fields}


SAMPLES = {
    "doccano": [
        lines({"id": 5, "text": TEXT, "label": SPANS, "Comments": []}),
        lines({"id": 5, "text": TEXT, "labels": SPANS, "meta": {}}),
        lines({"id": 5, "data": TEXT, "label": SPANS}),
        lines(
            {
                "id": 5,
                "text": TEXT,
                "entities": objects("start_offset", "end_offset", "label"),
                "relations": [{"id": 1}],
            }
        ),
        lines({"id": 5, "text": TEXT, "annotations": objects("start_offset", "end_offset", "label"), "meta": {}}),
    ],
    "prodigy": [
        lines({**PRODIGY, "id": 5}),
        lines({"id": 5, "text": TEXT, "spans": objects("start", "end", "label")}),
    ],
    "label-studio": [
        json.dumps([task(), task(annotations=[])]),
        json.dumps([task()], indent=2),
        lines(task()),
        json.dumps([{"id": 5, "completions": task()["annotations"], "data": {"ref": 3, "body": TEXT}}]),
        json.dumps([{"annotations": task()["annotations"], "data": {"id": 5, "document": "x", "text": TEXT}}]),
        json.dumps(
            [
                {
                    "id": 5,
                    "text": TEXT,
                    "label": [
                        {"start": start, "end": end, "text": TEXT[start:end], "labels": [kind]}
                        for start, end, kind in SPANS
                    ],
                    "annotator": 1,
                    "annotation_id": 3,
                }
            ]
        ),
    ],
    "spacy-json": [
        json.dumps([[TEXT, {"entities": SPANS}]]),
        json.dumps([[TEXT, {"entities": SPANS}]], indent=2),
        lines([TEXT, {"entities": SPANS}]),
        json.dumps({"classes": ["PER", "LOC"], "annotations": [[TEXT, {"entities": SPANS}], None]}),
    ],
}
CASES = [(name, text) for name, texts in SAMPLES.items() for text in texts]


@pytest.mark.parametrize(("name", "text"), CASES)
def test_each_export_gives_the_same_sentences(tmp_path: Path, name: str, text: str) -> None:
    read = read_text(tmp_path, text)
    assert (read.format, read.errors) == (name, [])
    assert read.entities == ENTITIES
    assert [word for words in read.tokens for word in words if word != "."] == [
        w for ws in WORDS for w in ws if w != "."
    ]
    assert "".join(origin.text or "" for origin in read.origins) == TEXT
    if name != "spacy-json":
        assert {origin.record for origin in read.origins} == {"5"}


def test_only_accepted_records_of_prodigy_are_read_and_the_others_counted(tmp_path: Path) -> None:
    answers = ["accept", "reject", "ignore", "reject", "maybe"]
    text = lines(*({**PRODIGY, "id": number, "answer": answer} for number, answer in enumerate(answers)))
    read = read_text(tmp_path, text)
    assert {origin.record for origin in read.origins} == {"0"}
    assert {name: read.problems.warnings[name] for name in ("rejected_records", "ignored_records")} == {
        "rejected_records": 2,
        "ignored_records": 1,
    }
    assert read.errors == [
        f'{tmp_path / "corpus"}:5: error: "answer" is "maybe", expected one of accept, reject, ignore'
    ]


def test_prodigy_without_spans_has_none_and_without_useful_places_is_searched(tmp_path: Path) -> None:
    tokens = [{"text": word, "start": 0, "end": 0, "id": 0} for word in ("a", "a", "b")]
    first = {"text": "a ab", "tokens": tokens, "spans": [{"start": 2, "end": 3, "label": "X"}], "answer": "accept"}
    read = read_text(tmp_path, lines(first, {"text": "a ab", "tokens": tokens, "answer": "accept"}))
    assert (read.errors, read.tags) == ([], [["O", "B-X", "O"], ["O", "O", "O"]])
    assert [origin.starts for origin in read.origins] == [(0, 2, 3)] * 2


def test_yes_or_no_to_single_spans_is_warned_of(tmp_path: Path) -> None:
    read = read_text(tmp_path, lines({**PRODIGY, "_view_id": "ner"}))
    assert read.problems.warnings["binary_answers"] == 1


def test_documents_of_prodigy_and_label_studio_are_kept(tmp_path: Path) -> None:
    assert set(read_text(tmp_path, lines(PRODIGY)).documents) == {1}
    for fields in ({"data": {"text": TEXT, "doc_id": "d1"}}, {"meta": {"document": "d1"}}):
        read = read_text(tmp_path, json.dumps([task(**fields)]))
        assert {origin.document for origin in read.origins} == {"d1"}


def test_of_several_annotations_the_true_one_counts_or_the_first_that_was_not_cancelled(tmp_path: Path) -> None:
    full, empty = task()["annotations"][0], {"result": [], "was_cancelled": False}
    cancelled = {**full, "was_cancelled": True}
    for given, found, warned in (
        ([cancelled, empty, full], [], "the first one is read"),
        ([empty, {**full, "ground_truth": True}], ENTITIES, "the one marked as ground truth is read"),
        ([cancelled, full], ENTITIES, ""),
    ):
        read = read_text(tmp_path, json.dumps([task(annotations=given)]))
        assert read.entities == found
        assert warned in "".join(read.problems.warning_lines)
        assert bool(warned) == bool(read.problems.warnings["tasks_annotated_twice"])
    read = read_text(tmp_path, json.dumps([task(annotations=[cancelled]), task()]))
    assert (read.entities, read.problems.warnings["tasks_not_annotated"]) == (ENTITIES, 1)


def test_labels_of_two_kinds_and_texts_in_two_fields_must_be_chosen(tmp_path: Path) -> None:
    annotation = task()["annotations"][0]
    annotation["result"].append({**annotation["result"][0], "from_name": "role"})
    text = json.dumps([task(annotations=[annotation])])
    assert (
        "labels of 2 kinds, 'label' or 'role'; choose with --columns entities=NAME"
        in read_text(tmp_path, text).errors[0]
    )
    assert read_text(tmp_path, text, columns=(("spans", "label"),)).entities == ENTITIES
    text = json.dumps([task(data={"title": "A title", "body": TEXT})])
    with pytest.raises(CorpusError, match="may be in 'title' or 'body' of its data; choose with --columns text=FIELD"):
        read_text(tmp_path, text)
    assert read_text(tmp_path, text, columns=(("text", "body"),)).entities == ENTITIES


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"start": "/p[1]/text()[1]", "end": "/p[1]", "labels": ["X"]}, "not in a plain text"),
        ({"start": 0, "end": 3, "labels": []}, "has no labels"),
        ({"start": 1, "end": 4, "text": "Ann", "labels": ["X"]}, "is 'nn ' in the text, but 'Ann'"),
        ({"start": 0, "end": 3, "labels": ["X", "Y"]}, "overlaps"),
    ],
)
def test_regions_of_label_studio_that_are_no_entities_are_errors(tmp_path: Path, value: Any, message: str) -> None:
    annotations = [{"result": [{"type": "labels", "value": value}]}]
    (error,) = read_text(tmp_path, json.dumps([task(annotations=annotations)])).errors
    assert message in error


def test_numbers_for_the_types_of_doccano_are_refused(tmp_path: Path) -> None:
    text = lines({"text": TEXT, "annotations": [{"label": 4, "start_offset": 0, "end_offset": 3, "user": 1}]})
    assert "has a number for its type; export the names" in read_text(tmp_path, text).errors[0]


def test_texts_with_a_category_are_no_corpus_of_entities(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="expected tokens and tags, or a text and entities"):
        read_text(tmp_path, lines({"id": 1, "text": TEXT, "category": "news"}))
    assert '"label" is not a list of' in read_text(tmp_path, lines({"text": TEXT, "label": ["news"]})).errors[0]


GLINER = [
    {"tokenized_text": ["Ann", "Lee", "left", "Rome"], "ner": [[0, 1, "person"], [3, 3, "work of art"]], "id": "a"},
    {"tokenized_text": ["Rain"], "ner": [], "id": "b"},
]


@pytest.mark.parametrize("text", [json.dumps(GLINER), json.dumps(GLINER, indent=4), lines(*GLINER)])
def test_tokens_of_gliner_have_inclusive_places(tmp_path: Path, text: str) -> None:
    read = read_text(tmp_path, text)
    assert (read.format, read.errors) == ("gliner", [])
    assert read.tags == [["B-person", "I-person", "O", "B-work of art"], ["O"]]
    assert [origin.record for origin in read.origins] == ["a", "b"]


@pytest.mark.parametrize(
    ("ner", "message"),
    [
        ([[0, 4, "X"]], "lies outside the 4 tokens"),
        ([[2, 1, "X"]], "lies outside"),
        ([["0", 1, "X"]], "is not [first token, last token, type]"),
        ([[0, 1, " "]], "is not [first token, last token, type]"),
        (5, '"ner" is not a list'),
        ([[0, 2, "X"], [1, 1, "Y"]], "entity 'Lee' (Y) overlaps 'Ann Lee left' (X)"),
    ],
)
def test_wrong_entities_of_gliner_are_errors(tmp_path: Path, ner: Any, message: str) -> None:
    (error,) = read_text(tmp_path, lines(GLINER[0], {**GLINER[0], "ner": ner})).errors
    assert "corpus:2: error: " in error
    assert message in error


def test_of_nested_entities_of_gliner_repair_keeps_the_outer_one(tmp_path: Path) -> None:
    text = lines({**GLINER[0], "ner": [[1, 1, "Y"], [0, 2, "X"]]})
    read = read_text(tmp_path, text, policies=policies_of({}, "repair"))
    assert (read.tags, read.problems.warnings) == (
        [["B-X", "I-X", "I-X", "O"]],
        {"overlapping_entities_dropped": 1},
    )


def spacy_document(raw: str | None = None) -> dict[str, Any]:
    """As `spacy convert` of version 2 writes it."""
    tags = {"Ann": "B-PER", "Lee": "L-PER", "Rome": "U-LOC", "Bo": "U-PER"}
    sentences = [
        {"tokens": [{"id": i, "orth": word, "tag": "X", "ner": tags.get(word, "O")} for i, word in enumerate(words)]}
        for words in WORDS
    ]
    return {"id": 3, "paragraphs": [{"sentences": sentences, **({} if raw is None else {"raw": raw})}]}


@pytest.mark.parametrize("raw", [None, TEXT])
def test_documents_of_spacy_keep_their_sentences(tmp_path: Path, raw: str | None) -> None:
    read = read_text(tmp_path, json.dumps([spacy_document(raw), spacy_document(raw)], indent=1))
    assert (read.format, read.errors, read.tokens) == ("spacy-json", [], WORDS * 2)
    assert read.tags[0] == ["B-PER", "L-PER", "O", "O", "U-LOC", "O"]
    assert {origin.document for origin in read.origins} == {"3"}
    if raw is not None:
        assert "".join(origin.text or "" for origin in read.origins) == TEXT * 2
        assert read_text(tmp_path, json.dumps([spacy_document(raw)]), features=(("t", "tag"),)).features == {
            "t": [["X"] * 6, ["X"] * 3]
        }


def test_documents_of_spacy_3_have_spans_of_the_raw_text(tmp_path: Path) -> None:
    document = spacy_document(TEXT)
    document["paragraphs"][0]["entities"] = SPANS
    read = read_text(tmp_path, json.dumps([document]))
    assert (read.errors, read.entities, read.tokens) == ([], ENTITIES, WORDS)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([TEXT, {"cats": {"A": 1}}], "is not a list of entities"),
        ({"text": "a"}, "expected [text, "),
        ({"id": 1, "paragraphs": [{"sentences": [{"tokens": [{"orth": "a", "ner": "-"}]}]}]}, "it is not annotated"),
        ({"id": 1, "paragraphs": [{"sentences": [{}]}]}, 'a sentence without "tokens"'),
        ({"id": 1, "paragraphs": ["a"]}, "a paragraph is not an object"),
        ({"id": 1, "paragraphs": [{"sentences": 1}]}, '"sentences" is not a list'),
    ],
)
def test_what_spacy_does_not_write_is_an_error(tmp_path: Path, value: Any, message: str) -> None:
    (error,) = read_text(tmp_path, json.dumps([[TEXT, {"entities": SPANS}], value])).errors
    assert "corpus:2: error: " in error
    assert message in error
