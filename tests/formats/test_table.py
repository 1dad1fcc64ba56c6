"""The table of formats is all that a new format needs: it is recognised, read, built from and written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from data_prep.formats import table
from data_prep.formats.block import SentenceAssembler, SentenceIds, TaggedSentences
from data_prep.formats.corpus_format import Format, ReadOptions, Source, WriteOptions
from data_prep.formats.tag_strings import is_well_formed, spell_tags
from data_prep.formats.text_source import split_lines
from data_prep.passes.build import build
from data_prep.passes.convert import Target, convert
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings

# One sentence per line, each token with its tag: token/TAG token/TAG
CONTENT = "Anna/B-PER saw/O New/B-LOC York/I-LOC\nrain/O\n"


def recognise(lines: list[str], options: ReadOptions) -> bool:
    return all(is_well_formed(pair.rpartition("/")[2]) for pair in lines[0].split())


def read(source: Source) -> Iterator[SentenceIds]:
    sentences, token_ids, tag_ids = SentenceAssembler(source.path), source.strings.token, source.strings.tag
    for first_line, text in source.blocks:
        for number, line in enumerate(split_lines(text), first_line):
            tokens, _, tags = zip(*(pair.rpartition("/") for pair in line.split()))
            line_M, no_pos, opens_M = np.full(len(tokens), number), np.zeros(0, np.int32), np.zeros(len(tokens), bool)
            sentences.add(token_ids.ids(tokens), tag_ids.ids(tags), no_pos, line_M, opens_M)
            sentences.end_sentence()
        yield sentences.take()


def write(block: TaggedSentences, num_before: int, options: WriteOptions, problems: Problems) -> str:
    tag_M = spell_tags(block, options.entity_types, options.scheme)
    pairs = [f"{token}/{tag}" for token, tag in zip(block.text_M, tag_M)]
    return "".join(" ".join(pairs[place]) + "\n" for place in block.sentence_slices())


TOY = Format("toy", "token/TAG", "utf-8", "tokens with tags", recognise, read, write, endings=(".toy",))


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(table.FORMATS, TOY.name, TOY)
    (tmp_path / "in.toy").write_text(CONTENT)
    return tmp_path / "in.toy"


def test_a_new_format_is_recognised_and_built_from(corpus: Path, tmp_path: Path) -> None:
    index = build(dict.fromkeys(("train", "dev"), corpus), Settings(num_shards=1), tmp_path / "out", Problems())
    assert (index.entity_types, index.num_sentences("train"), index.num_tokens("train")) == (["LOC", "PER"], 2, 5)


def test_a_new_format_is_converted_from_and_to_and_described(corpus: Path, tmp_path: Path) -> None:
    for source, out in (("in.toy", "a.jsonl"), ("a.jsonl", "b.csv"), ("b.csv", "c"), ("c", "d.toy")):
        convert(tmp_path / source, Target(str(tmp_path / out)), Settings(), None, Problems())
    assert (tmp_path / "c").read_text().split("\n")[:3] == ["Anna B-PER", "saw O", "New B-LOC"]
    assert (tmp_path / "d.toy").read_text() == CONTENT
    assert table.describe().endswith("toy: token/TAG")
    assert "toy for .toy" in table.describe_endings()


def test_where_no_format_is_recognised_all_are_named(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "prose").write_text("just some prose\n")
    with pytest.raises(CorpusError, match=r"found none of: .*\(kaggle\), .*\(jsonl\), .*\(conll\), tokens with tags"):
        convert(tmp_path / "prose", Target(str(tmp_path / "out")), Settings(), None, Problems())


@pytest.mark.parametrize("name", table.WRITABLE)
def test_blocks_without_a_sentence_leave_no_trace(name: str) -> None:
    nothing = np.zeros(0, np.int64)
    none = TaggedSentences([], nothing, [], nothing, "file:", nothing)
    some = TaggedSentences(["a"], np.array([0]), ["N"], np.array([1]), "file:", np.array([1]))

    write, options, problems = table.FORMATS[name].write, WriteOptions([], "bio"), Problems()
    assert write is not None
    parts = [write(block, num_before, options, problems) for block, num_before in ((none, 0), (some, 0), (none, 1))]
    assert parts == ["", write(some, 0, options, problems), ""]
