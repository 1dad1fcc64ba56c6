"""Which split a name speaks of, and which files are surely no corpus."""

from __future__ import annotations

import pytest

from data_prep.sources.split_names import is_no_corpus, split_of


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.conll", "train"),
        ("eng.testa", "dev"),
        ("eng.testb", "test"),
        ("data/validation-00000-of-00002.parquet", "dev"),
        ("training/doc.ann", "train"),
        ("train/test.conll", "test"),
        ("wnut17train.conll", "train"),
        ("en_ewt-ud-dev.conllu", "dev"),
        ("train_dev.tsv", ""),
        ("latest.conll", None),
        ("contest.txt", None),
        ("corpus.conll", None),
    ],
)
def test_a_name_speaks_of_a_split(name: str, split: str | None) -> None:
    assert split_of(name) == split


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("README", True),
        ("a/readme.txt", True),
        ("LICENSE.md", True),
        ("a/annotation.conf", True),
        ("dataset_info.json", True),
        ("figure.PNG", True),
        ("prepare.py", True),
        ("readme_of_the_corpus.conll", False),
        ("a.conll", False),
        ("corpus", False),
        ("labels.txt", False),
        ("train.json", False),
    ],
)
def test_only_what_is_surely_no_corpus_is_left_out(name: str, expected: bool) -> None:
    assert is_no_corpus(name) == expected
