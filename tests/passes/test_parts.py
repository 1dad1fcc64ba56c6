"""The set and all messages are the same in whatever parts a corpus is read, and in whatever order the parts end."""

from __future__ import annotations

from pathlib import Path

import pytest
from built_parts import Built, built
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from part_corpora import DIRTY, conll, jsonl, written

CORPORA = {
    "columns": ([conll] * 5, (), {}),
    "dirty columns": ([conll] * 5, (1, 3), DIRTY),
    "dirty columns that fail": ([conll] * 5, (1, 3), {}),
    "texts": ([jsonl] * 5, (2,), {"on_misaligned": "split", "on_broken": "repair", "tokenizer": "whitespace"}),
    # What has parts of speech and what has none do not mix; the first file with sentences says what is wanted.
    "columns and texts": ([conll, jsonl, conll, jsonl, conll], (), {"pos_column": None, "tokenizer": "whitespace"}),
    "texts and columns": ([jsonl, jsonl, conll, conll, conll], (), {"tokenizer": "whitespace"}),
}


@pytest.mark.parametrize("name", CORPORA)
def test_borders_of_parts_change_neither_bytes_nor_messages(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kinds, dirty, knobs = CORPORA[name]
    folder = tmp_path_factory.mktemp("parts")
    files = written(folder / "corpus", kinds, dirty)
    expected: dict[tuple[bool, bool], Built] = {}

    @hypothesis_settings(max_examples=5, deadline=None)
    @given(borders=st.sets(st.integers(1, 4), min_size=1), is_split=st.booleans(), listed=st.booleans())
    def same(borders: set[int], is_split: bool, listed: bool) -> None:
        splits = ["train"] * 5 if is_split else ["train"] * 3 + ["dev", "test"]
        sources = list(zip(splits, files))
        key = (is_split, listed)
        if key not in expected:
            expected[key] = built(folder / f"one-{is_split}-{listed}", sources, None, listed, **knobs)
        found = built(folder / "parts", sources, [0, *sorted(borders), 5], listed, **knobs)
        assert found == expected[key]

    same()


def test_a_file_that_cannot_be_read_ends_all_as_it_would_one_after_another(tmp_path: Path) -> None:
    files = written(tmp_path / "corpus", [conll] * 5, (0, 4))
    files[2].path.write_text("only prose here\n")
    sources = [("train", file) for file in files]
    expected = built(tmp_path / "one", sources, None, listed=True)
    assert "2.conll: the format cannot be recognised" in expected.errors
    assert expected.findings
    for bounds in ([0, 1, 2, 3, 4, 5], [0, 3, 5], [0, 2, 5]):
        assert built(tmp_path / "parts", sources, bounds, listed=True) == expected


def test_which_file_has_one_string_too_many_does_not_depend_on_the_parts(tmp_path: Path) -> None:
    sources = [("train", file) for file in written(tmp_path / "corpus", [conll] * 5, ())]
    expected = built(tmp_path / "one", sources, None, listed=False, max_distinct=20)
    assert "2.conll: there are more than 20 different tokens" in expected.errors
    assert built(tmp_path / "parts", sources, [0, 1, 2, 3, 4, 5], listed=False, max_distinct=20) == expected


def test_an_empty_first_part_decides_nothing_about_the_others(tmp_path: Path) -> None:
    files = written(tmp_path / "corpus", [conll, conll, jsonl], ())
    files[0].path.write_text("# a NN B-PER\n\n# b NN O\n")
    for knobs in ({"format": "conll"}, {}):
        sources = [("train", file) for file in (files[:2] if knobs else files)]
        bounds = list(range(len(sources) + 1))
        expected = built(tmp_path / "one", sources, None, listed=True, **knobs)
        assert built(tmp_path / "parts", sources, bounds, listed=True, **knobs) == expected
