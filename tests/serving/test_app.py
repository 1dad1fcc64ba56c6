"""The service by HTTP: what it answers, and what it reports of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from stub_service import RunningService, running_service, wait_until

from ner_dist.serving.schemas import ANSWERS, REQUESTS, TextAnswer, TextsAnswer, TokensAnswer
from ner_dist.serving.settings import Limits

SCRIPTS = [(f"/{name}.js", "text/javascript") for name in ("marks", "model", "page")]


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running_service() as found:
        yield found


def test_a_text_is_answered_with_its_entities(service: RunningService) -> None:
    answer = service.tag(text="met Ada in Paris")
    assert answer.status_code == 200
    assert answer.json() == {
        "entities": [
            {"start": 4, "end": 7, "type": "PER", "text": "Ada", "confidence": 0.987654},
            {"start": 11, "end": 16, "type": "PER", "text": "Paris", "confidence": 0.987654},
        ]
    }


def test_places_are_code_points(service: RunningService) -> None:
    text = "👩‍🚀 \U0001d538da café Zu\u0308rich שלום Ada"
    (*_, last) = service.tag(text=text).json()["entities"]
    assert text[last["start"] : last["end"]] == last["text"] == "Ada"
    assert last["start"] == len(text) - 3


def test_texts_have_a_result_each_in_their_order(service: RunningService) -> None:
    results = service.tag(texts=["Ada", "", "none", "to Bob"]).json()["results"]
    assert [[entity["text"] for entity in result["entities"]] for result in results] == [["Ada"], [], [], ["Bob"]]
    assert service.tag(texts=[]).json() == {"results": []}


def test_tokens_are_answered_with_the_places_of_tokens(service: RunningService) -> None:
    answer = service.tag(tokens=[["met", "Ada"], [], ["Bob"]], pos=[["VBD", "NNP"], [], ["NNP"]]).json()
    of_ada = {"first_token": 1, "end_token": 2, "type": "PER", "text": "Ada", "confidence": 0.987654}
    assert [result["entities"][:1] for result in answer["results"]][:2] == [[of_ada], []]
    assert answer["results"][2]["entities"][0]["first_token"] == 0


def test_each_text_of_a_large_request_is_tagged_once(service: RunningService) -> None:
    service.stub.batches.clear()
    texts = [f"Text {number}" for number in range(100)]
    results = service.tag(texts=texts).json()["results"]
    assert [result["entities"][0]["text"] for result in results] == ["Text"] * 100
    assert service.stub.texts == texts
    assert [len(batch) for batch in service.stub.batches] == [64, 36]


def test_the_documented_examples_are_true(service: RunningService) -> None:
    for example in REQUESTS.values():
        assert service.tag(**example["value"]).status_code == 200
    models = {"text": TextAnswer, "texts": TextsAnswer, "tokens": TokensAnswer}
    for name, model in models.items():
        answer = service.tag(**REQUESTS[name]["value"]).json()
        # Both what is answered and what is shown have all fields of the documentation, and no others.
        for found in (answer, ANSWERS[name]["value"]):
            assert model.model_validate(found).model_dump(exclude_unset=True) == found


def test_the_documentation_holds_limits_answers_and_problems(service: RunningService) -> None:
    operation = service.client.get("/openapi.json").json()["paths"]["/tag"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    assert list(content["examples"]) == list(REQUESTS)
    forms = {form["title"]: form["properties"] for form in content["schema"]["oneOf"]}
    assert forms["Text"]["text"]["maxLength"] == Limits().max_characters
    assert forms["Texts"]["texts"]["maxItems"] == Limits().max_texts
    assert {"200", "400", "408", "413", "415", "422", "503"} <= set(operation["responses"])
    found = service.client.get("/openapi.json").json()
    assert "code points" in found["info"]["description"]
    assert {"/tag", "/models/{name}/tag", "/batch", "/models", "/healthz", "/livez", "/readyz"} <= set(found["paths"])
    assert list(found["paths"]["/batch"]["post"]["requestBody"]["content"]) == ["application/x-ndjson"]
    # Every name that it refers to is there.
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(found)))
    assert names <= set(found["components"]["schemas"])


def test_health_tells_types_and_limits(service: RunningService) -> None:
    answer = service.client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["entity_types"] == ["LOC", "PER"]
    assert (answer.json()["tokenizer"], answer.json()["features"]) == ("whitespace", [])
    assert answer.json()["limits"]["max_texts"] == Limits().max_texts
    assert service.client.head("/healthz").status_code == 200


def test_a_request_may_ask_for_a_threshold_and_for_confidence(service: RunningService) -> None:
    for threshold, number in ((0.9, 1), (0.99, 0), ({"PER": 0.99}, 0), ({"LOC": 0.99}, 1), ({"*": 0.99}, 0), (None, 1)):
        assert len(service.tag(text="Ada", threshold=threshold).json()["entities"]) == number
    sure = {"confidence": 1.0, "margin": 1.0}
    answer = service.tag(text="met Ada", confidence=True).json()
    assert answer == {**answer, **sure, "sentences": [{"start": 0, "end": 7, **sure}]}
    (result,) = service.tag(tokens=[["Ada"]], confidence=True).json()["results"]
    assert result == {"entities": result["entities"], **sure}
    for wrong, sentence in (
        ({"threshold": 1.5}, '"threshold" is a number; expected a number from 0 to 1'),
        ({"threshold": {"PER": "x"}}, "expected a number from 0 to 1"),
        ({"threshold": {"X": 0.5}}, "which is no type of the model"),
        ({"confidence": 1}, "expected true or false"),
    ):
        answer = service.tag(text="Ada", **wrong)
        assert (answer.status_code, sentence in answer.json()["error"]) == (422, True), answer.text


def test_answers_say_which_model_they_are_of(service: RunningService) -> None:
    for answer in (service.tag(text="Ada"), service.tag(text=7)):
        assert (answer.headers["x-model"], answer.headers["x-model-sha256"]) == ("stub@1", "0" * 64)
    health = service.client.get("/healthz").json()
    assert (health["model"]["name"], health["model"]["dev_f1"], health["models"]) == ("stub", 0.5, ["stub"])
    (info,) = [line for line in service.client.get("/metrics").text.splitlines() if "ner_model_info{" in line]
    assert 'name="stub"' in info
    assert 'tokenizer="whitespace"' in info
    assert 'ner_tokens_total{model="stub@1"}' in service.client.get("/metrics").text


def test_a_service_that_drains_is_not_ready_but_lives() -> None:
    with running_service() as service:
        assert [service.client.get(path).status_code for path in ("/livez", "/readyz")] == [200, 200]
        assert service.metric("ner_ready") == 1
        service.models.is_draining = True
        assert [service.client.get(path).status_code for path in ("/livez", "/readyz")] == [200, 503]
        assert service.tag(text="Ada").status_code == 200


def test_health_ends_with_the_worker() -> None:
    with running_service() as service:
        service.worker.close()
        assert service.worker.join(5)
        answer = service.client.get("/healthz")
        assert (answer.status_code, answer.json()["status"]) == (503, "the tagger's thread has ended")
        assert service.tag(text="Ada").status_code == 503


def test_health_notices_a_worker_that_hangs() -> None:
    with running_service(Limits(timeout_s=0.05)) as service:
        service.stub.free.clear()
        assert service.tag(text="Ada").status_code == 503
        wait_until(lambda: service.client.get("/healthz").status_code == 503)
        service.stub.free.set()
        wait_until(lambda: service.client.get("/healthz").status_code == 200)


def test_metrics_count_requests_batches_tokens_and_entities() -> None:
    with running_service() as service:
        service.tag(text="met Ada in Paris")
        service.tag(texts=["Bob", "no one"])
        service.tag(text=7)
        service.client.get("/made-up/by-a-client")
        assert service.metric('ner_requests_total{path="/tag",status="200"}') == 2
        assert service.metric('ner_requests_total{path="/tag",status="422"}') == 1
        assert service.metric('ner_requests_total{path="other",status="404"}') == 1
        assert service.metric('ner_request_seconds_count{path="/tag"}') == 3
        assert (service.metric("ner_batch_texts_count"), service.metric("ner_batch_texts_sum")) == (2, 3)
        assert service.metric("ner_tokens_total") == 7
        assert service.metric('ner_entities_total{type="PER"}') == 3
        assert service.metric("ner_queue_texts") == 0


def test_texts_of_which_the_model_knows_nothing_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with running_service() as service:
        service.tag(text="Ada met Bob")
        for _ in range(3):
            service.tag(text="άλφα βήτα γάμμα δέλτα " * 10)
        assert (service.metric("ner_tokens_total"), service.metric("ner_known_tokens_total")) == (123, 3)
    (message,) = caplog.messages
    assert message.startswith("warning: the model knows only 4% of the 83 tokens")


def test_other_pages_and_methods_are_refused_in_a_sentence(service: RunningService) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("GET", "/tag", 405), ("POST", "/", 405)):
        answer = service.client.request(method, path)
        assert (answer.status_code, list(answer.json())) == (status, ["error"])
        assert "POST /tag" in answer.json()["error"]


def test_the_page_may_load_nothing_from_elsewhere(service: RunningService) -> None:
    for path, kind in (("/", "text/html"), *SCRIPTS, ("/page.css", "text/css")):
        answer = service.client.get(path)
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "http" not in policy
