"""Documents with entities become files: each format, and what it escapes."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from ner_dist.prediction.documents import Document, Entity, Sentence, document_of_tokens
from ner_dist.prediction.output_formats import document_writer

TYPES = ["PER", "x y"]


def tagged() -> Document:
    text = "<Ann & Bob> live\r\nin Rome"
    sentence = Sentence(["<Ann", "&", "Bob>", "live", "in", "Rome"], [0, 5, 7, 12, 18, 21], [4, 6, 11, 16, 20, 25])
    entities = [Entity(0, 11, "PER", 0.75, text[:11], 0, 0, 3), Entity(21, 25, "x y", 1.0, "Rome", 0, 5, 6)]
    return Document(text, [sentence], entities, 3, {"id": "d"})


def test_json_lines_out() -> None:
    record = json.loads(document_writer("jsonl", [], "").document(tagged()))
    assert (record["id"], record["offset"], record["text"]) == ("d", 3, tagged().text)
    assert record["entities"][0] == {**tagged().entities[0]._asdict(), "confidence": 0.75}
    assert record["sentences"][0] == {"tokens": tagged().sentences[0].tokens, "starts": tagged().sentences[0].starts}


def test_conll_out() -> None:
    lines = document_writer("conll", TYPES, "").document(tagged())
    assert lines == "<Ann B-PER\n& I-PER\nBob> I-PER\nlive O\nin O\nRome B-x_y\n\n"
    odd = document_of_tokens([["a\u00a0b", "\u2028"], []])
    assert document_writer("conll", TYPES, "").document(odd) == "a_b O\n_ O\n\n"


def test_markup_is_well_formed_and_loses_nothing() -> None:
    text = document_writer("inline", TYPES, "").document(tagged())
    assert text == "<PER>&lt;Ann &amp; Bob&gt;</PER> live\r\nin <x_y>Rome</x_y>\n"
    root = ElementTree.fromstring(f"<all>{text}</all>")
    assert "".join(root.itertext()).replace("\r\n", "\n").rstrip("\n") == tagged().text.replace("\r\n", "\n")


def test_types_that_would_be_written_alike_stay_distinct() -> None:
    types = ["x y", "x_y", "x/y"]
    entities = [Entity(n, n + 1, name, 1.0, "a", 0, n, n + 1) for n, name in enumerate(types)]
    document = document_of_tokens([["a", "b", "c"]])._replace(text="abc", entities=entities)
    conll = document_writer("conll", types, "").document(document)
    assert conll == "a B-x_y_2\nb B-x_y\nc B-x/y\n\n"
    assert document_writer("inline", types, "").document(document) == "<x_y_2>a</x_y_2><x_y>b</x_y><x_y_3>c</x_y_3>\n"
