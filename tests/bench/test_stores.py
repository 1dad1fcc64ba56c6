"""The simulated way to a store: everything goes through it, and only the thread that trains waits."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from published_shards import published_shards

from bench.speed.stored_steps import simulated_link
from ner_dist.contract.shard_format import read_index, verify_file
from ner_dist.contract.shard_place import shard_folder


def test_all_bytes_take_the_way_once_and_the_waits_of_other_threads_do_not_count(
    synth_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = published_shards(synth_shards, tmp_path, monkeypatch)
    with simulated_link() as link:
        folder = shard_folder(address)
        first, second = (entry for entry in read_index(folder).splits["train"][:2])
        before, link.waited_s = link.num_bytes, 0.0
        ahead = threading.Thread(target=verify_file, args=(folder, first))
        ahead.start()
        ahead.join()
        assert (link.num_bytes - before, link.waited_s) == (first.num_bytes, 0.0)
        verify_file(folder, second)
        verify_file(folder, second)
        assert link.num_bytes - before == first.num_bytes + second.num_bytes
        assert link.waited_s > 0
