"""Copies lie where those of the process before lay, and never where another process reads its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from processes import ROOT

from data_prep.remote.copies import copy_at, own_folder
from ner_dist.stores.addresses import Address

COMMAND = "from data_prep.remote.fetch_named import fetched; print(fetched('s3://b/a.conll'))"


def copy_of_another_process() -> Path:
    done = subprocess.run([sys.executable, "-c", COMMAND], cwd=ROOT, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def test_processes_have_folders_of_their_own_and_one_after_another_the_same(store: Path) -> None:
    (store / "a.conll").write_text("Paris B-LOC")
    mine = own_folder()
    first, second = copy_of_another_process(), copy_of_another_process()
    assert first == second
    assert not first.is_relative_to(mine)
    # It has removed them.
    assert not first.exists()
    assert mine.is_dir()


def test_a_copy_lies_as_its_object_does(store: Path) -> None:
    assert copy_at(Address("hdfs", "node:8020", "raw/a.conll")) == own_folder() / "hdfs/node_8020/raw/a.conll"
    assert copy_at(Address("s3", "b", "")) == own_folder() / "s3/b"
