"""Training from shards on servers of S3, Google Cloud Storage and Azure: as from the disk, or one clear sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Job, alone, launched, run
from store_proxy import Proxy
from store_servers import BUCKET, SCHEMES, Server, running

from ner_dist.stores.addresses import parse_address
from ner_dist.stores.published import publish

pytestmark = pytest.mark.stores
NUM_RANKS = (1, 2, 4)


@pytest.fixture(params=SCHEMES)
def server(
    request: pytest.FixtureRequest, tmp_path: Path, synth_shards: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """With the shards at shards/mine."""
    monkeypatch.setenv("NER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NER_STORE_RETRIES", "1")
    monkeypatch.setenv("NER_STORE_TIMEOUT", "5")
    with running(request.param, tmp_path / "servers") as server:
        for name, value in server.variables().items():
            monkeypatch.setenv(name, value)
        publish(synth_shards, parse_address(address(server)), "index.json")
        yield server


def address(server: Server) -> str:
    return f"{server.scheme}://{BUCKET}/shards/mine"


@pytest.fixture(scope="module")
def knobs(tiny_knobs: list[str]) -> list[str]:
    own = {"train.device": "cpu", "train.epochs": 2, "train.log_steps": 1, "optimizer.learning_rate": 0.02}
    # In chapters, so that files are read again and again.
    own["data.memory_mb"] = 0.002
    return [*tiny_knobs, *(word for name, value in own.items() for word in (f"--{name}", str(value)))]


def train(knobs: list[str], shards: object, where: Path, num_ranks: int = 1) -> list[str]:
    words = ("ner_dist.train", *knobs, "--data.shards", shards, "--run", where)
    return launched(num_ranks, *words) if num_ranks > 1 else alone(*words)


@pytest.fixture(scope="module")
def on_disk(knobs: list[str], synth_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Runs from the disk by the number of ranks."""
    folder = tmp_path_factory.mktemp("disk")
    for num_ranks in NUM_RANKS:
        finished = run(train(knobs, synth_shards, folder / str(num_ranks), num_ranks), folder)
        assert finished.code == 0, finished.err
    return {num_ranks: folder / str(num_ranks) for num_ranks in NUM_RANKS}


def learned(path: Path) -> tuple[list[float], list[float]]:
    """Losses of all steps and epochs; scores of all epochs, and of dev and test at the end."""
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    result = json.loads((path / "result.json").read_text())
    scores = [line["dev_f1"] for line in lines if line["kind"] == "epoch"]
    return [line["loss"] for line in lines], [*scores, *(result[split]["entity"]["f1"] for split in ("dev", "test"))]


def test_losses_and_scores_are_those_from_the_disk(
    server: Server, knobs: list[str], on_disk: dict[int, Path], tmp_path: Path
) -> None:
    for num_ranks in NUM_RANKS if server.scheme == "s3" else (2,):
        where, cache = tmp_path / f"run-{num_ranks}", str(tmp_path / f"cache-{num_ranks}")
        finished = run(train(knobs, address(server), where, num_ranks), tmp_path, NER_CACHE=cache)
        assert finished.code == 0, finished.err
        (losses, scores), (losses_before, scores_before) = learned(where), learned(on_disk[num_ranks])
        # Sums of more than two numbers depend on their order.
        assert losses == (losses_before if num_ranks < 3 else pytest.approx(losses_before, rel=1e-4))
        assert scores == scores_before
    scored = run(alone("ner_dist.evaluate", where, "--shards", address(server), "--json", "x.json"), tmp_path)
    assert scored.code == 0, scored.err
    assert json.loads((tmp_path / "x.json").read_text())["entity"]["f1"] == scores[-1]


def test_a_way_to_the_store_that_is_cut_costs_a_retry(
    server: Server, knobs: list[str], on_disk: dict[int, Path], tmp_path: Path
) -> None:
    proxy = Proxy(server.port)
    proxy.bytes_per_s, proxy.cut_after = 200_000, 50_000
    finished = run(train(knobs, address(server), tmp_path / "run"), tmp_path, **server.variables(proxy.port))
    proxy.close()
    assert finished.code == 0, finished.err
    assert learned(tmp_path / "run") == learned(on_disk[1])


@pytest.mark.parametrize("num_ranks", [1, 2])
def test_a_server_that_is_killed_ends_the_start_in_one_sentence(
    server: Server, knobs: list[str], tmp_path: Path, num_ranks: int
) -> None:
    proxy = Proxy(server.port)
    proxy.bytes_per_s = 40_000
    variables = {**server.variables(proxy.port), "NER_STORE_TIMEOUT": "2", "NER_STORE_RETRIES": "0"}
    cache = tmp_path / "cache" / "mirrors"
    with Job(train(knobs, address(server), tmp_path / "run", num_ranks), tmp_path, **variables) as job:
        job.wait_until(lambda: any(cache.rglob("train-*.parquet")))
        server.kill()
        finished = job.wait()
    proxy.close()
    assert finished.code == 1
    last = finished.err.strip().splitlines()[-1]
    assert f"{address(server)}/" in last, finished.err
    assert "Traceback" not in finished.err
    assert not (tmp_path / "run").exists()
    # What had come is whole, and nothing is left of what had not.
    assert not list(cache.rglob("*.partial"))
