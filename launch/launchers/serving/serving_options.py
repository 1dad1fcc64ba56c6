"""How the service is rolled out, and a check of it before a cluster, or a person at night, would find the mistake."""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import re
from pathlib import PurePosixPath
from typing import Any, Literal

from launch.launch_errors import LaunchError
from launch.launchers.kubernetes_text import DNS, LABEL_VALUE, NAME_RULE, QUANTITY

# Names are parts of host names, and Kubernetes adds to them.
_LONGEST_NAME = 50
_LEAST = {"min_replicas": 1, "grace_seconds": 1, "drain_seconds": 0, "cpu_target": 1, "queue_texts": 1}
_ABOVE_0 = ("cpus", "latency_seconds")
# As in the header Host; a dot before it: also all names below; *: any.
_HOST = r"\*|\.?[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?"
_UNITS = {"": 1, **{unit: 1000**power for power, unit in enumerate("kMGTPE", 1)}}
_UNITS.update({f"{unit.upper()}i": 1024**power for power, unit in enumerate("kMGTPE", 1)})
# Grafana and Prometheus, which run beside it.
_TAKEN_PORTS, _TAKEN_NAMES = (3000, 9090), ("grafana", "prometheus")
# What the launcher sets by options of its own.
_OWN_ARGUMENTS = {"--host", "--port", "--grace", "--processes", "--allowed-hosts", "--token-file"}


@dataclasses.dataclass
class ServingOptions:
    """How the service runs, and when somebody is told that it does not run well."""

    image: str = "ner-dist:serving"
    """Image of launch/container/serving.Dockerfile, by the name under which the machines pull it."""
    model: str = ""
    """Compose: directory of the export; the folder around it is mounted read-only. By default the image has /model."""
    name: str = "ner"
    """Name of the service in compose, Kubernetes and Prometheus: lower case letters, digits and -."""
    port: int = 8000
    """Port at which it is reached."""
    bind: str = "127.0.0.1"
    """Compose: address at which the machine offers service, Prometheus and Grafana; 0.0.0.0: to everybody."""
    allowed_hosts: list[str] = dataclasses.field(default_factory=list)
    """Further names by which clients call it (serve --allowed-hosts), for example [ner.example.org]."""
    arguments: list[Any] = dataclasses.field(default_factory=list)
    """Further options of ner-dist serve, for example [--max-queue, 4096]."""
    token_file: str = ""
    """Compose: file with the bearer token that requests need; its user 1000 must be able to read it."""
    token_secret: str = ""
    """Kubernetes: Secret whose key token is the bearer token that requests need."""
    processes: Literal["1", "2"] = "2"
    """2: large requests have a process of their own, and the model is twice in memory; 1: they do not."""
    cpus: float = 2.0
    """Cores of one instance; one of them is left for reading requests."""
    memory: str = "2Gi"
    """Memory of one instance, beyond which it is ended, as Kubernetes writes it; to load a new version takes twice."""
    grace_seconds: int = 10
    """Seconds that requests in flight have to finish when an instance is told to end."""
    namespace: str = ""
    """Kubernetes: namespace of all objects; by default that of kubectl's context."""
    claim: str = ""
    """Kubernetes: PersistentVolumeClaim with the export, mounted read-only; by default the image has /model."""
    claim_path: str = ""
    """Kubernetes: the export's directory in the claim; by default the claim is the export."""
    min_replicas: int = 2
    """Kubernetes: fewest instances."""
    max_replicas: int = 6
    """Kubernetes: most instances."""
    cpu_target: int = 70
    """Kubernetes: percent of the cores in use above which instances are added."""
    drain_seconds: int = 5
    """Kubernetes: seconds from the order to end an instance until it refuses connections; others take over then."""
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """Kubernetes: when a machine pulls the image."""
    pull_secrets: list[str] = dataclasses.field(default_factory=list)
    """Kubernetes: secrets with which it pulls the image."""
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    """Kubernetes: more labels of the Deployment and its pods."""
    node_selector: dict[str, str] = dataclasses.field(default_factory=dict)
    """Kubernetes: labels that a machine must have."""
    tolerations: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """Kubernetes: taints that a machine may have, as in a pod."""
    latency_seconds: float = 1.0
    """Alert: the slowest hundredth of requests takes longer than this."""
    error_share: float = 0.01
    """Alert: a larger share of requests than this fails or is refused because too much is waiting, 0 to 1."""
    queue_texts: int = 256
    """Alert: more texts than this are waiting, and they become more."""
    known_share: float = 0.5
    """Alert: the model knows less than this share of the words, 0 to 1; 0: never."""
    prometheus_image: str = "prom/prometheus:v2.53.5"
    """Compose: image of Prometheus."""
    grafana_image: str = "grafana/grafana:11.6.0"
    """Compose: image of Grafana."""
    out: str = "rollout"
    """Directory to write into; files there are replaced only if this command wrote them."""

    @property
    def memory_bytes(self) -> int:
        number, unit = re.fullmatch(r"([\d.]+)(\D*)", self.memory).groups()  # type: ignore[union-attr]
        return int(float(number) * _UNITS[unit])

    @property
    def threads(self) -> int:
        """Of the model: a container sees all cores of its machine, not its share, so it cannot count them itself."""
        return max(1, int(self.cpus) - 1)


def check(options: ServingOptions) -> None:
    """Raises LaunchError for values that are out of range or contradict each other."""
    for name, least in _LEAST.items():
        _expect(options, name, getattr(options, name) >= least, f"a number from {least}")
    for name in _ABOVE_0:
        _expect(options, name, 0 < getattr(options, name) < math.inf, "more than 0")
    _expect(options, "error_share", 0 < options.error_share < 1, "a share above 0 and below 1")
    _expect(options, "known_share", 0 <= options.known_share < 1, "a share from 0 to below 1")
    free = 1024 <= options.port <= 65535 and options.port not in _TAKEN_PORTS
    _expect(options, "port", free, "1024 to 65535, because the service is not root, but 3000 and 9090")
    _expect(options, "name", options.name not in _TAKEN_NAMES, "another than those of the services beside it")
    _expect(options, "max_replicas", options.max_replicas >= options.min_replicas, "--min-replicas or more")
    for name in ("image", "prometheus_image", "grafana_image"):
        named = re.fullmatch(r"[^\s$]+", getattr(options, name))
        _expect(options, name, bool(named), "an image's name, such as ner-dist:serving")
    _check_names(options)
    _check_command(options)


def _check_names(options: ServingOptions) -> None:
    for name, needed in {"name": True, "namespace": False, "claim": False, "token_secret": False}.items():
        value = getattr(options, name)
        fits = len(value) <= _LONGEST_NAME and re.fullmatch(DNS, value)
        _expect(options, name, bool(fits or not (value or needed)), f"{NAME_RULE}, up to {_LONGEST_NAME} characters")
    _expect(options, "memory", bool(re.fullmatch(QUANTITY, options.memory)), "a size such as 1Gi")
    for name in ("labels", "node_selector"):
        fit = all(re.fullmatch(LABEL_VALUE, value) for value in getattr(options, name).values())
        _expect(options, name, fit, "values of up to 63 letters, digits, -, _ and .")
    path = PurePosixPath(options.claim_path)
    inside = options.claim_path.isprintable() and not path.is_absolute() and ".." not in path.parts
    _expect(options, "claim_path", inside, "a relative path on one line, inside the claim")
    if options.claim_path and not options.claim:
        raise LaunchError(f"serving: --claim-path is {options.claim_path!r} without a claim; set --claim")
    for name in ("model", "token_file"):
        _expect(options, name, getattr(options, name).isprintable(), "a path on one line")


def _check_command(options: ServingOptions) -> None:
    for host in options.allowed_hosts:
        if not re.fullmatch(_HOST, host):
            raise LaunchError(
                f"serving: --allowed-hosts has {host!r}, expected names such as ner.example.org, .example.org or *"
            )
    _expect(options, "bind", _is_address(options.bind), "an address such as 127.0.0.1, 0.0.0.0 or [::1]")
    words = [str(word) for word in options.arguments]
    begins = not words or words[0].startswith("--")
    _expect(options, "arguments", begins, "a list that begins with an option, for example '[--max-queue, 4096]'")
    for given, word in zip(options.arguments, words):
        # YAML has made numbers of some.
        fits = type(given) in (str, int, float) and word.isprintable() and bool(word)
        _expect(options, "arguments", fits, "words and numbers, each on one line and none empty")
        if word.split("=")[0] in _OWN_ARGUMENTS:
            raise LaunchError(
                f"serving: --arguments has {word}, which an option of its own sets; see launch serving --help"
            )


def _is_address(text: str) -> bool:
    """Of version 4, or in brackets of version 6, as compose writes them before a port."""
    try:
        found = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return text == (str(found) if found.version == 4 else f"[{found}]")


def _expect(options: ServingOptions, name: str, holds: bool, expected: str) -> None:
    if not holds:
        raise LaunchError(f"serving: --{name.replace('_', '-')} is {getattr(options, name)!r}, expected {expected}")
