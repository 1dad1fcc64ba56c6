"""The MPIJob's own commands on real hosts, with the hostfile that the operator writes."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import namespace_hosts
import pytest
import yaml
from namespace_hosts import Hosts
from processes import ROOT, Job, alone, run

from launch.job.training_command import check_training
from launch.launchers.kubernetes.manifest import KubernetesOptions, manifest

pytestmark = pytest.mark.hosts

WORKERS = ["mine-worker-0", "mine-worker-1"]


class Cluster:
    """A namespace host for each pod, the last for the launcher, with what the operator would mount."""

    def __init__(self, hosts: Hosts, folder: Path, text: str) -> None:
        self.hosts, self.folder = hosts, folder
        objects = {document["kind"]: document for document in yaml.safe_load_all(text)}
        self.spec = objects["MPIJob"]["spec"]
        self.launcher = hosts.names[-1]
        # The pods' names in the operator's Service.
        names = dict(zip(hosts.names, [f"{name}.mine-worker.ner.svc" for name in [*WORKERS, "mine-launcher"]]))
        lines = "".join(f"{hosts.addresses[host]} {name}\n" for host, name in names.items())
        for host in hosts.names:
            with hosts.hosts_file(host).open("a") as file:
                file.write(lines)
        slots = self.spec["slotsPerWorker"]
        self.hostfile = folder / "hostfile"
        # The operator's format for OpenMPI.
        self.hostfile.write_text("".join(f"{names[host]} slots={slots}\n" for host in hosts.names[:-1]))
        self.job_file = folder / "job.yaml"
        self.job_file.write_text(objects["ConfigMap"]["data"]["job.yaml"])
        self.keys = folder / "keys"
        self.keys.mkdir()
        key = self.keys / "id_rsa"
        kind = ["-t", "ecdsa", "-b", "521", "-m", "PEM"]
        subprocess.run(["ssh-keygen", "-q", *kind, "-N", "", "-f", key], check=True)
        (self.keys / "authorized_keys").write_text((self.keys / "id_rsa.pub").read_text())
        self.sshd = folder / "sshd.conf"
        self.sshd.write_text(self.here((ROOT / "launch/container/sshd.conf").read_text()))
        settings = (ROOT / "launch/container/ssh.conf").read_text()
        for host in hosts.names:
            hosts.ssh_config(host).write_text(f"{settings}IdentityFile {key}\n")

    def here(self, word: str) -> str:
        """A word of the manifest, with the pods' paths as they are on this machine."""
        places = {
            "/opt/ner-dist/launch/container/sshd.conf": getattr(self, "sshd", ""),
            self.spec["sshAuthMountPath"]: self.keys,
            "/etc/mpi/hostfile": self.hostfile,
            "/etc/ner-dist/job.yaml": self.job_file,
        }
        for there, here in places.items():
            word = word.replace(there, str(here))
        return word

    def command(self, host: str, role: str) -> list[str]:
        """What the container of a role runs, on a host."""
        container = self.spec["mpiReplicaSpecs"][role]["template"]["spec"]["containers"][0]
        variables = {each["name"]: each["value"] for each in container.get("env", [])}
        # The environment's programs come first, as in the image.
        variables["PATH"] = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
        command = [self.here(word) for word in container["command"]]
        return self.hosts.command(host, command, self.folder / "volume", **variables)


@pytest.fixture(scope="module")
def knobs(tiny_knobs: list[str]) -> list[str]:
    values = {"data.shards": "data/shards", "train.epochs": 2, "train.log_steps": 1, "run": "runs/mine"}
    return [*tiny_knobs, *(word for name, value in values.items() for word in (f"--{name}", str(value)))]


@pytest.fixture(scope="module")
def cluster(knobs: list[str], synth_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("pods")
    # The volume, in which ranks run.
    (folder / "volume" / "data").mkdir(parents=True)
    (folder / "volume" / "data" / "shards").symlink_to(synth_shards)
    text = manifest(KubernetesOptions(namespace="ner"), check_training(knobs))
    with namespace_hosts.started(folder / "hosts", num_hosts=3) as hosts:
        cluster = Cluster(hosts, folder, text)
        with contextlib.ExitStack() as workers:
            for host in hosts.names[:-1]:
                workers.enter_context(Job(cluster.command(host, "Worker"), folder / "volume"))
            yield cluster


def result(path: Path) -> dict[str, Any]:
    return json.loads((path / "result.json").read_text())


def test_the_job_trains_on_the_workers_as_on_one_machine(cluster: Cluster, knobs: list[str], tmp_path: Path) -> None:
    volume = cluster.folder / "volume"
    finished = run(cluster.command(cluster.launcher, "Launcher"), volume, 120)
    assert finished.code == 0, finished.out + finished.err
    command = [str(Path(sys.executable).parent / "horovodrun"), "-np", "4", *alone("ner_dist.train", *knobs)]
    assert run([*command, "--run", str(tmp_path / "one")], volume, 120).code == 0
    mine, one = result(volume / "runs" / "mine"), result(tmp_path / "one")
    assert mine["test"] == one["test"]
