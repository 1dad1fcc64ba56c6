"""The parts of a corpus have the vocabularies of the whole, though nobody holds the distinct tokens of all parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from built_parts import built
from part_corpora import conll, written

from data_prep.encoders import words
from data_prep.passes import few_runs, id_corpus, read_pass, shard_cells
from data_prep.sources.source_files import SourceFile
from ner_dist.contract.like_model import find_like

# Wrongly decoded, invisible, a mark between documents; spellings of a word; numbers; words of a lexicon.
ODD = ["Ã¤", "\u200bx", "DOC-END", "The", "the", "THE", "1996", "New", "York", "Żż"]


def odd(number: int, dirty: bool) -> str:
    """Columns with tokens that other files have, too, and with some that they have not."""
    tokens = [*ODD[number:], *ODD[:3], f"Ã¶{number}", f"{number}7"]
    rows = [f"{token} NN {'B-LOC' if token == 'New' else 'O'}\n" for token in tokens]
    return "".join(f"{row}{chr(10) * (i % 4 == 3)}" for i, row in enumerate(rows))


VECTORS = "the 1 0\n1996 0 1\n0 1 1\nNew 2 0\nunseen 0 2\nżż 3 1\n<unk> 0 0\n"
# Whether there are vectors and lists, and other settings.
WORDS: dict[str, tuple[bool, dict[str, Any]]] = {
    "no vectors": (False, {"min_count": 2, "max_words": 3, "min_char_count": 4}),
    "all vectors": (True, {"min_count": 4}),
    "vectors of the corpus": (True, {"vector_words": "corpus", "max_words": 2, "keep_case": True}),
}
FEATURE: dict[str, Any] = {"feature": (("pos", "1"),)}


@pytest.mark.parametrize("is_like", [False, True])
@pytest.mark.parametrize("name", WORDS)
def test_vocabularies_of_parts_are_those_of_the_whole(
    name: str, is_like: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = written(tmp_path / "corpus", [odd, odd, conll, odd, odd], ())
    sources = list(zip(["train"] * 3 + ["dev", "test"], files))
    has_vectors, given = WORDS[name]
    knobs = {**given, **FEATURE}
    if has_vectors:
        (tmp_path / "vectors.txt").write_text(VECTORS)
        (tmp_path / "lists").mkdir()
        (tmp_path / "lists" / "LOC.txt").write_text("New York\nthe 1996 nowhere\n")
        knobs.update(vectors=(str(tmp_path / "vectors.txt"),), lexicon=str(tmp_path / "lists"))
    like, expected = None, built(tmp_path / "one", sources, None, True, **knobs)
    assert any("looks like UTF-8 read in another encoding" in line for line in expected.warnings)
    if is_like:
        like, knobs = find_like(tmp_path / "one"), FEATURE
        expected = built(tmp_path / "like", sources, None, True, like, **knobs)
    assert expected.errors == ""
    # Several runs of each part, and several rounds of merging.
    monkeypatch.setattr(words, "RUN_TEXTS", 3)
    monkeypatch.setattr(few_runs, "FAN_IN", 2)
    # And files of fewer parts at once than there are.
    monkeypatch.setattr(shard_cells, "MAX_OPEN_PARTS", 2)
    for bounds in ([0, 1, 2, 3, 4, 5], [0, 2, 5]):
        assert built(tmp_path / "parts", sources, bounds, True, like, **knobs) == expected


def test_vectors_of_another_language_are_an_error_of_all_parts(tmp_path: Path) -> None:
    (tmp_path / "vectors.txt").write_text("autre 1 0\nchose 0 1\n")
    sources = list(zip(["train", "train", "dev"], written(tmp_path / "corpus", [conll] * 3, ())))
    knobs: dict[str, Any] = {"vectors": (str(tmp_path / "vectors.txt"),)}
    expected = built(tmp_path / "one", sources, None, False, **knobs)
    assert "no word of the corpus has a vector here" in expected.errors
    assert built(tmp_path / "parts", sources, [0, 1, 3], False, **knobs) == expected


def characters(number: int, dirty: bool) -> str:
    rows = [f"{char} NN {'B-PER' if char == '东' else 'O'}\n" for char in "我在东京吃饭abc"[number:]]
    return "".join(f"{row}{chr(10) * (i % 3 == 2)}" for i, row in enumerate(rows))


def test_how_new_text_is_cut_is_decided_by_the_tokens_of_all_parts(tmp_path: Path) -> None:
    files = written(tmp_path / "corpus", [characters, characters, conll], ())
    for number, tokenizer in ((2, "characters"), (3, "rules")):
        sources = list(zip([*["train"] * (number - 1), "dev"], files))
        expected = built(tmp_path / "one", sources, None, False)
        assert json.loads(expected.files["index.json"])["tokenizer"]["name"] == tokenizer
        assert built(tmp_path / "parts", sources, list(range(number + 1)), False) == expected


def test_distinct_tokens_of_all_parts_are_counted_only_if_they_may_be_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, number in zip("abc", (1, 0, 1)):
        (tmp_path / name).write_text(conll(number, False))
    sources = [(split, SourceFile(tmp_path / name)) for split, name in zip(["train", "train", "dev"], "abc")]
    counted: list[int] = []

    def noted(*given: Any) -> int:
        counted.append(few_runs.num_distinct_tokens(*given))
        return counted[-1]

    monkeypatch.setattr(read_pass, "num_distinct_tokens", noted)
    # Each file has 7, and two have the same ones.
    for most, times, error in ((21, 0, ""), (20, 1, ""), (14, 1, ""), (13, 1, "b: there are more than 13 different")):
        counted.clear()
        found = built(tmp_path / "parts", sources, [0, 1, 2, 3], False, max_distinct=most)
        assert counted == [14] * times
        assert found == built(tmp_path / "one", sources, None, False, max_distinct=most)
        assert error in found.errors
        assert bool(error) == bool(found.errors)


def test_nobody_asks_for_the_tokens_of_all_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = list(zip(["train", "train", "dev"], written(tmp_path / "corpus", [conll] * 3, ())))

    def refuse(corpus: id_corpus.IdCorpus) -> None:
        raise AssertionError("all tokens")

    monkeypatch.setattr(id_corpus.IdCorpus, "token_V", property(refuse))
    monkeypatch.setattr(id_corpus.IdCorpus, "distinct_tokens", refuse)
    assert built(tmp_path / "parts", sources, [0, 1, 2, 3], False).errors == ""
