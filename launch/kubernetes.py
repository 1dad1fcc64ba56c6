"""Writes an MPIJob for Kubernetes, with the volume and the job file it needs: python -m launch kubernetes.

For the MPI operator of Kubeflow, API kubeflow.org/v2beta1, and an image of launch/container. Nothing is sent to a
cluster from here.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from pathlib import PurePosixPath
from typing import Any

import yaml

from launch import kubernetes_objects as objects
from launch.errors import LaunchError
from launch.kubernetes_settings import DNS, Kubernetes, check, count, longest_name
from launch.training import Training
from ner_dist import config as knobs

__all__ = ["Kubernetes", "check", "manifest"]


def manifest(settings: Kubernetes, training: Training) -> str:
    """The text of the file for kubectl. Raises LaunchError."""
    check(settings)
    name = settings.name or _name_of(training.run.name, settings)
    shards = _in_volume(training.config.data.shards, "data.shards")
    job = _job(training, settings)
    documents = [
        *([objects.claim(settings)] if settings.claim_size else []),
        objects.files_pod(settings, name),
        objects.job_file(settings, name, job),
        objects.mpi_job(settings, name),
    ]
    # Each with what it is for, since a reader meets it out of context.
    parts = [f"---\n# {_PURPOSES[document['kind']]}\n{_dump(document)}" for document in documents]
    return _opening(settings, name, shards, training.run.as_posix()) + "".join(parts)


_PURPOSES = {
    "PersistentVolumeClaim": "The volume for shards and runs. To delete it is to delete them.",
    "Pod": "A pod that only shows the volume, to copy files by; it may be deleted and applied again at any time.",
    "ConfigMap": "The job file, every knob of it. The run is continued if it has a checkpoint, as after a restart.",
    "MPIJob": "The training: the operator starts the workers, then horovodrun in the launcher, which starts the ranks.",
}


def _name_of(run: str, settings: Kubernetes) -> str:
    """A name for the MPIJob that is allowed; a run's name that had to be changed is told apart by a checksum."""
    longest = longest_name(settings)
    name = re.sub(r"[^a-z0-9]+", "-", run.lower()).strip("-")
    if name == run and len(name) <= longest and re.fullmatch(DNS, name):
        return name
    kept = f"ner-{name}"[: longest - 7].strip("-")
    return f"{kept}-{hashlib.sha256(run.encode()).hexdigest()[:6]}"


def _in_volume(path: str, knob: str) -> str:
    """A path that the ranks find, or make, in the volume. Raises LaunchError."""
    if not path.isprintable():
        raise LaunchError(f"kubernetes: {knob} is {path!r}, expected a path in one line, without control characters")
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise LaunchError(
            f"kubernetes: {knob} is {path}, expected a relative path, because the ranks see no directory of this "
            f"machine but the volume of --claim; give one such as {'runs/mine' if knob == 'run' else 'data/shards'}"
        )
    return PurePosixPath(path).as_posix()


def _job(training: Training, settings: Kubernetes) -> str:
    """The job file that the ranks read, with every knob."""
    config = knobs.from_dict(knobs.to_dict(training.config))
    config.run = _in_volume(training.run.as_posix(), "run")
    config.train.resume = True
    if config.train.device == "gpu" and not settings.gpus:
        raise LaunchError("kubernetes: train.device is gpu, but the workers have none; give --gpus")
    # Not auto, which would train without a word on the CPU if the GPUs are not seen.
    if settings.gpus and config.train.device == "auto":
        config.train.device = "gpu"
    return knobs.to_yaml(config)


class _Dumper(yaml.SafeDumper):
    """Block style, no aliases, and text quoted wherever some reader of YAML could take it for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # PyYAML and Kubernetes disagree on what is a number: 1e3, 0o17.
    style = "|" if "\n" in text else '"' if re.match(r"[-+.\d]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def _dump(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _opening(settings: Kubernetes, name: str, shards: str, run: str) -> str:
    """The comment at the head of the file: what it is, and the commands from here to the result."""
    ranks = settings.workers * settings.ranks_per_worker
    kubectl = f"kubectl -n {settings.namespace}" if settings.namespace else "kubectl"
    files, select = f"{name}-files", f"-l {objects.LABEL}/component=files"
    there = [shlex.quote(f"{files}:{objects.VOLUME}/{path}") for path in (shards, run)]
    parent, shards, run = map(shlex.quote, (PurePosixPath(run).parent.as_posix(), shards, run))
    return f"""\
# Trains on {count(ranks, "rank")} in {count(settings.workers, "worker")}, by the MPI operator of Kubeflow (v2beta1).
# Made by python -m launch kubernetes, which checked every knob; FILE below is this file.
#
# Once, the volume, and the shards into it (at least {ranks} for training):
#   {kubectl} apply {select} -f FILE
#   {kubectl} wait --for=condition=Ready --timeout=10m pod/{files}
#   {kubectl} exec {files} -- mkdir -p {shards} {parent}
#   {kubectl} cp {shards}/. {there[0]}
# Start, and watch:
#   {kubectl} apply -f FILE
#   {kubectl} get mpijob/{name} --watch
#   {kubectl} logs -f job/{name}-launcher
# The result, once it has succeeded:
#   {kubectl} cp {there[1]} {run}
# End it, or tidy up; the volume stays:
#   {kubectl} delete mpijob/{name} configmap/{name}-training pod/{files}
#
# An operator without launcherCreationPolicy starts the launcher at once, and what it fails for until the workers
# answer counts among the {count(settings.restarts, "restart")}.
"""
