"""Documents with entities become files: each format, and what it escapes."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from data_prep.passes.convert import Target, convert
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.prediction.documents import Document, Entity, Sentence, document_of_tokens
from ner_dist.prediction.output_formats import document_writer, format_of

TYPES = ["PER", "x y"]


def written(format_name: str, types: list[str], *portions: Sequence[Document]) -> bytes:
    """The file of these portions."""
    writer, file = document_writer(format_name, types, "", "model-1"), io.BytesIO()
    sink = writer.open(file)
    for portion in portions:
        sink.write(writer.portion(portion))
    sink.close()
    return file.getvalue()


def text_of(format_name: str, types: list[str], document: Document) -> str:
    return written(format_name, types, [document]).decode()


def tagged() -> Document:
    text = "<Ann & Bob> live\r\nin Rome"
    sentence = Sentence(["<Ann", "&", "Bob>", "live", "in", "Rome"], [0, 5, 7, 12, 18, 21], [4, 6, 11, 16, 20, 25])
    entities = [Entity(0, 11, "PER", 0.75, text[:11], 0, 0, 3), Entity(21, 25, "x y", 1.0, "Rome", 0, 5, 6)]
    return Document(text, [sentence], entities, 3, {"id": "d"})


def test_json_lines_out() -> None:
    record = json.loads(text_of("jsonl", [], tagged()))
    assert (record["id"], record["offset"], record["text"]) == ("d", 3, tagged().text)
    assert record["entities"][0] == {**tagged().entities[0]._asdict(), "confidence": 0.75}
    sentence = tagged().sentences[0]
    assert record["sentences"] == [{"tokens": sentence.tokens, "starts": sentence.starts, "confidence": 1, "margin": 1}]


def test_json_lines_tell_the_confidence_of_the_document_and_its_sentences() -> None:
    sentences = [sentence._replace(confidence=0.00123456789, margin=1e-9) for sentence in tagged().sentences * 2]
    record = json.loads(text_of("jsonl", [], tagged()._replace(sentences=sentences)))
    assert (record["confidence"], record["margin"]) == (1.52416e-06, 1e-09)
    assert [(s["confidence"], s["margin"]) for s in record["sentences"]] == [(0.00123457, 1e-09)] * 2


def test_conll_out() -> None:
    lines = text_of("conll", TYPES, tagged())
    assert lines == "<Ann B-PER\n& I-PER\nBob> I-PER\nlive O\nin O\nRome B-x_y\n\n"
    odd = document_of_tokens([["a\u00a0b", "\u2028"], []])
    assert text_of("conll", TYPES, odd) == "a_b O\n_ O\n\n"


def test_markup_is_well_formed_and_loses_nothing() -> None:
    text = text_of("inline", TYPES, tagged())
    assert text == "<PER>&lt;Ann &amp; Bob&gt;</PER> live\r\nin <x_y>Rome</x_y>\n"
    root = ElementTree.fromstring(f"<all>{text}</all>")
    assert "".join(root.itertext()).replace("\r\n", "\n").rstrip("\n") == tagged().text.replace("\r\n", "\n")


def test_types_that_would_be_written_alike_stay_distinct() -> None:
    types = ["x y", "x_y", "x/y"]
    entities = [Entity(n, n + 1, name, 1.0, "a", 0, n, n + 1) for n, name in enumerate(types)]
    document = document_of_tokens([["a", "b", "c"]])._replace(text="abc", entities=entities)
    conll = text_of("conll", types, document)
    assert conll == "a B-x_y_2\nb B-x_y\nc B-x/y\n\n"
    assert text_of("inline", types, document) == "<x_y_2>a</x_y_2><x_y>b</x_y><x_y_3>c</x_y_3>\n"


def two_sentences() -> Document:
    """A text with emoji, of two sentences and white space beyond single spaces."""
    text = "\U0001f600 Ann  ran.\nIn Rome"
    sentences = [
        Sentence(["\U0001f600", "Ann", "ran", "."], [0, 2, 7, 10], [1, 5, 10, 11], confidence=0.5),
        Sentence(["In", "Rome"], [12, 15], [14, 19], confidence=0.5),
    ]
    entities = [Entity(2, 5, "PER", 0.75, "Ann", 0, 1, 2), Entity(15, 19, "x y", 1.0, "Rome", 1, 1, 2)]
    return Document(text, sentences, entities, 0, {"id": "r1", "document": "d", "source": {"page": 10**30}})


def test_doccano_has_labels_and_the_other_fields() -> None:
    label = [[2, 5, "PER"], [15, 19, "x y"]]
    expected = {**two_sentences().others, "text": two_sentences().text, "label": label}
    assert json.loads(text_of("doccano", TYPES, two_sentences())) == expected


def test_label_studio_has_predictions_with_model_and_scores() -> None:
    plain = document_of_tokens([["a"]])
    # A portion without documents leaves no comma.
    content = written("label-studio", TYPES, [two_sentences(), plain], [], [plain])
    first, *others = json.loads(content)
    assert first["data"] == {**two_sentences().others, "text": two_sentences().text}
    (prediction,) = first["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("model-1", 0.25)
    assert [(region["value"]["text"], region["score"]) for region in prediction["result"]] == [
        ("Ann", 0.75),
        ("Rome", 1),
    ]
    assert [task["predictions"][0]["result"] for task in others] == [[], []]
    assert json.loads(written("label-studio", TYPES)) == []


def test_prodigy_has_tokens_spans_and_no_answer() -> None:
    document = two_sentences()._replace(others={"id": 3, "meta": {"page": 1}, "spans": []})
    task = json.loads(text_of("prodigy", TYPES, document))
    assert (task["id"], task["meta"], "answer" in task) == (3, {"page": 1, "score": 0.25}, False)
    assert [(token["text"], token["ws"]) for token in task["tokens"]][:3] == [
        ("\U0001f600", True),
        ("Ann", True),
        ("ran", False),
    ]
    assert task["spans"][1] == {"start": 15, "end": 19, "token_start": 5, "token_end": 5, "label": "x y", "score": 1.0}


def test_docbin_is_spacys_own() -> None:
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    empty = Document("", [])
    content = written("docbin", TYPES, [two_sentences(), empty], [], [tagged()])
    first, second, third = DocBin().from_bytes(content).get_docs(Vocab())
    assert (first.text, [(span.text, span.label_) for span in first.ents]) == (
        two_sentences().text,
        [("Ann", "PER"), ("Rome", "x y")],
    )
    assert [sentence.start for sentence in first.sents] == [0, 6]
    assert first.user_data == {"id": "r1", "document": "d", "source": {"page": str(10**30)}}
    assert (len(second), third.user_data) == (0, {"id": "d"})


def test_parquet_has_a_row_for_each_sentence_and_the_names_of_tags() -> None:
    content = written("parquet", TYPES, [two_sentences(), Document("", [])], [], [tagged()])
    file = pq.ParquetFile(io.BytesIO(content))
    rows = file.read().to_pylist()
    assert file.num_row_groups == 2
    assert [(row["id"], row["record"], row["sentence"], row["start"]) for row in rows] == [
        ("r1", 0, 0, 0),
        ("r1", 0, 1, 12),
        ("d", 2, 0, 0),
    ]
    assert rows[1]["text"] == "In Rome"
    assert rows[1]["entities"] == [{"start": 3, "end": 7, "type": "x y", "confidence": 1.0, "text": "Rome"}]
    assert json.loads(rows[0]["fields"]) == {"source": {"page": 10**30}}
    assert rows[2]["fields"] is None
    features = json.loads(file.schema_arrow.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == file.schema_arrow.names
    names = features["ner_tags"]["feature"]["names"]
    assert [[names[tag] for tag in row["ner_tags"]] for row in rows] == [
        ["O", "B-PER", "O", "O"],
        ["O", "B-x y"],
        ["B-PER", "I-PER", "I-PER", "O", "O", "B-x y"],
    ]


def test_a_format_follows_from_the_name() -> None:
    named = {".spacy": "docbin", ".PARQUET": "parquet", ".json": "jsonl", "": "jsonl"}
    assert {ending: format_of(Path(f"out{ending}"), "auto") for ending in named} == named
    assert format_of(Path("out.parquet"), "doccano") == "doccano"


@pytest.mark.parametrize("format_name", ["jsonl", "doccano", "label-studio", "prodigy", "docbin", "parquet"])
def test_preparation_reads_what_prediction_writes(format_name: str, tmp_path: Path) -> None:
    content = written(format_name, TYPES, [two_sentences()])
    if format_name == "label-studio":
        # What a person has accepted comes back as an annotation.
        (task,) = json.loads(content)
        content = json.dumps([{**task, "annotations": task.pop("predictions")}]).encode()
    (tmp_path / "in").write_bytes(content)
    convert(tmp_path / "in", Target(str(tmp_path / "out"), "jsonl"), Settings(), None, Problems())
    rows = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    tags = [tag for row in rows for tag in row["tags"]]
    assert [tag.split("-")[-1] for tag in tags if tag != "O"] == ["PER", "x y"]
    assert {(row["id"], row["document"]) for row in rows} == {("r1", "d")}
