"""What python -m launch serving writes: valid for what reads it, and no file of anybody else is lost."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from kubernetes_schemas import VERSIONS, mistakes
from processes import ROOT, alone, run

from launch.__main__ import main
from launch.launch_errors import LaunchError
from launch.launchers.serving.serving_options import check
from launch.launchers.serving.write_files import ServingOptions, files
from ner_dist import serve
from ner_dist.cli.options import make_parser

EVERYTHING = ServingOptions(
    image="registry:5000/ner-dist:serving",
    model="exports $x/a/",
    name="ner-de",
    port=8080,
    bind="0.0.0.0",
    allowed_hosts=["ner.example.org", ".example.com"],
    arguments=["--max-queue", 4096, "--watch", 0.5],
    token_file="secrets/token",
    token_secret="ner-token",
    processes="1",
    cpus=0.5,
    memory="1.5Gi",
    namespace="ner",
    claim="models",
    claim_path="de/v2",
    min_replicas=1,
    max_replicas=1,
    drain_seconds=0,
    pull_secrets=["registry"],
    labels={"team": "1e3"},
    node_selector={"disk": "ssd"},
    tolerations=[{"key": "serving", "operator": "Exists"}],
    known_share=0.0,
)
SETTINGS = {"default": ServingOptions(), "everything": EVERYTHING}


@functools.cache
def texts_of(settings: str) -> dict[str, str]:
    return files(SETTINGS[settings])


def parsed(settings: str, name: str) -> Any:
    return yaml.safe_load(texts_of(settings)[name])


def objects(settings: str) -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in yaml.safe_load_all(texts_of(settings)["kubernetes.yaml"])}


def pod(settings: str) -> dict[str, Any]:
    return objects(settings)["Deployment"]["spec"]["template"]["spec"]


# --- Kubernetes


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_every_object_is_valid_for_the_oldest_and_the_newest_kubernetes(settings: str, version: str) -> None:
    found = objects(settings)
    assert list(found) == ["Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"]
    assert [mistakes(document, version) for document in found.values()] == [[]] * 4


def test_what_selects_pods_selects_those_of_the_deployment() -> None:
    for settings, name in (("default", "ner"), ("everything", "ner-de")):
        found = objects(settings)
        labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
        for selector in (
            found["Deployment"]["spec"]["selector"]["matchLabels"],
            found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
            found["Service"]["spec"]["selector"],
            pod(settings)["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
        ):
            assert selector.items() <= labels.items()
            assert selector["app.kubernetes.io/instance"] == name
        assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == name
        # The autoscaler's number would be undone each time that the file is applied.
        assert "replicas" not in found["Deployment"]["spec"]


def test_probes_ask_what_they_are_for_and_an_end_loses_no_request() -> None:
    (container,) = pod("default")["containers"]
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/livez"}
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]
    # Drain, then grace, then the end.
    assert pod("default")["terminationGracePeriodSeconds"] == 5 + 10 + 5
    assert objects("default")["Deployment"]["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert "lifecycle" not in pod("everything")["containers"][0]


def test_no_pod_is_root_or_writes_or_sees_the_cluster() -> None:
    for settings in SETTINGS:
        (container,) = pod(settings)["containers"]
        assert pod(settings)["automountServiceAccountToken"] is False
        assert pod(settings)["securityContext"]["runAsNonRoot"] is True
        inside = container["securityContext"]
        assert (inside["allowPrivilegeEscalation"], inside["readOnlyRootFilesystem"]) == (False, True)
        assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]
    mounts = {mount["name"]: mount for mount in pod("everything")["containers"][0]["volumeMounts"]}
    # Not the model's own directory, which a new version swaps: a mount would keep the old one.
    assert mounts["models"] == {"name": "models", "mountPath": "/models", "readOnly": True}
    assert pod("everything")["containers"][0]["args"][0] == "/models/de/v2"
    assert mounts["token"]["readOnly"] is True


# --- Compose


def compose_mistakes(document: dict[str, Any]) -> list[str]:
    schema = json.loads((ROOT / "tests" / "compose_schema.json").read_text(encoding="utf-8"))
    return [
        f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in Draft7Validator(schema).iter_errors(document)
    ]


def test_the_compose_file_is_valid() -> None:
    for settings in SETTINGS:
        assert compose_mistakes(parsed(settings, "compose.yaml")) == []
    broken = parsed("default", "compose.yaml")
    broken["services"]["ner"]["read_onyl"] = True
    assert compose_mistakes(broken)


def test_each_container_is_confined_and_the_service_is_healthy_when_it_is_ready() -> None:
    services = parsed("everything", "compose.yaml")["services"]
    assert list(services) == ["ner-de", "prometheus", "grafana"]
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]
    ours = services["ner-de"]
    assert ours["user"] == "1000:1000"
    assert ours["mem_limit"] == ours["memswap_limit"] == 3 << 29
    assert "http://127.0.0.1:8080/readyz" in ours["healthcheck"]["test"][-1]
    # $$ is compose's $.
    assert ours["volumes"][0]["source"] == str(Path("exports $$x").absolute())
    assert (ours["volumes"][0]["target"], ours["command"][0]) == ("/models", "/models/a")
    assert ours["volumes"][0]["read_only"] is True


def test_every_file_that_compose_mounts_is_written() -> None:
    for service in parsed("default", "compose.yaml")["services"].values():
        for volume in service.get("volumes", []):
            if isinstance(volume, str) and volume.startswith("./"):
                assert volume.split(":")[0][2:] in texts_of("default")


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_service_takes_its_command_line(settings: str) -> None:
    parser = make_parser(serve.ServeOptions, "serve", usage="", example="", first=("models",))
    words = parsed(settings, "compose.yaml")["services"][SETTINGS[settings].name]["command"]
    found = vars(parser.parse_args(words))
    assert found["server.port"] == SETTINGS[settings].port
    assert SETTINGS[settings].name in found["server.allowed_hosts"]
    assert [*found["models"]] == ["/model" if settings == "default" else "/models/a"]
    # Of the pod, too.
    place, *others = pod(settings)["containers"][0]["args"]
    assert place in ("/model", "/models/de/v2")
    assert others == words[1:]


def test_a_name_that_yaml_takes_for_something_else_stays_a_name() -> None:
    texts = files(ServingOptions(name="on", namespace="no", claim="null", token_secret="yes", bind="[::1]"))
    compose = yaml.safe_load(texts["compose.yaml"])
    assert (compose["name"], list(compose["services"])) == ("on", ["on", "prometheus", "grafana"])
    for document in yaml.safe_load_all(texts["kubernetes.yaml"]):
        assert (document["metadata"]["name"], document["metadata"]["namespace"]) == ("on", "no")
        assert mistakes(document, VERSIONS[-1]) == []
    for name in ("prometheus.yaml", "scrape-kubernetes.yaml"):
        assert yaml.safe_load(texts[name])["scrape_configs"][0]["job_name"] == "on"
    assert yaml.safe_load(texts["alerts.yaml"])["groups"][0]["name"] == "on"


# --- Refused


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Ner"}, "--name is 'Ner', expected lower case letters"),
        ({"name": "grafana"}, "--name is 'grafana', expected another than those of the services beside it"),
        ({"name": ""}, "--name is ''"),
        ({"port": 80}, "--port is 80, expected 1024 to 65535"),
        ({"port": 9090}, "--port is 9090"),
        ({"memory": "1GB"}, "--memory is '1GB', expected a size such as 1Gi"),
        ({"cpus": 0}, "--cpus is 0, expected more than 0"),
        ({"min_replicas": 0}, "--min-replicas is 0, expected a number from 1"),
        ({"max_replicas": 1}, "--max-replicas is 1, expected --min-replicas or more"),
        ({"image": "ner dist"}, "--image is 'ner dist'"),
        ({"image": "a$b"}, "--image"),
        ({"claim_path": "x"}, "--claim-path is 'x' without a claim; set --claim"),
        ({"claim": "models", "claim_path": "../x"}, "--claim-path is '../x', expected a relative path"),
        ({"error_share": 1.0}, "--error-share is 1.0, expected a share"),
        ({"known_share": -0.1}, "--known-share"),
        ({"latency_seconds": 0}, "--latency-seconds"),
        ({"bind": "localhost"}, "--bind is 'localhost', expected an address"),
        ({"bind": "::1"}, "--bind is '::1', expected an address"),
        ({"cpus": float("nan")}, "--cpus is nan"),
        ({"allowed_hosts": ["http://a"]}, "--allowed-hosts has 'http://a', expected names such as"),
        ({"arguments": ["--port", "1"]}, "--arguments has --port, which an option of its own sets"),
        ({"arguments": ["4096"]}, "--arguments is ['4096'], expected a list that begins with an option"),
        ({"arguments": ["--watch", None]}, "--arguments is ['--watch', None], expected words and numbers"),
        ({"labels": {"a": "b c"}}, "--labels"),
        ({"model": "a\nb"}, "--model is 'a\\nb', expected a path on one line"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_one_sentence(change: dict[str, Any], said: str) -> None:
    with pytest.raises(LaunchError, match=re.escape(said)) as raised:
        check(dataclasses.replace(ServingOptions(), **change))
    assert "\n" not in str(raised.value)


def test_what_this_command_did_not_write_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rollout"
    assert main(["serving", "--out", str(out)]) == 0
    (out / ".env").write_text("GRAFANA_PASSWORD=x\n", encoding="utf-8")
    # Its own files are replaced, and others beside them stay.
    assert main(["serving", "--out", str(out), "--name", "other"]) == 0
    assert (out / ".env").read_text(encoding="utf-8") == "GRAFANA_PASSWORD=x\n"
    before = (out / "compose.yaml").read_text(encoding="utf-8")
    assert 'name: "other"\n' in before
    (out / "alerts.yaml").write_text("groups: []\n", encoding="utf-8")
    assert main(["serving", "--out", str(out)]) == 1
    assert "alerts.yaml was not written by this command, so it is kept" in capsys.readouterr().err
    assert (out / "compose.yaml").read_text(encoding="utf-8") == before
    assert main(["serving", "--out", str(out / ".env")]) == 1
    assert ".env is no directory" in capsys.readouterr().err


def test_the_command_reads_a_file_of_settings_and_writes_all_files(tmp_path: Path) -> None:
    (tmp_path / "serving.yaml").write_text(
        "name: news\nmemory: 2Gi\narguments: [--max-queue, 4096]\n", encoding="utf-8"
    )
    finished = run(alone("launch", "serving", "--settings", "serving.yaml", "--port", "8001", "--out", "r"), tmp_path)
    assert (finished.code, finished.out) == (0, "")
    written = {path.relative_to(tmp_path / "r").as_posix() for path in (tmp_path / "r").rglob("*") if path.is_file()}
    assert written == set(texts_of("default"))
    service = yaml.safe_load((tmp_path / "r" / "compose.yaml").read_text(encoding="utf-8"))["services"]["news"]
    assert (service["mem_limit"], service["ports"]) == (2 << 30, ["127.0.0.1:8001:8001"])
    assert service["command"][-2:] == ["--max-queue", "4096"]


def test_the_example_settings_write_valid_files(tmp_path: Path) -> None:
    out = tmp_path / "rollout"
    assert main(["serving", "--settings", str(ROOT / "launch" / "serving.example.yaml"), "--out", str(out)]) == 0
    documents = list(yaml.safe_load_all((out / "kubernetes.yaml").read_text(encoding="utf-8")))
    assert [mistakes(document, VERSIONS[-1]) for document in documents] == [[]] * 4
    assert compose_mistakes(yaml.safe_load((out / "compose.yaml").read_text(encoding="utf-8"))) == []
