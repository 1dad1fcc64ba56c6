"""A short file in each format of JSON and each annotation format of text, by the name of its format."""

from __future__ import annotations

import json

TEXT, SPANS = "Ann left Rome.", [[0, 3, "PER"], [9, 13, "LOC"]]
TOKENS, TAGS = ["Ann", "left", "Rome", "."], ["B-PER", "O", "B-LOC", "O"]
_LABELLED = [{"start": start, "end": end, "label": kind} for start, end, kind in SPANS]
_OFFSETS = [{"id": 1, "label": kind, "start_offset": start, "end_offset": end} for start, end, kind in SPANS]
_REGIONS = [{"type": "labels", "value": {"start": start, "end": end, "labels": [kind]}} for start, end, kind in SPANS]
_NER = [{"orth": token, "ner": tag} for token, tag in zip(TOKENS, ("U-PER", "O", "U-LOC", "O"))]

_VALUES: list[tuple[str, object]] = [
    ("jsonl", {"tokens": TOKENS, "tags": TAGS, "pos": TAGS}),
    ("jsonl", {"text": TEXT, "entities": SPANS}),
    ("jsonl", {"text": TEXT, "tokens": TOKENS, "tags": TAGS, "entities": SPANS}),
    ("jsonl", {"text": TEXT, "offset": 0, "entities": [{"start": 0, "end": 3, "type": "PER"}], "sentences": [{}]}),
    ("huggingface", {"id": "0", "tokens": TOKENS, "ner_tags": TAGS}),
    ("huggingface", {"id": "0", "tokens": TOKENS, "tags": [1, 0, 3, 0]}),
    ("huggingface", {"words": TOKENS, "labels": TAGS}),
    ("doccano", {"id": 1, "text": TEXT, "label": SPANS, "Comments": []}),
    ("doccano", {"id": 1, "text": TEXT, "labels": SPANS}),
    ("doccano", {"id": 1, "text": TEXT, "entities": _OFFSETS, "relations": []}),
    ("prodigy", {"text": TEXT, "spans": _LABELLED, "answer": "accept", "_task_hash": 4}),
    ("prodigy", {"text": TEXT, "spans": _LABELLED}),
    ("label-studio", {"id": 1, "data": {"text": TEXT}, "annotations": [{"result": _REGIONS}]}),
    ("label-studio", {"id": 1, "text": TEXT, "label": [region["value"] for region in _REGIONS], "annotation_id": 1}),
    ("gliner", {"tokenized_text": TOKENS, "ner": [[0, 0, "PER"], [2, 2, "LOC"]]}),
    ("spacy-json", [TEXT, {"entities": SPANS}]),
    ("spacy-json", {"id": 0, "paragraphs": [{"raw": TEXT, "sentences": [{"tokens": _NER}]}]}),
]
PUBTATOR = f"12|t|{TEXT}\n12|a|It rained.\n12\t0\t3\tAnn\tPER\t-\n12\t9\t13\tRome\tLOC\t-\n"
WEBANNO = "#FORMAT=WebAnno TSV 3.3\n#T_SP=webanno.custom.Entity|value\n\n\n#Text=" + "\n".join(
    [TEXT, *(f"1-{i}\t{place}\t_" for i, place in enumerate(["0-3\tAnn", "4-8\tleft", "9-13\tRome", "13-14\t."], 1))]
)
# Format and text, of lines and of arrays.
SAMPLES: list[tuple[str, str]] = [
    *((name, json.dumps(value) + "\n" + json.dumps(value) + "\n") for name, value in _VALUES),
    *((name, json.dumps([value, value])) for name, value in _VALUES),
    *((name, json.dumps([value, value], indent=2)) for name, value in _VALUES),
    *((name, json.dumps({"version": 1, "data": [value, value]})) for name, value in _VALUES),
    ("pubtator", PUBTATOR),
    ("webanno", WEBANNO),
]
