"""New versions and several models: no request is lost, and each answer is that of the model that its header names."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from stub_service import RunningService, StubTagger, running_service, wait_until

from ner_dist.errors import UserError
from ner_dist.serving.metrics import Metrics
from ner_dist.serving.models import Models, ModelSource
from ner_dist.serving.served_model import Loads
from ner_dist.serving.settings import BatchSettings, Limits

LARGE = "Ada met Bob. " * 100


class Versioned(StubTagger):
    """Its version is the type of its entities."""

    def __init__(self, version: str) -> None:
        super().__init__()
        if version == "broken":
            raise UserError("this version cannot be loaded")
        self.entity_types = [version]
        self.identity = dataclasses.replace(self.identity, version=version, sha256=version * 64)

    def stream(self, documents: Any, *, certainty: bool = True) -> Iterator[Any]:
        for document in super().stream(documents, certainty=certainty):
            kind = self.entity_types[0]
            yield document._replace(entities=[entity._replace(type=kind) for entity in document.entities])


def source(file: Path, route: str = "stub", with_large: bool = False) -> ModelSource:
    """The version that a file names."""

    def loads() -> Loads:
        load = functools.partial(Versioned, file.read_text())
        return Loads(load, load if with_large else None)

    return ModelSource(route, loads, lambda: file.stat().st_mtime_ns)


def reload(service: RunningService) -> None:
    service.loop.call_soon_threadsafe(service.models.reload)


def version(service: RunningService) -> str:
    return service.models.find().identity.version


def versions_of(answer: httpx.Response) -> set[str]:
    """All versions that an answer shows: that of its header, and those of its entities."""
    answer.raise_for_status()
    lines = [json.loads(line) for line in answer.text.splitlines()]
    found = {entity["type"] for line in lines for entity in line["entities"]}
    assert found, answer.text
    return {answer.headers["x-model"].partition("@")[2], answer.headers["x-model-sha256"][0], *found}


def ask_until(stop: threading.Event, port: int, kind: str, seen: Counter[str], wrong: list[str]) -> None:
    lines = "\n".join([json.dumps({"text": "Ada"})] * 200).encode()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        while not stop.is_set():
            if kind == "batch":
                answer = client.post("/batch", content=lines, headers={"Content-Type": "application/x-ndjson"})
            else:
                answer = client.post("/tag", json={"text": "to Ada" if kind == "small" else LARGE})
            try:
                (only,) = versions_of(answer)
                seen[kind + only] += 1
            except (ValueError, httpx.HTTPStatusError, AssertionError) as error:
                wrong.append(f"{error!r}: {answer.text[:200]}")


def test_a_new_version_takes_over_without_a_lost_or_mixed_answer(tmp_path: Path) -> None:
    file = tmp_path / "version"
    file.write_text("1")
    with running_service(sources=[source(file, with_large=True)]) as service:
        stop, seen, wrong = threading.Event(), Counter[str](), list[str]()
        kinds = ["small"] * 4 + ["large"] * 2 + ["batch"]
        clients = [threading.Thread(target=ask_until, args=(stop, service.port, kind, seen, wrong)) for kind in kinds]
        for client in clients:
            client.start()
        for number in "23":
            file.write_text(number)
            reload(service)
            wait_until(lambda expected=number: version(service) == expected)
            before = seen.copy()
            wait_until(lambda: all(seen[kind + number] > before[kind + number] + 3 for kind in set(kinds)))  # noqa: B023
        stop.set()
        for client in clients:
            client.join()
        assert wrong == []
        # The old versions have ended.
        wait_until(lambda: not service.models._retiring)


def test_a_version_that_cannot_be_loaded_leaves_the_old_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "version"
    file.write_text("1")
    with running_service(sources=[source(file)]) as service:
        assert service.client.get("/healthz").json()["reload"] == "none"
        file.write_text("broken")
        reload(service)
        wait_until(lambda: service.client.get("/healthz").json()["reload"] != "none")
        health = service.client.get("/healthz")
        assert (health.status_code, health.json()["status"], health.json()["model"]["version"]) == (200, "ok", "1")
        assert health.json()["reload"].endswith("this version cannot be loaded; stub@1 still answers")
        assert versions_of(service.tag(text="Ada")) == {"1"}
        file.write_text("2")
        reload(service)
        wait_until(lambda: version(service) == "2")
        assert service.client.get("/healthz").json()["reload"].startswith("done at ")
        metrics = service.client.get("/metrics").text
    for line in (
        'ner_reloads_total{outcome="failed",route="stub"} 1.0',
        'ner_reloads_total{outcome="done",route="stub"} 1.0',
        'ner_model_dev_f1{model="stub@2"} 0.5',
    ):
        assert line in metrics
    # Of the models that answer now.
    assert metrics.count("ner_model_info{") == 1
    assert "error: stub: no new version: this version cannot be loaded; stub@1 still answers" in caplog.text


def test_a_request_that_has_begun_is_answered_by_the_model_that_it_began_with(tmp_path: Path) -> None:
    file = tmp_path / "version"
    file.write_text("1")
    with running_service(sources=[source(file)]) as service:
        old = service.models.find()
        future = asyncio.run_coroutine_threadsafe(_held(service), service.loop)
        file.write_text("2")
        reload(service)
        wait_until(lambda: version(service) == "2")
        assert (old.worker.alive, versions_of(service.tag(text="Ada"))) == (True, {"2"})
        service.loop.call_soon_threadsafe(future.cancel)
        wait_until(lambda: not old.worker.alive)


async def _held(service: RunningService) -> None:
    with service.models.find().in_use():
        await asyncio.sleep(60)


def test_a_directory_that_changes_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "version"
    file.write_text("1")
    with running_service(sources=[source(file)]) as service:
        watching = asyncio.run_coroutine_threadsafe(service.models.watch(0.02), service.loop)
        file.write_text("broken")
        wait_until(lambda: "failed" in service.models.routes["stub"].reload)
        # It is tried once.
        loaded = service.models.routes["stub"].reload
        file.write_text("2")
        wait_until(lambda: version(service) == "2")
        assert "failed" in loaded
        watching.cancel()


def test_several_models_are_asked_for_by_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("12"["ab".index(name)])
    with running_service(sources=[source(tmp_path / name, name) for name in ("a", "b")]) as service:
        post = functools.partial(service.client.post, json={"text": "Ada"})
        assert [versions_of(post(path)) for path in ("/tag", "/tag?model=a", "/models/a/tag")] == [{"1"}] * 3
        assert [versions_of(post(path)) for path in ("/tag?model=b", "/models/b/tag")] == [{"2"}] * 2
        for path in ("/tag?model=c", "/models/c/tag"):
            answer = post(path)
            assert (answer.status_code, "this server has a, b" in answer.json()["error"]) == (404, True)
        lines = service.client.post("/batch?model=b", content=b'"Ada"', headers={"Content-Type": "application/jsonl"})
        assert versions_of(lines) == {"2"}
        listed = service.client.get("/models").json()
        assert [(model["route"], model["default"], model["entity_types"]) for model in listed] == [
            ("a", True, ["1"]),
            ("b", False, ["2"]),
        ]
        assert service.client.get("/healthz").json()["models"] == ["a", "b"]


def test_a_second_process_with_another_model_does_not_answer() -> None:
    loads = Loads(functools.partial(Versioned, "1"), functools.partial(Versioned, "2"))
    models = Models([ModelSource("stub", lambda: loads)], BatchSettings(), Limits(), Metrics())
    with pytest.raises(UserError, match="holds another model than the one that answers small requests"):
        asyncio.run(models.load())
    assert models.unready() is not None
