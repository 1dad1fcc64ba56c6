"""The Kubernetes objects of a job, as dictionaries: volume, files pod, job file and MPIJob (kubeflow.org/v2beta1)."""

from __future__ import annotations

from typing import Any

from launch.kubernetes_settings import Kubernetes

# What the image has: its user, and where launch/container/sshd.conf looks for keys and listens.
_USER, _HOME, _SSH_PORT = 1000, "/home/ner", 2222
_SSHD = ["/usr/sbin/sshd", "-De", "-f", "/opt/ner-dist/launch/container/sshd.conf"]
# Where the volume is mounted; data/ and runs/ of a job file are taken from there, because ranks run in it.
VOLUME = "/volume"
_JOB_FOLDER, JOB_FILE = "/etc/ner-dist", "job.yaml"
# The operator writes it in the launcher's pod. Of its formats horovodrun reads OpenMPI's: NAME slots=2.
_HOSTFILE, _FORMAT = "/etc/mpi/hostfile", "OpenMPI"
# horovodrun alone, which only waits.
_LAUNCHER = {"cpu": "500m", "memory": "512Mi"}

LABEL = "app.kubernetes.io"


def claim(settings: Kubernetes) -> dict[str, Any]:
    """The volume that jobs share, so it bears no job's name."""
    storage = {"storageClassName": settings.storage_class} if settings.storage_class else {}
    requests = {"requests": {"storage": settings.claim_size}}
    labels = {f"{LABEL}/name": "ner-dist", f"{LABEL}/component": "files"}
    return {
        **_head(settings, "v1", "PersistentVolumeClaim", settings.claim, labels),
        "spec": {"accessModes": ["ReadWriteMany"], **storage, "resources": requests},
    }


def files_pod(settings: Kubernetes, name: str) -> dict[str, Any]:
    # Without the labels of the user's: a queue's is for the job.
    spec = _pod(settings, "files", ["sleep", "infinity"], {"cpu": "100m", "memory": "128Mi"})
    return {**_head(settings, "v1", "Pod", f"{name}-files", _labels(name, "files")), "spec": spec}


def job_file(settings: Kubernetes, name: str, text: str) -> dict[str, Any]:
    return {**_head(settings, "v1", "ConfigMap", f"{name}-training", _labels(name, "job")), "data": {JOB_FILE: text}}


def mpi_job(settings: Kubernetes, name: str) -> dict[str, Any]:
    policy: dict[str, Any] = {"cleanPodPolicy": settings.clean_pods, "backoffLimit": settings.restarts}
    if settings.deadline_seconds:
        policy["activeDeadlineSeconds"] = settings.deadline_seconds
    if settings.keep_seconds:
        policy["ttlSecondsAfterFinished"] = settings.keep_seconds
    labels = _labels(name, "job") | settings.labels
    specs = {
        # Never: each start is a pod of its own, whose log stays. OnFailure: a worker keeps its name, and its place.
        "Launcher": {"replicas": 1, "restartPolicy": "Never", "template": _launcher(settings, name, labels)},
        "Worker": {
            "replicas": settings.workers,
            "restartPolicy": "OnFailure",
            "template": _worker(settings, name, labels),
        },
    }
    spec = {
        "slotsPerWorker": settings.ranks_per_worker,
        "mpiImplementation": _FORMAT,
        "launcherCreationPolicy": "WaitForWorkersReady",
        "sshAuthMountPath": f"{_HOME}/.ssh",
        "runPolicy": policy,
        "mpiReplicaSpecs": specs,
    }
    return {**_head(settings, "kubeflow.org/v2beta1", "MPIJob", name, labels), "spec": spec}


def _labels(name: str, component: str) -> dict[str, str]:
    return {f"{LABEL}/name": "ner-dist", f"{LABEL}/component": component, f"{LABEL}/instance": name}


def _head(settings: Kubernetes, version: str, kind: str, name: str, labels: dict[str, str]) -> dict[str, Any]:
    namespace = {"namespace": settings.namespace} if settings.namespace else {}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **namespace, "labels": labels}}


def _pod(settings: Kubernetes, name: str, command: list[str], resources: dict[str, Any]) -> dict[str, Any]:
    """The specification of a pod that has the volume; nobody in it is root, or can become it."""
    container = {
        "name": name,
        "image": settings.image,
        "imagePullPolicy": settings.pull_policy,
        "command": command,
        "workingDir": VOLUME,
        "resources": {"requests": dict(resources), "limits": dict(resources)},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "volume", "mountPath": VOLUME}],
    }
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "volume", "persistentVolumeClaim": {"claimName": settings.claim}}],
    }
    if settings.pull_secrets:
        spec["imagePullSecrets"] = [{"name": secret} for secret in settings.pull_secrets]
    return spec


def _template(name: str, labels: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    """A pod of the job, which also has the job file."""
    mount = {"name": "training", "mountPath": _JOB_FOLDER, "readOnly": True}
    spec["containers"][0]["volumeMounts"].append(mount)
    spec["volumes"].append({"name": "training", "configMap": {"name": f"{name}-training"}})
    return {"metadata": {"labels": labels}, "spec": spec}


def _launcher(settings: Kubernetes, name: str, labels: dict[str, str]) -> dict[str, Any]:
    ranks = settings.workers * settings.ranks_per_worker
    # A launcher has no GPU, and so no driver.
    command = ["python", "-m", "launch.without_mxnet"] if settings.gpus else ["horovodrun"]
    command += ["-np", str(ranks), "--hostfile", _HOSTFILE]
    command += ["python", "-m", "ner_dist.train", "--config", f"{_JOB_FOLDER}/{JOB_FILE}"]
    spec = _pod(settings, "launcher", command, _LAUNCHER)
    # horovodrun hands its variables on to the ranks, which ssh else starts without any. A rank sees all cores of the
    # machine, not the share that its pod may use, and neighbours would be bound to the same ones.
    threads = max(1, int(settings.cpus) // settings.ranks_per_worker)
    spec["containers"][0]["env"] = [
        {"name": "OMP_NUM_THREADS", "value": str(threads)},
        {"name": "NER_BIND_CORES", "value": "0"},
    ]
    return _template(name, labels, spec)


def _worker(settings: Kubernetes, name: str, labels: dict[str, str]) -> dict[str, Any]:
    resources: dict[str, Any] = {"cpu": f"{settings.cpus:g}", "memory": settings.memory}
    if settings.gpus:
        resources["nvidia.com/gpu"] = settings.gpus
    spec = _pod(settings, "worker", _SSHD, resources)
    container = spec["containers"][0]
    # Of a worker that has started nothing is asked any more: each question is a connection in sshd's log.
    container["startupProbe"] = {"tcpSocket": {"port": _SSH_PORT}, "periodSeconds": 2, "failureThreshold": 150}
    if settings.gpus:
        # A container's own is of 64 MB.
        container["volumeMounts"].append({"name": "shared-memory", "mountPath": "/dev/shm"})
        shared = {"medium": "Memory", "sizeLimit": settings.shared_memory}
        spec["volumes"].append({"name": "shared-memory", "emptyDir": shared})
    if settings.node_selector:
        spec["nodeSelector"] = dict(settings.node_selector)
    if settings.tolerations:
        spec["tolerations"] = list(settings.tolerations)
    return _template(name, labels, spec)
