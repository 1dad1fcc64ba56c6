"""The doctor's checks of shards in an object store: there, complete, in a cache that has room, fast enough."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from published_shards import objects_of, published_shards

from launch.doctor.checks import machine_resources, storage
from launch.doctor.machine import DoctorOptions, Machine
from ner_dist.contract.shard_place import shard_folder


@pytest.fixture
def options(synth_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DoctorOptions:
    return DoctorOptions(shards=str(published_shards(synth_shards, tmp_path, monkeypatch)))


def test_a_complete_set_passes_all_checks(options: DoctorOptions, synth_shards: Path) -> None:
    found = storage.shards(Machine(), options)
    assert (found.status, found.found[:24]) == ("ok", "s3://b/mine: 8 for train")
    assert storage.shards_disk(Machine(), options).status == "ok"
    on_disk = machine_resources.memory(Machine(), DoctorOptions(shards=str(synth_shards)))
    in_store = machine_resources.memory(Machine(), options)
    assert in_store.found.partition(" ranks")[2] == on_disk.found.partition(" ranks")[2]


@pytest.mark.parametrize("damage", ["absent", "size"])
def test_an_incomplete_set_is_built_again(options: DoctorOptions, tmp_path: Path, damage: str) -> None:
    place = objects_of(shard_folder(options.shards), tmp_path) / "train-00003.parquet"
    if damage == "absent":
        place.unlink()
    else:
        place.write_bytes(b"short")
    found = storage.shards(Machine(), options)
    told = {"absent": "is missing, though index.json lists it", "size": "has 5 bytes, index.json has"}[damage]
    assert (found.status, f"s3://b/mine/train-00003.parquet {told}" in found.found) == ("FAIL", True)
    assert found.fix.startswith("python -m data_prep build --train PATH --out s3://b/mine --num-shards 8")


def test_a_store_that_gives_nothing_is_told_who_asks(options: DoctorOptions) -> None:
    found = storage.shards(Machine(), DoctorOptions(shards="s3://b/none"))
    assert (found.status, "s3://b/none cannot be read: " in found.found) == ("FAIL", True)
    assert found.fix.startswith("export AWS_ACCESS_KEY_ID=KEY")
    assert storage.shards_disk(Machine(), DoctorOptions(shards="s3://b/none")).status == "skip"


def test_a_cache_that_is_too_small_is_enlarged(options: DoctorOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    gigabytes = sum(storage.read_shard_set(options.shards).files.values()) / 1e9
    monkeypatch.setenv("NER_CACHE_GB", str(0.9 * gigabytes))
    found = storage.shards(Machine(), options)
    assert (found.status, f"do not fit into the {0.9 * gigabytes:g} GB of the cache" in found.found) == ("warn", True)
    name, value = found.fix.removeprefix("export ").split("=")
    monkeypatch.setenv(name, value)
    assert storage.shards(Machine(), options).status == "ok"


def test_a_slow_store_is_told(options: DoctorOptions) -> None:
    found = storage.shards_disk(Machine(), options, itertools.count(step=20).__next__)
    assert (found.status, "MB/s from the store: the first start waits about 20 s" in found.found) == ("warn", True), (
        found
    )
