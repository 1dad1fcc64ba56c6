"""spaCy itself reads what is written for it: texts, sentences, entities, names and parts of speech."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import DocBin
from spacy.training import Corpus

from data_prep.passes.convert import Target, convert
from data_prep.problems import Problems
from data_prep.settings import Settings

TEXT = " Ann\n\nLee left 'Bonn'.  She slept.\n"


def documents(tmp_path: Path, *records: dict[str, Any]) -> list[Any]:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    convert(tmp_path / "in.jsonl", Target(str(tmp_path / "out.spacy")), Settings(), None, Problems())
    return list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(spacy.blank("en").vocab))


def test_a_text_is_a_document(tmp_path: Path) -> None:
    entities = [[1, 9, "PER"], [16, 20, "LOC"]]
    record = {"id": "r", "document": "d", "text": TEXT, "entities": entities}
    (document,) = documents(tmp_path, record)
    assert document.text == TEXT
    assert [[e.start_char, e.end_char, e.label_] for e in document.ents] == entities
    assert [token.text for token in document if token.is_space] == [" ", "\n\n", " ", "\n"]
    assert [sentence.text.strip() for sentence in document.sents] == ["Ann\n\nLee left 'Bonn'.", "She slept."]
    assert document.user_data == {"id": "r", "document": "d"}


def test_a_sentence_of_tokens_is_a_document(tmp_path: Path) -> None:
    record = {"tokens": ["New York", "is", "a-b"], "tags": ["B-LOC", "O", "B-x-y"], "pos": ["NNP", "VBZ", ""]}
    (document,) = documents(tmp_path, record)
    assert [(token.text, token.ent_iob_, token.ent_type_, token.tag_) for token in document] == [
        ("New York", "B", "LOC", "NNP"),
        ("is", "O", "", "VBZ"),
        ("a-b", "B", "x-y", ""),
    ]
    assert document.text == "New York is a-b"


def test_spacys_training_takes_it(tmp_path: Path) -> None:
    documents(tmp_path, {"text": TEXT, "entities": [[16, 20, "LOC"]]}, {"text": "Rain.", "entities": []})
    examples = list(Corpus(tmp_path / "out.spacy")(spacy.blank("en")))
    assert [[str(entity) for entity in example.reference.ents] for example in examples] == [["Bonn"], []]
    assert "U-LOC" in examples[0].get_aligned_ner()
