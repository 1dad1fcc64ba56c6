"""Every file of records is recognised as what it is, and by no other format."""

from __future__ import annotations

from pathlib import Path

import pytest
from read_format import read_text
from record_samples import SAMPLES

from data_prep.formats.corpus_format import ReadOptions, Sample
from data_prep.formats.table import FORMATS

NAMES = ("O", "B-PER", "I-PER", "B-LOC")
# Reads all JSON objects that no format before it has recognised.
LEAST_STRICT = "jsonl"


@pytest.mark.parametrize(("name", "text"), SAMPLES)
def test_each_sample_is_recognised_as_itself_alone(tmp_path: Path, name: str, text: str) -> None:
    head = text.encode()
    sample = Sample("corpus", head, head.decode("latin-1"), [line for line in text.split("\n") if line.strip()])
    claims = [row.name for row in FORMATS.values() if row.recognise(sample, ReadOptions())]
    assert [claim for claim in claims if claim != LEAST_STRICT or name == LEAST_STRICT] == [name]
    read = read_text(tmp_path, text, tag_names=NAMES)
    assert (read.format, read.errors) == (name, [])
    assert read.tokens[0] == ["Ann", "left", "Rome", "."]


@pytest.mark.parametrize("text", [text for _, text in SAMPLES[::5]])
def test_a_byte_order_mark_and_line_ends_do_not_matter(tmp_path: Path, text: str) -> None:
    expected = read_text(tmp_path, text, tag_names=NAMES)
    for changed in (f"\ufeff{text}", text.replace("\n", "\r\n"), f"\n\n{text}"):
        read = read_text(tmp_path, changed, tag_names=NAMES)
        assert (read.tokens, read.tags) == (expected.tokens, expected.tags)
