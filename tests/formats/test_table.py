"""The table of formats is all that a new format needs: it is recognised, read and built from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from corpus_sources import sources_of

from data_prep.formats import table
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.passes.build import build
from data_prep.passes.convert import Target, convert
from data_prep.problems import Problems
from data_prep.sentences.block import SentenceAssembler, SentenceIds
from data_prep.settings import Settings
from data_prep.sources.text_source import split_lines
from data_prep.tags.tag_strings import is_well_formed

# One sentence per line, each token with its tag: token/TAG token/TAG
CONTENT = "Anna/B-PER saw/O New/B-LOC York/I-LOC\nrain/O\n"


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    pairs = [pair.rpartition("/") for line in sample.lines for pair in line.split()]
    return "tokens with tags" if all(token and is_well_formed(tag) for token, _, tag in pairs) else None


def read(source: Source) -> Iterator[SentenceIds]:
    sentences, token_ids, tag_ids = SentenceAssembler(source.path), source.strings.token, source.strings.tag
    for first_line, text in source.blocks:
        for number, line in enumerate(split_lines(text), first_line):
            tokens, _, tags = zip(*(pair.rpartition("/") for pair in line.split()))
            line_M, opens_M = np.full(len(tokens), number), np.zeros(len(tokens), bool)
            sentences.add(token_ids.ids(tokens), tag_ids.ids(tags), [], line_M, opens_M)
            sentences.end_sentence()
        yield sentences.take()


TOY = Format("toy", "token/TAG", "utf-8", "tokens with tags", recognise, read)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(table.FORMATS, TOY.name, TOY)
    (tmp_path / "in.toy").write_text(CONTENT)
    return tmp_path / "in.toy"


def test_a_new_format_is_recognised_and_built_from(corpus: Path, tmp_path: Path) -> None:
    index = build(
        sources_of(dict.fromkeys(("train", "dev"), corpus)), Settings(num_shards=1), tmp_path / "out", Problems()
    )
    assert (index.entity_types, index.num_sentences("train"), index.num_tokens("train")) == (["LOC", "PER"], 2, 5)


def test_a_new_format_is_converted_from_and_described(corpus: Path, tmp_path: Path) -> None:
    convert(corpus, Target(str(tmp_path / "out")), Settings(), None, Problems())
    assert (tmp_path / "out").read_text() == "Anna B-PER\nsaw O\nNew B-LOC\nYork I-LOC\n\nrain O\n\n"
    assert table.describe().endswith("toy: token/TAG")
