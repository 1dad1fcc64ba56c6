"""Agreement: a difference between ranks ends the job, and the sentence names it with each rank's value."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thread_comm import ThreadComm, on_ranks

from ner_dist.ranks import agreement
from ner_dist.ranks.agreement import checksum, require_agreement, same_state, start_facts
from ner_dist.ranks.comm import JobError, Solo

HOST = platform.node()
VERSIONS = {"numpy": "1.23.5"}


def refusals(facts_of_rank: list[dict[str, str]]) -> list[str]:
    """What each rank is told."""

    def act(comm: ThreadComm) -> str:
        try:
            require_agreement(comm, facts_of_rank[comm.rank], "mend it")
        except JobError as error:
            return str(error)
        return ""

    return on_ranks(len(facts_of_rank), act)


def test_ranks_with_the_same_facts_agree() -> None:
    facts = start_facts({"train.seed": 1, "data.shards": "a"}, "abc", VERSIONS)
    assert refusals([facts] * 3) == [""] * 3
    require_agreement(Solo(), facts, "")


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("--train.seed", "2", f"--train.seed: 1 on ranks 0 ({HOST}), 2 ({HOST}), 2 on rank 1 ({HOST})"),
        ("the shards' fingerprint", "abd", f"the shards' fingerprint: abc on ranks 0 ({HOST}), 2 ({HOST}), abd on"),
        ("the code's checksum", "0", "the code's checksum: "),
        ("the version of numpy", "2.0", f"the version of numpy: 1.23.5 on ranks 0 ({HOST}), 2 ({HOST}), 2.0 on rank 1"),
    ],
)
def test_a_difference_at_the_start_is_named_on_every_rank(name: str, value: str, shown: str) -> None:
    facts = start_facts({"train.seed": 1}, "abc", VERSIONS)
    assert name in facts
    told = refusals([facts, {**facts, name: value}, facts])
    assert len(set(told)) == 1
    assert told[0].startswith(f"the ranks differ in {shown}")
    assert told[0].endswith(f"on rank 1 ({HOST}); mend it")


def test_many_differences_are_counted_and_a_missing_fact_is_one() -> None:
    first, second = ({f"fact {i}": f"{rank}\x1b" for i in range(9)} for rank in range(2))
    told = refusals([first, second])[0]
    assert told.count(" on rank 0 ") == 5
    assert "; and 4 more; mend it" in told
    assert "\x1b" not in told
    assert "model: x on rank 0" in refusals([{"model": "x"}, {}])[0]
    assert "nothing on rank 1" in refusals([{"model": "x"}, {}])[0]


def test_the_advice_for_another_state_says_what_to_distrust() -> None:
    assert same_state(500, 250, "runs/a").startswith("after 500 steps; what was saved after step 250 may be wrong")


def test_the_codes_checksum_changes_with_any_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "ner_dist"
    shutil.copytree(agreement._PACKAGE / "ranks", package / "ranks")
    monkeypatch.setattr(agreement, "_PACKAGE", package)
    compute = agreement.code_checksum.__wrapped__
    before = compute()
    assert compute() == before
    with (package / "ranks" / "comm.py").open("a") as file:
        file.write("\n")
    changed = compute()
    (package / "ranks" / "comm.py").rename(package / "ranks" / "comms.py")
    assert len({before, changed, compute()}) == 3


@settings(max_examples=30)
@given(
    st.sampled_from([0, 1, 5, 4095, 4096, 8192, 20_001]),
    st.sampled_from([np.float32, np.float64, np.int64]),
    st.integers(0, 1 << 30),
    st.integers(0, 7),
)
def test_a_checksum_finds_one_flipped_bit_anywhere(length: int, kind: type, place: int, bit: int) -> None:
    array = np.random.default_rng(length).normal(0, 100, length).astype(kind)
    before = checksum({"a": array, "b": np.zeros(3)})
    assert checksum({"b": np.zeros(3), "a": array.copy()}) == before
    if length:
        array.view(np.uint8)[place % array.nbytes] ^= 1 << bit
        assert checksum({"a": array, "b": np.zeros(3)}) != before


def test_a_checksum_knows_names_shapes_types_and_layouts() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert checksum({"a": np.asfortranarray(array)}) == checksum({"a": array})
    others = [{"b": array}, {"a": array.T}, {"a": array.reshape(3, 2)}, {"a": array.view(np.int32)}, {}]
    assert len({checksum(other) for other in [{"a": array}, *others]}) == 6
