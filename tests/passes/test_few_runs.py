"""Runs of many parts become few, with the same counts; the tokens that several parts share are counted once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hashed_corpus import hashed_corpus, hashes

from data_prep.encoders.merge_counts import merge_counts, run_of, write_run
from data_prep.passes import few_runs as few_runs_module
from data_prep.passes.carried import Carried
from data_prep.passes.few_runs import few_runs, num_distinct_tokens
from data_prep.passes.id_corpus import PartTokens
from ner_dist.engines.one_process import OneProcess


@pytest.mark.parametrize("num_runs", [0, 1, 3, 4, 10])
def test_few_runs_have_the_counts_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_runs: int) -> None:
    monkeypatch.setattr(few_runs_module, "FAN_IN", 3)
    runs = [write_run(tmp_path / f"run-{i}", run_of(["all", f"own{i}"], [i + 1, 1])) for i in range(num_runs)]
    found = few_runs(runs, "counts", tmp_path, OneProcess())
    assert len(found) <= 3
    assert merge_counts(found) == merge_counts(runs)
    assert num_runs > 3 or found == runs


def test_tokens_of_several_parts_are_counted_once(tmp_path: Path) -> None:
    parts = hashed_corpus(tmp_path, hashes(3, 3), [1, 1, 1], sources_by_part=[1, 1, 1]).parts
    tokens = [["a", "b"], [], ["b", "", "c"]]
    parts = [
        part._replace(tokens=Carried(PartTokens(token_V, {}), tmp_path / f"tokens-{number}"))
        for number, (part, token_V) in enumerate(zip(parts, tokens))
    ]
    assert num_distinct_tokens(parts, tmp_path, OneProcess()) == 4
