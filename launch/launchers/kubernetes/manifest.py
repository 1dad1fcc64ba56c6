"""Writes a file for kubectl: an MPIJob with the volume and the job file it needs.

For Kubeflow's MPI operator, API kubeflow.org/v2beta1, and an image of launch/container. Nothing is sent to a cluster.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import math
import re
import shlex
import sys
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from launch.job.training_command import TrainingRequest, grace_seconds
from launch.launch_errors import LaunchError
from launch.launchers import text_output
from launch.launchers.kubernetes_text import DNS, LABEL_VALUE, NAME_RULE, QUANTITY, as_json, in_block_style
from ner_dist import config as knobs
from ner_dist.stores.addresses import is_address

_LEAST = {"workers": 1, "ranks_per_worker": 1, "gpus": 0, "restarts": 0, "deadline_seconds": 0, "keep_seconds": 0}
# How long a launcher may take to end after its ranks have had their time to save.
_END_S = 15


@dataclasses.dataclass
class KubernetesOptions:
    """Where and how a job runs on Kubernetes."""

    image: str = "ner-dist:cpu"
    """Image of launch/container, by the name under which the cluster's machines pull it."""
    name: str = ""
    """Name of the MPIJob: lower case letters, digits and -; by default made from the run's name."""
    namespace: str = ""
    """Namespace of all objects; by default that of kubectl's context."""
    workers: int = 2
    """Pods that train."""
    ranks_per_worker: int = 2
    """Ranks in each pod; the training split needs at least workers * ranks_per_worker shards."""
    cpus: float = 2.0
    """Cores of a worker; each rank gets its share of threads."""
    memory: str = "4Gi"
    """Memory of a worker, as Kubernetes writes it."""
    gpus: int = 0
    """GPUs of a worker, one a rank; needs the image of gpu.Dockerfile."""
    shared_memory: str = "1Gi"
    """With gpus: size of a worker's /dev/shm, which NCCL uses; it counts as memory."""
    claim: str = "ner-dist"
    """PersistentVolumeClaim with the runs, and the shards unless they are in an object store; all workers must be able
    to mount it."""
    claim_size: str = "10Gi"
    """Size of the claim to make; empty if the claim exists."""
    storage_class: str = ""
    """Storage class of the claim to make, with ReadWriteMany; by default the cluster's."""
    store_secret: str = ""
    """Secret whose entries ranks get as environment variables, such as AWS_ACCESS_KEY_ID, for shards in a store."""
    restarts: int = 2
    """How often a job that failed is restarted, from its last checkpoint."""
    deadline_seconds: int = 0
    """Seconds after which the job is ended, restarts included. 0: never."""
    keep_seconds: int = 0
    """Seconds after which a finished launcher is deleted with its log. 0: never."""
    clean_pods: Literal["Running", "All", "None"] = "Running"
    """Workers to delete when the job has ended; None keeps them and their resources."""
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When a machine pulls the image."""
    pull_secrets: list[str] = dataclasses.field(default_factory=list)
    """Secrets with which it pulls the image."""
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    """More labels of the job and its pods, for example a queue's."""
    node_selector: dict[str, str] = dataclasses.field(default_factory=dict)
    """Labels that a machine must have to run a worker."""
    tolerations: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """Taints that a machine may have, as in a pod, for example [{key: nvidia.com/gpu, operator: Exists}]."""
    out: str = "-"
    """File to write, whole or not at all; - shows it."""


def launch(options: KubernetesOptions, training: TrainingRequest) -> int:
    """Write or show the file. Raises UserError."""
    text_output.write(manifest(options, training), options.out)
    if options.out != "-":
        print(f"{options.out} is written", file=sys.stderr)
    return 0


def manifest(options: KubernetesOptions, training: TrainingRequest) -> str:
    """The text of the file for kubectl. Raises LaunchError."""
    check(options)
    run, ranks = training.run_directory("kubernetes"), options.workers * options.ranks_per_worker
    grace_s, in_store = grace_seconds(training), is_address(training.config.data.shards)
    horovodrun = ["python", "-m", "launch.job.horovodrun", "--grace-seconds", f"{grace_s:g}"]
    command = [*horovodrun, "-np", str(ranks), "--hostfile", "/etc/mpi/hostfile"]
    worker = {"cpu": f"{options.cpus:g}", "memory": options.memory}
    text = text_output.render(
        Path(__file__).with_name("manifest.yaml.j2"),
        {"sh": shlex.quote, "json": as_json},
        options=options,
        name=options.name or _name_of(run.name, options),
        ranks=ranks,
        # Those in a store are fetched by the ranks.
        shards=None if in_store else _in_volume(training.config.data.shards, "data.shards"),
        run=run.as_posix(),
        parent=run.parent.as_posix(),
        job_file=_job_file(training, run, options),
        # The launcher passes SIGTERM on to the ranks, and waits until they have saved.
        grace_s=math.ceil(grace_s) + _END_S,
        command=[*command, "python", "-m", "ner_dist.train", "--config", "/etc/ner-dist/job.yaml"],
        secrets=[{"name": secret} for secret in options.pull_secrets],
        threads=max(1, int(options.cpus) // options.ranks_per_worker),
        worker_resources={**worker, "nvidia.com/gpu": options.gpus} if options.gpus else worker,
    )
    return in_block_style(text)


def check(options: KubernetesOptions) -> None:
    """Raises LaunchError for values that are out of range or contradict each other."""
    for name, least in _LEAST.items():
        _expect(options, name, getattr(options, name) >= least, f"a number from {least}")
    _expect(options, "cpus", options.cpus > 0, "more than 0")
    _expect(options, "image", bool(re.fullmatch(r"\S+", options.image)), "an image's name, such as ner-dist:cpu")
    longest = _longest_name(options)
    needed_names = {"name": False, "namespace": False, "claim": True, "storage_class": False, "store_secret": False}
    for name, needed in needed_names.items():
        value = getattr(options, name)
        fits = len(value) <= longest and re.fullmatch(DNS, value)
        _expect(options, name, bool(fits or not (value or needed)), f"{NAME_RULE}, up to {longest} characters")
    for name, needed in {"memory": True, "shared_memory": True, "claim_size": False}.items():
        value = getattr(options, name)
        _expect(options, name, bool(re.fullmatch(QUANTITY, value) or not (value or needed)), "a size such as 4Gi")
    for name in ("labels", "node_selector"):
        fit = all(re.fullmatch(LABEL_VALUE, value) for value in getattr(options, name).values())
        _expect(options, name, fit, "values of up to 63 letters, digits, -, _ and .")
    if options.gpus and options.ranks_per_worker > options.gpus:
        raise LaunchError(
            f"kubernetes: {options.ranks_per_worker} ranks of a worker would share {options.gpus} "
            f"GPU{'s' if options.gpus > 1 else ''}, expected one GPU a rank; lower --ranks-per-worker or raise --gpus"
        )


def _expect(options: KubernetesOptions, name: str, holds: bool, expected: str) -> None:
    if not holds:
        option = name.replace("_", "-")
        raise LaunchError(f"kubernetes: --{option} is {getattr(options, name)!r}, expected {expected}")


def _longest_name(options: KubernetesOptions) -> int:
    """The longest name of a job whose workers' names are allowed."""
    return 63 - len(f"-worker-{max(options.workers - 1, 99)}")


def _name_of(run: str, options: KubernetesOptions) -> str:
    """An allowed name for the MPIJob; if the run's name had to be changed, a checksum of it keeps it distinct."""
    longest = _longest_name(options)
    name = re.sub(r"[^a-z0-9]+", "-", run.lower()).strip("-")
    if name == run and len(name) <= longest and re.fullmatch(DNS, name):
        return name
    kept = f"ner-{name}"[: longest - 7].strip("-")
    return f"{kept}-{hashlib.sha256(run.encode()).hexdigest()[:6]}"


def _in_volume(path: str, knob: str) -> str:
    """A path that ranks find or make in the volume. Raises LaunchError if it cannot be one."""
    if not path.isprintable():
        raise LaunchError(f"kubernetes: {knob} is {path!r}, expected a path on one line, without control characters")
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise LaunchError(
            f"kubernetes: {knob} is {path}, expected a relative path, because ranks see the volume of --claim and no "
            f"directory of this machine; use one such as {'runs/mine' if knob == 'run' else 'data/shards'}"
        )
    return PurePosixPath(path).as_posix()


def _job_file(training: TrainingRequest, run: Path, options: KubernetesOptions) -> str:
    config = copy.deepcopy(training.config)
    config.run = _in_volume(run.as_posix(), "run")
    config.train.resume = True
    if config.train.device == "gpu" and not options.gpus:
        raise LaunchError("kubernetes: train.device is gpu, but the workers have no GPUs; set --gpus")
    # With auto, training would silently use the CPU if the GPUs are not found.
    if options.gpus and config.train.device == "auto":
        config.train.device = "gpu"
    return knobs.to_yaml(config)
