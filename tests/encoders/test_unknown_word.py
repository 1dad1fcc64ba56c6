"""The vector of the unknown word: how files name it, and its way into the shards and into training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from corpus_sources import sources_of

from data_prep.encoders.unknown_word import find_unknown
from data_prep.encoders.word_vectors import read_all_vectors
from data_prep.inspecting.show_shards import describe, verify
from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.config import Config
from ner_dist.contract.shard_format import UNK_ID, Index, read_vocab, read_word_vectors
from ner_dist.contract.word_lookup import word_id_lookup
from ner_dist.model.initial_values import initial_embeddings


@pytest.mark.parametrize(
    ("words", "unknown"),
    [
        *(
            (["a", name, "b", "c"], name)
            for name in ("<unk>", "<UNK>", "[UNK]", "*UNK*", "<unknown>", "__unk__", "<|unk|>")
        ),
        *((["a", "b", "c", name], name) for name in ("UNK", "unk", "UUUNKKK", "<unk>")),
        (["UNK", "a", "b"], "UNK"),
        (["<pad>", "unk", "a", "b"], "unk"),
        # A word of texts, in the order of its frequency.
        (["the", "a", "unk", "b"], None),
        (["unk", "a", "<unk>", "b"], "<unk>"),
        (["the", "unknown"], None),
        (["<s>", "</s>", "<pad>", "a"], None),
        ([], None),
    ],
)
def test_the_unknown_word_is_told_by_its_marks_or_its_place(words: list[str], unknown: str | None) -> None:
    assert find_unknown(words) == unknown


def built(tmp_path: Path, *files: str) -> tuple[Path, Index]:
    """A set of a corpus with the token <unk>, with vectors of files with these lines."""
    corpus = tmp_path / "corpus.conll"
    corpus.write_text("Ann B-PER\n<unk> O\n<unk> O\n\nRome B-LOC\nrare O\n")
    paths = [tmp_path / f"v{n}.txt" for n in range(len(files))]
    for path, text in zip(paths, files):
        path.write_text(text)
    settings = Settings(num_shards=1, vectors=tuple(map(str, paths)))
    return tmp_path / "out", build(sources_of({"train": corpus, "dev": corpus}), settings, tmp_path / "out", Problems())


FILE = "ann 1 0 0\nrome 0 0 1\n<unk> 9 8 7\n"


def test_a_build_gives_the_unknown_word_the_vector_of_the_file_and_says_so(tmp_path: Path) -> None:
    out, index = built(tmp_path, FILE)
    verify(out)
    assert read_word_vectors(out, index)[UNK_ID].tolist() == [9, 8, 7]
    assert index.stats["train"]["unknown_word"] == ["<unk>"]
    assert "unknown words: the vector of '<unk>' in the files of vectors" in describe(out, index)


def test_a_token_that_is_spelled_like_the_unknown_word_is_another_word(tmp_path: Path) -> None:
    out, index = built(tmp_path, FILE)
    vocab = read_vocab(out, index, "word")
    word_id = vocab["values"].index("<unk>", UNK_ID + 1)
    assert word_id in vocab["without_vector"]
    assert UNK_ID not in vocab["without_vector"]
    find = word_id_lookup(vocab["values"], False, False, vocab["without_vector"])
    assert (find("<unk>"), find("rare")) == (word_id, UNK_ID)
    assert index.stats["train"]["unknown_words"] == 1


def test_training_begins_with_the_vector_of_the_unknown_word(tmp_path: Path) -> None:
    out, index = built(tmp_path, FILE)
    found = initial_embeddings(Config(), index, out)
    assert found.weight_VD[UNK_ID].tolist() == [9, 8, 7]
    assert found.pretrained_L[:2].tolist() == [False, True]
    # Words without a vector spread as widely as words that have one.
    assert np.abs(found.weight_VD[read_vocab(out, index, "word")["values"].index("<unk>", 2)]).max() < 1


def test_each_of_several_files_gives_its_part_or_zeros(tmp_path: Path) -> None:
    out, index = built(tmp_path, "UNK 5 6\nann 1 2\n", "rome 3\nann 4\n", FILE)
    assert read_word_vectors(out, index)[UNK_ID].tolist() == [5, 6, 0, 9, 8, 7]
    assert index.stats["train"]["unknown_word"] == ["UNK", "<unk>"]


def test_files_without_an_unknown_word_say_nothing_of_one(tmp_path: Path) -> None:
    out, index = built(tmp_path, "ann 1 0\nrome 0 1\n", "ann 1\n")
    assert np.isnan(read_word_vectors(out, index)[UNK_ID]).all()
    assert "unknown_word" not in index.stats["train"]
    assert not [line for line in describe(out, index) if line.startswith("unknown words")]
    one = read_all_vectors([tmp_path / "v0.txt"], tmp_path, Problems())
    assert one is not None
    assert (one.unknown_row, one.unknown) == (-1, ())
