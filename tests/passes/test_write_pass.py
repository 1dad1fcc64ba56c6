"""Row groups grow with their shard, and are the same however much is encoded at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from corpus_sources import sources_of

from data_prep.passes import write_pass
from data_prep.passes.build import build
from data_prep.passes.shard_cells import SENTENCE, ShardSentences, parts_of
from data_prep.passes.write_pass import LEAST_GROUP_TOKENS, MOST_GROUP_TOKENS, row_group_tokens
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.synthesis.synth import synthesise


def test_row_groups_of_a_small_shard_are_small_and_those_of_a_large_one_few() -> None:
    assert [row_group_tokens(n) for n in (0, 1, 10**5, 1 << 21)] == [LEAST_GROUP_TOKENS] * 4
    assert row_group_tokens((1 << 21) + 1) == LEAST_GROUP_TOKENS + 1
    # A shard of 10^11 tokens in 4,096 shards, and one that is too large for any reader's memory.
    assert row_group_tokens(24_414_063) == 190_735
    assert row_group_tokens(1 << 40) == MOST_GROUP_TOKENS


def test_parts_have_all_sentences_and_no_more_tokens_than_asked_for() -> None:
    length_N = np.array([3, 1, 1, 7, 2, 2, 1])
    sentence_N = np.zeros(len(length_N), SENTENCE)
    sentence_N["length"] = length_N
    token_M = np.arange(length_N.sum())
    whole = ShardSentences(token_M, token_M + 100, [token_M + 200], sentence_N, np.arange(7))
    parts = list(parts_of(whole, 4))
    assert [part.length_N.tolist() for part in parts] == [[3, 1], [1], [7], [2, 2], [1]]
    assert np.concatenate([part.token_M for part in parts]).tolist() == token_M.tolist()
    assert [part.part_N.tolist() for part in parts] == [[0, 1], [2], [3], [4, 5], [6]]
    for part in parts:
        assert len(part.token_M) == part.length_N.sum()
        assert (part.tag_M - 100).tolist() == (part.feature_FM[0] - 200).tolist() == part.token_M.tolist()


def test_files_do_not_depend_on_how_much_is_encoded_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = sources_of(synthesise(300, 3, tmp_path / "corpus"))
    monkeypatch.setattr(write_pass, "LEAST_GROUP_TOKENS", 200)
    found = []
    for encoded in (write_pass.ENCODED_TOKENS, 37):
        monkeypatch.setattr(write_pass, "ENCODED_TOKENS", encoded)
        out = tmp_path / str(encoded)
        build(sources, Settings(num_shards=2, num_buckets=3), out, Problems())
        found.append({path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()})
    assert found[0] == found[1]
    metadata = pq.read_metadata(out / "train-00000.parquet")
    assert 3 < metadata.num_row_groups <= 3 + metadata.num_rows
