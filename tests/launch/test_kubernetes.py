"""What python -m launch kubernetes writes: valid and complete, and refused if a cluster would fail later."""

from __future__ import annotations

import copy
import dataclasses
import functools
import re
from typing import Any, Callable

import pytest
import yaml
from kubernetes_schemas import VERSIONS, mistakes
from processes import ROOT, alone, run

from launch.job.training_command import check_training
from launch.launch_errors import LaunchError
from launch.launchers.kubernetes import manifest as kubernetes
from launch.launchers.kubernetes.manifest import KubernetesOptions, check
from ner_dist import config

GPU = KubernetesOptions(
    image="registry:5000/ner-dist:gpu",
    namespace="ner",
    gpus=2,
    cpus=0.5,
    deadline_seconds=3600,
    keep_seconds=60,
    pull_secrets=["registry"],
    labels={"kueue.x-k8s.io/queue-name": "1e3", "on": "yes"},
    node_selector={"nvidia.com/gpu.present": "true"},
    tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists", "tolerationSeconds": 30}],
    storage_class="shared",
)
SETTINGS = {
    "default": KubernetesOptions(),
    "gpu": GPU,
    "no claim": KubernetesOptions(claim_size="", workers=1, ranks_per_worker=1),
}
RUN = ["--run", "runs/mine"]


def manifest(settings: KubernetesOptions, training: list[str]) -> str:
    """The text for training with these arguments."""
    return kubernetes.manifest(settings, check_training(training))


@functools.cache
def text_of(settings: str) -> str:
    return manifest(SETTINGS[settings], RUN)


def documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def mpi_job(text: str) -> dict[str, Any]:
    return next(document for document in documents(text) if document["kind"] == "MPIJob")


def container(job: dict[str, Any], role: str) -> dict[str, Any]:
    return job["spec"]["mpiReplicaSpecs"][role]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_every_object_is_valid_for_the_oldest_and_the_newest_kubernetes(settings: str, version: str) -> None:
    found = documents(text_of(settings))
    kinds = [document["kind"] for document in found]
    assert kinds == ["PersistentVolumeClaim", "Pod", "ConfigMap", "MPIJob"][settings == "no claim" :]
    for document in found:
        assert mistakes(document, version) == []


def change(*path: Any, value: Any = None) -> Callable[[dict[str, Any]], None]:
    """Sets the value at a path, or removes it if there is none."""

    def act(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        if value is None:
            del document[path[-1]]
        else:
            document[path[-1]] = value

    return act


WORKER = ("spec", "mpiReplicaSpecs", "Worker")
POD = (*WORKER, "template", "spec")
MUTATIONS = {
    "misspelt field of the job": ("MPIJob", change("spec", "slotsPerWorkers", value=2)),
    "misspelt policy": ("MPIJob", change("spec", "runPolicy", "backofLimit", value=2)),
    "policy of the wrong type": ("MPIJob", change("spec", "runPolicy", "backoffLimit", value="2")),
    "unknown policy for pods": ("MPIJob", change("spec", "runPolicy", "cleanPodPolicy", value="Some")),
    "unknown implementation": ("MPIJob", change("spec", "mpiImplementation", value="Gloo")),
    "replicas missing": ("MPIJob", change("spec", "mpiReplicaSpecs")),
    "no launcher": ("MPIJob", change("spec", "mpiReplicaSpecs", "Launcher")),
    "misspelt role": ("MPIJob", change("spec", "mpiReplicaSpecs", "Workers", value={})),
    "two launchers": ("MPIJob", change("spec", "mpiReplicaSpecs", "Launcher", "replicas", value=2)),
    "a worker that always restarts": ("MPIJob", change(*WORKER, "restartPolicy", value="Always")),
    "label that is a number": ("MPIJob", change(*WORKER, "template", "metadata", "labels", "a", value=1)),
    "what a template's metadata drops": ("MPIJob", change(*WORKER, "template", "metadata", "uid", value="a")),
    "misspelt field of the pod": ("MPIJob", change(*POD, "nodeselector", value={"a": "b"})),
    "misspelt field of the container": ("MPIJob", change(*POD, "containers", 0, "imagePolicy", value="Always")),
    "container without name": ("MPIJob", change(*POD, "containers", 0, "name")),
    "no container": ("MPIJob", change(*POD, "containers", value=[])),
    "command that is no list": ("MPIJob", change(*POD, "containers", 0, "command", value="sshd -De")),
    "variable that is a number": (
        "MPIJob",
        change("spec", "mpiReplicaSpecs", "Launcher", "template", "spec", "containers", 0, "env", 0, "value", value=2),
    ),
    "misspelt field of the claim": ("PersistentVolumeClaim", change("spec", "accessMode", value=["ReadWriteMany"])),
    "job file that is no text": ("ConfigMap", change("data", "job.yaml", value={"train": 1})),
    "misspelt field of the config map": ("ConfigMap", change("datas", value={"a": "b"})),
    "files pod without containers": ("Pod", change("spec", "containers")),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_validation_refuses(mutation: str) -> None:
    kind, act = MUTATIONS[mutation]
    document = copy.deepcopy(next(each for each in documents(text_of("default")) if each["kind"] == kind))
    assert mistakes(document, VERSIONS[-1]) == []
    act(document)
    assert mistakes(document, VERSIONS[-1])


def test_the_ranks_read_the_job_with_every_knob_and_go_on_after_a_restart() -> None:
    text = manifest(KubernetesOptions(), ["--config", str(ROOT / "job" / "gmb.yaml"), "--train.epochs", "3", *RUN])
    job_file = next(document for document in documents(text) if document["kind"] == "ConfigMap")["data"]["job.yaml"]
    expected, _ = config.parse(["--config", str(ROOT / "job" / "gmb.yaml"), "--train.epochs", "3", *RUN])
    expected.train.resume = True
    assert config.from_dict(yaml.safe_load(job_file)) == expected
    job = mpi_job(text)
    for role in ("Launcher", "Worker"):
        template = job["spec"]["mpiReplicaSpecs"][role]["template"]["spec"]
        mount = next(m for m in template["containers"][0]["volumeMounts"] if m["name"] == "training")
        volume = next(v for v in template["volumes"] if v["name"] == "training")
        assert volume["configMap"]["name"] == "mine-training"
        assert f"{mount['mountPath']}/job.yaml" == container(job, "Launcher")["command"][-1]


def test_the_job_file_is_what_training_takes(tmp_path: Any) -> None:
    data = next(document for document in documents(text_of("gpu")) if document["kind"] == "ConfigMap")["data"]
    (tmp_path / "job.yaml").write_text(data["job.yaml"], encoding="utf-8")
    parsed, job = config.parse(["--config", str(tmp_path / "job.yaml")])
    assert (parsed.run, parsed.train.device, job) == ("runs/mine", "gpu", "job")


def test_there_are_as_many_ranks_as_slots_and_none_shares_a_gpu_or_a_core() -> None:
    settings = KubernetesOptions(workers=3, ranks_per_worker=4, cpus=8, gpus=4)
    job = mpi_job(manifest(settings, RUN))
    assert job["spec"]["slotsPerWorker"] == 4
    assert job["spec"]["mpiReplicaSpecs"]["Worker"]["replicas"] == 3
    launcher, worker = container(job, "Launcher"), container(job, "Worker")
    ranks = ["--grace-seconds", "30", "-np", "12", "--hostfile", "/etc/mpi/hostfile"]
    assert launcher["command"][:9] == ["python", "-m", "launch.job.horovodrun", *ranks]
    # Time to save, and to end.
    assert job["spec"]["mpiReplicaSpecs"]["Launcher"]["template"]["spec"]["terminationGracePeriodSeconds"] == 45
    assert {"name": "OMP_NUM_THREADS", "value": "2"} in launcher["env"]
    assert worker["resources"]["limits"] == worker["resources"]["requests"]
    assert worker["resources"]["limits"]["nvidia.com/gpu"] == 4
    assert "nvidia.com/gpu" not in launcher["resources"]["limits"]


def test_no_pod_needs_root_or_the_cluster() -> None:
    for document in documents(text_of("gpu")):
        specs = [document["spec"]] if document["kind"] == "Pod" else []
        if document["kind"] == "MPIJob":
            specs = [replica["template"]["spec"] for replica in document["spec"]["mpiReplicaSpecs"].values()]
        for spec in specs:
            assert spec["automountServiceAccountToken"] is False
            assert spec["securityContext"]["runAsNonRoot"] is True
            inside = spec["containers"][0]["securityContext"]
            assert (inside["allowPrivilegeEscalation"], inside["capabilities"]) == (False, {"drop": ["ALL"]})


def test_user_ports_and_paths_are_those_of_the_image() -> None:
    job = mpi_job(text_of("default"))
    worker = container(job, "Worker")
    sshd = (ROOT / "launch" / "container" / "sshd.conf").read_text(encoding="utf-8")
    assert worker["command"][-1] == "/opt/ner-dist/launch/container/sshd.conf"
    keys = job["spec"]["sshAuthMountPath"]
    for line in (f"HostKey {keys}/id_rsa", f"AuthorizedKeysFile {keys}/authorized_keys", "StrictModes no"):
        assert re.search(f"^{line}$", sshd, re.M)
    port = worker["startupProbe"]["tcpSocket"]["port"]
    assert re.search(f"^Port {port}$", sshd, re.M)
    client = (ROOT / "launch" / "container" / "ssh.conf").read_text(encoding="utf-8")
    assert re.search(f"^Port {port}$", client, re.M)
    user = job["spec"]["mpiReplicaSpecs"]["Worker"]["template"]["spec"]["securityContext"]["runAsUser"]
    recipe = (ROOT / "launch" / "container" / "cpu.Dockerfile").read_text(encoding="utf-8")
    assert f"useradd --uid {user} --create-home" in recipe
    assert keys == "/home/ner/.ssh"
    assert re.search(r"^RUN useradd .* ner$", recipe, re.M)


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ("runs/mine", r"mine"),
        ("runs/default-20260101-120000", r"default-20260101-120000"),
        ("runs/My_run", r"ner-my-run-[0-9a-f]{6}"),
        ("runs/2nd", r"ner-2nd-[0-9a-f]{6}"),
        ("runs/" + "x" * 80, r"ner-x{38,}-[0-9a-f]{6}"),
        ("runs/-", r"ner-[0-9a-f]{6}"),
    ],
)
def test_the_name_comes_from_the_run_and_is_allowed(run: str, name: str) -> None:
    job = mpi_job(manifest(KubernetesOptions(), ["--run", run]))
    assert re.fullmatch(name, job["metadata"]["name"])
    # It becomes part of host names, and a Service's name, which starts with a letter.
    for host in (f"{job['metadata']['name']}-worker-1", f"{job['metadata']['name']}-launcher"):
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", host)
        assert len(host) <= 63


def test_runs_that_only_differ_in_what_a_name_cannot_say_get_different_jobs() -> None:
    names = {
        mpi_job(manifest(KubernetesOptions(), ["--run", run]))["metadata"]["name"] for run in ("runs/A.b", "runs/a.b")
    }
    assert len(names) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"workers": 0}, "--workers is 0, expected a number from 1"),
        ({"ranks_per_worker": -1}, "--ranks-per-worker is -1"),
        ({"restarts": -1}, "--restarts"),
        ({"cpus": 0}, "--cpus"),
        ({"memory": "4GB"}, "--memory is '4GB', expected a size such as 4Gi"),
        ({"claim_size": "lots"}, "--claim-size"),
        ({"name": "Mine"}, "--name is 'Mine', expected lower case letters"),
        ({"name": "mine\n"}, "--name"),
        ({"name": "a" * 60}, "--name"),
        ({"claim": ""}, "--claim"),
        ({"store_secret": "My Keys"}, "--store-secret"),
        ({"namespace": "a b"}, "--namespace"),
        ({"image": "ner dist"}, "--image"),
        ({"labels": {"a": "b c"}}, "--labels"),
        ({"gpus": 1}, "2 ranks of a worker would share 1 GPU"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_one_sentence(change: dict[str, Any], said: str) -> None:
    with pytest.raises(LaunchError, match=re.escape(said)) as raised:
        check(dataclasses.replace(KubernetesOptions(), **change))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("training", "said"),
    [
        (["--data.shards", "/data/shards"], "data.shards is /data/shards, expected a relative path"),
        (["--run", "gs://bucket/run"], "kubernetes: --run is gs://bucket/run, expected a directory on the file system"),
        (["--data.shards", "../shards"], "data.shards is ../shards"),
        (["--run", "/runs/mine"], "run is /runs/mine"),
        (["--run", "runs/a\nkind: Pod"], "on one line"),
        (["--train.device", "gpu"], "train.device is gpu, but the workers have no GPUs"),
    ],
)
def test_what_the_pods_would_not_find_is_refused(training: list[str], said: str) -> None:
    with pytest.raises(LaunchError, match=re.escape(said)):
        manifest(KubernetesOptions(), training)


def test_shards_in_a_store_are_not_copied_to_the_volume_and_ranks_get_what_proves_who_asks() -> None:
    options = dataclasses.replace(KubernetesOptions(), store_secret="keys")
    text = manifest(options, [*RUN, "--data.shards", "s3://bucket/mine"])
    assert all(mistakes(document, VERSIONS[-1]) == [] for document in documents(text))
    head = text.split("---")[0]
    assert "come from their store" in head
    assert "kubectl exec mine-files -- mkdir -p runs\n" in head
    assert "bucket" not in head
    job_file = next(document for document in documents(text) if document["kind"] == "ConfigMap")["data"]["job.yaml"]
    assert yaml.safe_load(job_file)["data"]["shards"] == "s3://bucket/mine"
    # horovodrun gives ranks of other pods its own variables.
    [launcher] = mpi_job(text)["spec"]["mpiReplicaSpecs"]["Launcher"]["template"]["spec"]["containers"]
    assert launcher["envFrom"] == [{"secretRef": {"name": "keys"}}]
    assert "envFrom" not in text_of("default")


def test_text_stays_text_whatever_yaml_reads_it() -> None:
    job = mpi_job(text_of("gpu"))
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "1e3"
    # A number for Kubernetes, but not for PyYAML.
    assert ': "1e3"' in text_of("gpu")
    # Field names and plain words are not quoted, for readability.
    assert "kind: MPIJob" in text_of("gpu")
    hostile = 'runs/a\' && rm -rf $HOME; "b": {c} # d'
    text = manifest(KubernetesOptions(), ["--run", hostile])
    job_file = next(document for document in documents(text) if document["kind"] == "ConfigMap")["data"]["job.yaml"]
    assert yaml.safe_load(job_file)["run"] == hostile
    assert all(mistakes(document, VERSIONS[-1]) == [] for document in documents(text))


def test_the_head_names_the_objects_of_the_file() -> None:
    text = text_of("gpu")
    head = text.split("---")[0]
    assert all(line.startswith("#") for line in head.splitlines())
    named = {f"{document['kind'].lower()}/{document['metadata']['name']}" for document in documents(text)}
    mentioned = set(re.findall(r"(?:mpijob|configmap|pod)/[-\w]+", head))
    assert mentioned == {each for each in named if not each.startswith("persistentvolumeclaim/")}
    # The name of the operator's Job.
    assert "logs -f job/mine-launcher" in head
    # Nothing there deletes the volume, or everything in the file.
    assert "delete -f" not in head
    assert "persistentvolumeclaim" not in head
    # Its first command selects the volume and the files pod.
    selected = [d["kind"] for d in documents(text) if d["metadata"]["labels"]["app.kubernetes.io/component"] == "files"]
    assert selected == ["PersistentVolumeClaim", "Pod"]
    assert "-l app.kubernetes.io/component=files" in head


def test_the_example_settings_write_a_file(tmp_path: Any) -> None:
    out = tmp_path / "job.yaml"
    command = ["launch", "kubernetes", "--settings", "launch/kubernetes.example.yaml", "--workers", "3"]
    finished = run(alone(*command, "--out", str(out), "--", *RUN), ROOT)
    assert (finished.code, finished.out) == (0, "")
    assert [mistakes(document, VERSIONS[-1]) for document in documents(out.read_text(encoding="utf-8"))] == [[]] * 4
    job = mpi_job(out.read_text(encoding="utf-8"))
    assert job["spec"]["mpiReplicaSpecs"]["Worker"]["replicas"] == 3
    assert container(job, "Worker")["image"] == "registry.example.org/ner/ner-dist:cpu"


def test_a_wrong_knob_of_training_leaves_no_file(tmp_path: Any) -> None:
    out = tmp_path / "job.yaml"
    finished = run(alone("launch", "kubernetes", "--out", str(out), "--", "--train.epoch", "3"), ROOT)
    assert finished.code != 0
    assert "epochs" in finished.err
    assert not out.exists()
