"""docs/read_shards.py, which shares no code with this project, reads what data_prep was given and training reads."""

from __future__ import annotations

import ast
import importlib.util
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_sources import sources_of
from processes import ROOT
from text_shards import TextRow, write_text_shards

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.synthesis.synth import synthesise
from ner_dist.contract.shard_format import read_index, read_vocab
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.data.shard_reader import ShardReader

READER = ROOT / "docs" / "read_shards.py"
_spec = importlib.util.spec_from_file_location("read_shards", READER)
assert _spec
assert _spec.loader
read_shards: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(read_shards)

NUM_SENTENCES = 8000


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The whole synthetic corpus, as `make shards` generates it."""
    return synthesise(NUM_SENTENCES, 1, tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def shards(corpus: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "shards"
    build(sources_of(corpus), Settings(num_shards=8), out, Problems())
    return out


def columns(path: Path) -> list[list[list[str]]]:
    """The sentences of a CoNLL file, parsed here: the columns of each line."""
    parts = path.read_text(encoding="utf-8").strip("\n").split("\n\n")
    return [[line.split(" ") for line in part.split("\n")] for part in parts]


def bilou(tags: list[str]) -> list[str]:
    """BIO tags as BILOU, converted here."""
    goes_on = [after.startswith("I-") for after in [*tags[1:], "O"]]
    letters = {("B", True): "B", ("B", False): "U", ("I", True): "I", ("I", False): "L"}
    return ["O" if tag == "O" else letters[tag[0], more] + tag[1:] for tag, more in zip(tags, goes_on)]


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_it_reads_what_data_prep_was_given(split: str, corpus: dict[str, Path], shards: Path) -> None:
    expected = columns(corpus[split])
    found = list(read_shards.read_sentences(shards, split))
    assert [s["text"] for s in found] == [[token for token, *_ in sentence] for sentence in expected]
    assert [s["tag"] for s in found] == [bilou([line[-1] for line in sentence]) for sentence in expected]
    assert sum(map(len, expected)) > 9000
    if split == "train":
        assert [s["pos"] for s in found] == [[line[1] for line in sentence] for sentence in expected]
        assert ["".join(chars) for s in found for chars in s["chars"]] == [text for s in found for text in s["text"]]


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_it_reads_what_training_reads(split: str, shards: Path) -> None:
    index = read_index(shards)
    vocab = {name: np.array(read_vocab(shards, index, name)["values"], object) for name in index.vocab}
    tags = np.array(bilou_tags(index.entity_types), object)
    sentences = list(read_shards.read_sentences(shards, split))
    seen = 0
    reader = ShardReader(shards, index, split, list(range(8)), char_padding=0)
    for batch in reader.scoring_batches(256):
        for column, sentence_id in enumerate(batch.sentence_id_B.tolist()):
            length, sentence = int(batch.length_B[column]), sentences[sentence_id]
            words = batch.word_ids_W[batch.word_TB[:length, column]]
            assert vocab["word"][words].tolist() == sentence["word"]
            assert tags[batch.tag_TB[:length, column]].tolist() == sentence["tag"]
            for feature, ids_TB in zip(index.features, batch.feature_FTB):
                assert vocab[feature.name][ids_TB[:length, column]].tolist() == sentence[feature.name]
            spellings = batch.char_NC[batch.spelling_TB[:length, column]]
            assert [vocab["char"][ids[ids > 0]].tolist() for ids in spellings] == sentence["chars"]
            seen += 1
    assert seen == len(sentences) == index.num_sentences(split)


def test_it_reads_vectors_and_lists_too(rich_shards: Path) -> None:
    sentence = next(read_shards.read_sentences(rich_shards, "train"))
    ids = {"word", "chars", "tag", "text", "caps", "pos", "lexicon_LOC", "lexicon_PER"}
    assert set(sentence) == ids | {"source", "line", "record", "document"}


def test_it_reads_texts_with_their_spans(tmp_path: Path) -> None:
    rows = [TextRow(0, [1, 2], [0, 4], ["ab", "c"], [10, 13], [(13, 14, 0)]), TextRow(1, [3], [0], ["d"], [2], [])]
    write_text_shards(tmp_path / "shards", rows, None, 2)
    first, second = read_shards.read_sentences(tmp_path / "shards", "dev")
    assert (first["source"], first["line"], first["record"], first["document"]) == ("texts.jsonl", 1, "r0", "d")
    assert (first["source_text"], first["text_start"], first["start"]) == ("ab c", 10, [10, 13])
    assert (first["spans"], second["spans"]) == ([13, 14, 0], [])


def test_it_notices_damage(synth_shards: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(synth_shards, tmp_path / "shards"))
    path = damaged / "dev-00003.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"dev-00003\.parquet"):
        list(read_shards.read_sentences(damaged, "dev"))
    index = damaged / "index.json"
    index.write_text(index.read_text().replace("LOC", "LOK", 1))
    with pytest.raises(ValueError, match=r"index\.json is damaged"):
        list(read_shards.read_sentences(damaged, "train"))


def test_it_imports_nothing_of_the_project_and_is_short() -> None:
    text = READER.read_text(encoding="utf-8")
    tree = ast.parse(text)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"hashlib", "io", "itertools", "json", "sys", "pathlib", "pyarrow.parquet"}
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    assert function.end_lineno
    assert function.end_lineno - function.lineno < 36
