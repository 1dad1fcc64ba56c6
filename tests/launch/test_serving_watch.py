"""The alert rules and the dashboard: about metrics that the service has, and believed by a real Prometheus.

Prometheus and promtool are in Debian's package prometheus; without them on the PATH, their tests are skipped.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import yaml

from launch.launchers.serving.alerts import rules
from launch.launchers.serving.dashboard import dashboard
from launch.launchers.serving.serving_options import ServingOptions
from launch.launchers.serving.write_files import files
from ner_dist.prediction.identity import ModelIdentity
from ner_dist.serving.metrics import BatchCounts, Metrics

OPTIONS = ServingOptions()
IDENTITY = ModelIdentity("news", "7", "ab" * 32, None, None, 0.9, "rules (en)", None)
# What each kind of metric is called where it is asked for.
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
NAME = re.compile(r"\b(?:ner|process)_\w+")
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool of Debian's prometheus")
needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Debian's prometheus")


def metrics_of_the_service() -> Metrics:
    """As after some requests."""
    metrics = Metrics()
    metrics.serves("default", IDENTITY, None)
    metrics.ready.set(1)
    metrics.reloaded("default", "failed")
    for status in (200, 500, 503):
        metrics.request("/tag", status, IDENTITY, 0.01)
    metrics.batch(IDENTITY, BatchCounts(2, 20, 15, {"PER": 3}))
    return metrics


def known_names() -> set[str]:
    families = metrics_of_the_service().registry.collect()
    return {f"{family.name}{suffix}" for family in families for suffix in SUFFIXES.get(family.type, ())}


def panels() -> list[dict[str, Any]]:
    return dashboard(OPTIONS)["panels"]


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def test_alerts_and_panels_are_about_metrics_that_exist() -> None:
    alerts = [rule["expr"] for group in rules(OPTIONS)["groups"] for rule in group["rules"]]
    names = {name for text in (*alerts, *expressions()) for name in NAME.findall(text)}
    assert names - known_names() == set()
    # The pattern finds them.
    assert {"ner_requests_total", "ner_request_seconds_bucket", "process_resident_memory_bytes"} <= names


def test_the_first_reload_that_fails_is_an_increase() -> None:
    metrics = Metrics()
    metrics.serves("default", IDENTITY, None)
    labels = {"route": "default", "outcome": "failed"}
    assert metrics.registry.get_sample_value("ner_reloads_total", labels) == 0


def test_every_alert_says_what_to_do_and_is_about_this_service() -> None:
    (group,) = rules(ServingOptions(name="ner-de"))["groups"]
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"])
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"].startswith("ner-de: ")
        assert rule["annotations"]["description"].endswith(".")
        assert 'job="ner-de"' in rule["expr"]
        assert "$" not in rule["expr"]
    for setting, expected in {"latency_seconds": 0.25, "error_share": 0.05, "queue_texts": 77}.items():
        changed = rules(ServingOptions(**{setting: expected}))
        assert str(expected) in json.dumps(changed)
    without = rules(ServingOptions(known_share=0))["groups"][0]["rules"]
    assert "NerUnknownWords" not in {rule["alert"] for rule in without}


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    made = json.loads(files(OPTIONS)["grafana/ner-dist.json"])
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= set(made)
    assert len(made["uid"]) <= 40
    ids = [panel["id"] for panel in made["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in made["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken
        taken |= cells
        assert panel["type"] in ("timeseries", "stat")
        assert panel["description"]
        assert [target["refId"] for target in panel["targets"]] == list("ABC"[: len(panel["targets"])])
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    assert {variable["name"] for variable in made["templating"]["list"]} == {"datasource", "job"}
    provider = yaml.safe_load(files(OPTIONS)["grafana/dashboards.yaml"])["providers"][0]
    mounts = yaml.safe_load(files(OPTIONS)["compose.yaml"])["services"]["grafana"]["volumes"]
    assert any(mount.split(":")[1].startswith(provider["options"]["path"]) for mount in mounts)


@pytest.fixture
def rollout(tmp_path: Path) -> Path:
    for name, text in files(OPTIONS).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@needs_promtool
def test_promtool_takes_rules_and_scrape_configuration(rollout: Path) -> None:
    for command in (["rules", "alerts.yaml"], ["config", "prometheus.yaml"]):
        finished = subprocess.run(
            ["promtool", "check", *command], cwd=rollout, capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stderr + finished.stdout
    # Debian's build knows no Kubernetes, so what finds the pods there is replaced.
    entry = yaml.safe_load((rollout / "scrape-kubernetes.yaml").read_text(encoding="utf-8"))
    assert entry["scrape_configs"][0].pop("kubernetes_sd_configs") == [{"role": "pod"}]
    (rollout / "other.yaml").write_text(yaml.safe_dump(entry), encoding="utf-8")
    subprocess.run(["promtool", "check", "config", "other.yaml"], cwd=rollout, capture_output=True, check=True)


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    text = ",".join(f'{label}="{value}"' for label, value in {"job": "ner", "instance": "a", **labels}.items())
    return {"series": f"{name}{{{text}}}", "values": values}


# For each alert, the series in which it fires after half an hour, and those in which it does not.
CASES = {
    "NerDown": (series("up", "0x60"), series("up", "1x60")),
    "NerNotReady": (series("ner_ready", "0x60"), series("ner_ready", "1x60")),
    "NerReloadFailed": (
        series("ner_reloads_total", "0+1x60", outcome="failed"),
        series("ner_reloads_total", "0+1x60", outcome="done"),
    ),
    "NerErrors": (
        series("ner_requests_total", "0+60x60", path="/tag", status="500"),
        series("ner_requests_total", "0+60x60", path="/tag", status="400"),
    ),
    "NerRefusing": (
        series("ner_requests_total", "0+60x60", path="/tag", status="503"),
        series("ner_requests_total", "0+60x60", path="/tag", status="500"),
    ),
    "NerSlow": (
        series("ner_request_seconds_bucket", "0+60x60", path="/tag", le="5.0"),
        series("ner_request_seconds_bucket", "0+60x60", path="/tag", le="0.5"),
    ),
    "NerQueueGrowing": (series("ner_queue_texts", "0+20x60"), series("ner_queue_texts", "900-1x60")),
    "NerLargeRefused": (series("ner_large_ready", "0x60"), series("ner_large_ready", "1x60")),
    "NerMemory": (
        series("process_resident_memory_bytes", "1000000000x60"),
        series("process_resident_memory_bytes", "500000000x60"),
    ),
    "NerUnknownWords": (series("ner_known_tokens_total", "0+1x60"), series("ner_known_tokens_total", "0+9x60")),
}


@needs_promtool
def test_every_alert_fires_when_it_should_and_only_then(rollout: Path) -> None:
    found = {rule["alert"]: rule for rule in rules(OPTIONS)["groups"][0]["rules"]}
    assert set(CASES) == set(found)
    tests = []
    for alert, pair in CASES.items():
        for case, fires in zip(pair, (True, False)):
            given = [case]
            if alert == "NerUnknownWords":
                given.append(series("ner_tokens_total", "0+10x60"))
            if alert == "NerSlow":
                given.append({**case, "series": re.sub('le="[^"]*"', 'le="+Inf"', case["series"])})
            tests.append(
                {"interval": "1m", "input_series": given, "alert_rule_test": [{"eval_time": "50m", "alertname": alert}]}
            )
            if fires:
                tests[-1]["alert_rule_test"][0]["exp_alerts"] = [expected(found[alert], case["series"])]
    document = {"rule_files": ["alerts.yaml"], "evaluation_interval": "1m", "tests": tests}
    (rollout / "tests.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    finished = subprocess.run(
        ["promtool", "test", "rules", "tests.yaml"], cwd=rollout, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr + finished.stdout


def expected(rule: dict[str, Any], given: str) -> dict[str, Any]:
    """What fires: with the labels of the series, or of the sum over the job."""
    labels = {"job": "ner"}
    if "sum by" not in rule["expr"]:
        labels.update(re.findall(r'(\w+)="([^"]*)"', given))
    return {"exp_labels": {**labels, **rule["labels"]}, "exp_annotations": rule["annotations"]}


@pytest.fixture
def prometheus(rollout: Path) -> Iterator[str]:
    """The address of a Prometheus that scrapes metrics of the service once a second, and waits for no alert."""
    server, thread = prometheus_client.start_http_server(0, "127.0.0.1", registry=metrics_of_the_service().registry)
    settings = yaml.safe_load((rollout / "prometheus.yaml").read_text(encoding="utf-8"))
    settings["global"] = {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"}
    targets = [f"127.0.0.1:{server.server_port}", f"127.0.0.1:{free_port()}"]
    settings["scrape_configs"][0]["static_configs"] = [{"targets": targets}]
    (rollout / "prometheus.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    alerts = rollout / "alerts.yaml"
    alerts.write_text(re.sub(r"for: \S+", "for: 0s", alerts.read_text(encoding="utf-8")), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        "--config.file=prometheus.yaml",
        "--storage.tsdb.path=data",
        f"--web.listen-address={address}",
    ]
    with subprocess.Popen(command, cwd=rollout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://{address}"
        finally:
            process.kill()
            server.shutdown()
            thread.join()


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port: int = chosen.getsockname()[1]
    return port


def ask(address: str, path: str, **parameters: str) -> Any:
    with urllib.request.urlopen(f"{address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=5) as answer:
        return json.load(answer)["data"]


@needs_prometheus
def test_prometheus_scrapes_answers_every_panel_and_alerts(prometheus: str) -> None:
    until_s = time.monotonic() + 30
    up, down = {}, []
    while not (len(up) == 2 and down) and time.monotonic() < until_s:
        time.sleep(0.2)
        try:
            found = ask(prometheus, "query", query='up{job="ner"}')["result"]
            up = {one["metric"]["instance"]: one["value"][1] for one in found}
            alerts = ask(prometheus, "alerts")["alerts"]
        except OSError:
            # It is starting.
            continue
        labels = [alert["labels"] for alert in alerts if alert["state"] == "firing"]
        down = [each["instance"] for each in labels if each["alertname"] == "NerDown" and "instance" in each]
    assert sorted(up.values()) == ["0", "1"]
    assert down == [instance for instance, value in up.items() if value == "0"]
    for expression in expressions():
        asked = expression.replace("$job", "ner").replace("$__rate_interval", "1m")
        ask(prometheus, "query", query=asked)
    (ready,) = ask(prometheus, "query", query='sum(ner_ready{job="ner"})')["result"]
    assert ready["value"][1] == "1"
    (model,) = ask(prometheus, "query", query='ner_model_info{job="ner"}')["result"]
    assert model["metric"]["model"] == "news@7"
