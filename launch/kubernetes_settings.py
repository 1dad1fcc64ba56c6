"""The settings of a job on Kubernetes, and what may be wrong with them."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Literal

from launch.errors import LaunchError

# A name as DNS takes it (RFC 1123), with a letter first.
DNS = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_LABEL_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_QUANTITY = r"[1-9]\d*(\.\d+)?([kMGTPE]|[KMGTPE]i)?"


@dataclasses.dataclass
class Kubernetes:
    """Where and how a job runs on Kubernetes."""

    image: str = "ner-dist:cpu"
    """Image of launch/container, under the name that the cluster's machines pull it by."""
    name: str = ""
    """Name of the MPIJob: lower case letters, digits and -; from the run's name if not given."""
    namespace: str = ""
    """Namespace of everything; that of kubectl's context if not given."""
    workers: int = 2
    """Pods that train."""
    ranks_per_worker: int = 2
    """Ranks in each of them; the training split needs at least workers * ranks_per_worker shards."""
    cpus: float = 2.0
    """Cores of a worker; each rank gets its share of threads."""
    memory: str = "4Gi"
    """Memory of a worker, as Kubernetes writes it."""
    gpus: int = 0
    """GPUs of a worker, one a rank; needs an image of gpu.Dockerfile."""
    shared_memory: str = "1Gi"
    """With gpus: /dev/shm of a worker, through which NCCL exchanges; it counts as memory."""
    claim: str = "ner-dist"
    """PersistentVolumeClaim with the shards, where runs are written, too; all workers must be able to mount it."""
    claim_size: str = "10Gi"
    """Size to ask for; empty if the claim is there already and not to be made."""
    storage_class: str = ""
    """Storage class of a claim that is made, one with ReadWriteMany; the cluster's default if not given."""
    restarts: int = 2
    """How often a job that fails starts again; it goes on from its last checkpoint."""
    deadline_seconds: int = 0
    """Seconds after which the job is ended, restarts included; 0: never."""
    keep_seconds: int = 0
    """Seconds after which a finished launcher is deleted, with its log; 0: never."""
    clean_pods: Literal["Running", "All", "None"] = "Running"
    """Workers to delete when the job has ended; None keeps them, and what they occupy."""
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When a machine pulls the image."""
    pull_secrets: list[str] = dataclasses.field(default_factory=list)
    """Secrets with which it does."""
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    """More labels of the job and its pods, such as a queue's."""
    node_selector: dict[str, str] = dataclasses.field(default_factory=dict)
    """Labels a machine must have to run a worker."""
    tolerations: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """Taints a machine may have, as in a pod, such as [{key: nvidia.com/gpu, operator: Exists}]."""


def check(settings: Kubernetes) -> None:
    """Raises LaunchError for what contradicts itself or is out of range."""
    for knob, least in _LEAST.items():
        _expect(settings, knob, getattr(settings, knob) >= least, f"a number from {least}")
    _expect(settings, "cpus", settings.cpus > 0, "more than 0")
    _expect(settings, "image", bool(re.fullmatch(r"\S+", settings.image)), "an image's name, such as ner-dist:cpu")
    longest = longest_name(settings)
    for knob, needed in {"name": False, "namespace": False, "claim": True, "storage_class": False}.items():
        value = getattr(settings, knob)
        fits = len(value) <= longest and re.fullmatch(DNS, value)
        _expect(settings, knob, bool(fits or not (value or needed)), f"{_NAME_RULE}, up to {longest} characters")
    for knob, needed in {"memory": True, "shared_memory": True, "claim_size": False}.items():
        value = getattr(settings, knob)
        _expect(settings, knob, bool(re.fullmatch(_QUANTITY, value) or not (value or needed)), "a size such as 4Gi")
    for knob in ("labels", "node_selector"):
        fit = all(re.fullmatch(_LABEL_VALUE, value) for value in getattr(settings, knob).values())
        _expect(settings, knob, fit, "values of up to 63 letters, digits, -, _ and .")
    if settings.gpus and settings.ranks_per_worker > settings.gpus:
        raise LaunchError(
            f"kubernetes: {settings.ranks_per_worker} ranks of a worker would share {count(settings.gpus, 'GPU')}, "
            "expected one GPU a rank; lower --ranks-per-worker or raise --gpus"
        )


_LEAST = {"workers": 1, "ranks_per_worker": 1, "gpus": 0, "restarts": 0, "deadline_seconds": 0, "keep_seconds": 0}
_NAME_RULE = "lower case letters, digits and -, a letter first"


def _expect(settings: Kubernetes, knob: str, true: bool, expected: str) -> None:
    if not true:
        option = knob.replace("_", "-")
        raise LaunchError(f"kubernetes: --{option} is {getattr(settings, knob)!r}, expected {expected}")


def count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def longest_name(settings: Kubernetes) -> int:
    """How long a job's name may be, so that those of its workers are allowed."""
    return 63 - len(f"-worker-{max(settings.workers - 1, 99)}")
