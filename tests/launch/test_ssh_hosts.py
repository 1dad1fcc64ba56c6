"""Training over ssh between network namespaces: its result, how it ends, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import namespace_hosts
import psutil
import pytest
from namespace_hosts import Hosts
from processes import ROOT, Finished, Job

pytestmark = pytest.mark.hosts

EPOCHS = 6


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Two hosts that share this machine's files."""
    with namespace_hosts.started(tmp_path_factory.mktemp("hosts")) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def list_of_hosts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("list") / "hosts"
    path.write_text("node1 slots=2\n\n# And another.\nnode2 slots=2\n")
    return path


@pytest.fixture(scope="module")
def knobs(synth_shards: Path, tiny_knobs: list[str]) -> list[str]:
    values = {
        "data.shards": synth_shards,
        "optimizer.learning_rate": 0.02,
        "train.batch_sentences": 25,
        "train.epochs": EPOCHS,
        "train.log_steps": 1,
        "train.checkpoint_steps": 5,
        "train.device": "cpu",
    }
    return [*tiny_knobs, *(word for name, value in values.items() for word in (f"--{name}", str(value)))]


@pytest.fixture(scope="module")
def on_one_host(hosts: Hosts, knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of four ranks on one host."""
    path = tmp_path_factory.mktemp("one") / "run"
    finished = launched(hosts, "node1", ["local", "--np", "4", "--", *knobs, "--run", path])
    assert finished.code == 0, finished.err
    return result(path)


def launch(*words: object) -> list[str]:
    return [sys.executable, "-m", "launch", *map(str, words)]


def launched(hosts: Hosts, name: str, words: list[Any], folder: Path = ROOT) -> Finished:
    finished = hosts.run(name, launch(*words), folder)
    assert finished.left == []
    return finished


def result(run: Path) -> dict[str, Any]:
    return json.loads((run / "result.json").read_text())


def steps(run: Path) -> int:
    path = run / "metrics.jsonl"
    return path.read_text().count('"kind": "steps"') if path.exists() else 0


def assert_same_scores(one: dict[str, Any], other: dict[str, Any]) -> None:
    for split in ("dev", "test"):
        assert one[split]["entity"]["right"] > 0
        assert one[split] == other[split]


def launcher(job: Job) -> psutil.Process:
    """The process of `python -m launch`, to which nsenter passes no signals."""
    return next(p for p in job.processes() if p.cmdline()[:3] == [sys.executable, "-m", "launch"])


# --- Training


def test_four_ranks_on_two_hosts_score_as_four_on_one(
    hosts: Hosts, list_of_hosts: Path, knobs: list[str], on_one_host: dict[str, Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    finished = launched(hosts, "node1", ["ssh", "--hosts", list_of_hosts, "--np", "4", "--", *knobs, "--run", run])
    assert finished.code == 0, finished.err
    assert result(run)["num_ranks"] == 4
    assert_same_scores(on_one_host, result(run))
    for rank, name in enumerate(("node1", "node1", "node2", "node2")):
        assert f" on {name}, " in (run / f"rank-{rank}.log").read_text()


def test_fewer_ranks_than_slots_are_that_many_ranks(
    hosts: Hosts, list_of_hosts: Path, knobs: list[str], tmp_path: Path
) -> None:
    # Which horovodrun alone would not do.
    words = [
        "ssh",
        "--hosts",
        list_of_hosts,
        "-np",
        "3",
        "--",
        *knobs,
        "--train.epochs",
        "1",
        "--run",
        tmp_path / "run",
    ]
    finished = launched(hosts, "node1", words)
    assert finished.code == 0, finished.err
    assert result(tmp_path / "run")["num_ranks"] == 3


def test_hosts_without_a_shared_file_system_train_and_resume(
    list_of_hosts: Path, knobs: list[str], on_one_host: dict[str, Any], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["ssh", "--hosts", list_of_hosts, "--", *knobs, "--run", disk / "run"]
    with namespace_hosts.started(tmp_path / "hosts", private=(disk,)) as hosts:
        first, second = (hosts.private(name, disk) / "run" for name in hosts.names)
        finished = launched(hosts, "node1", [*words, "--train.epochs", "2"])
        assert finished.code == 0, finished.err
        assert sorted(path.name for path in second.iterdir()) == ["rank-2.log", "rank-3.log"]
        finished = launched(hosts, "node1", [*words, "--train.resume", "true"])
        assert finished.code == 0, finished.err
        assert_same_scores(on_one_host, result(first))
        assert not (second / "result.json").exists()


def test_a_rank_killed_on_the_other_host_ends_the_job_which_is_restarted(
    hosts: Hosts, list_of_hosts: Path, knobs: list[str], on_one_host: dict[str, Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ["ssh", "--hosts", list_of_hosts, "--restarts", "1", "--", *knobs, "--run", run]
    # Started on node2, so that the checkpoints of rank 0 are checked on node1 by ssh.
    with Job(hosts.command("node2", launch(*words)), ROOT) as job:
        job.wait_until(lambda: steps(run) > 20)
        rank = job.rank(3)
        assert rank.pid in {process.pid for process in hosts.processes("node2")}
        rank.kill()
        finished = job.wait()
    assert (finished.code, finished.left) == (0, []), finished.err
    own = [line for line in finished.err.splitlines() if line.startswith("launch: ")]
    assert len(own) == 2, finished.err
    assert own[0].startswith("launch: rank 3 on node2 failed first, with code 137: killed by signal 9 (SIGKILL)")
    assert own[1] == "launch: restarting from the last checkpoint, 1 of 1"
    assert "Traceback" not in finished.err
    assert "continuing after" in (run / "rank-3.log").read_text()
    assert_same_scores(on_one_host, result(run))


def test_a_job_goes_on_with_fewer_ranks_while_a_host_is_away(
    list_of_hosts: Path, knobs: list[str], on_one_host: dict[str, Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ["ssh", "--hosts", list_of_hosts, "--restarts", "1", "--min-np", "2", "--", *knobs, "--run", run]
    net = tmp_path / "hosts"
    with namespace_hosts.started(net) as hosts, Job(hosts.command("node1", launch(*words)), ROOT, 300) as job:
        job.wait_until(lambda: steps(run) > 20)
        hosts.stop("node2")
        finished = job.wait()
    assert finished.code == 0, finished.err
    own = [line for line in finished.err.splitlines() if line.startswith("launch: ")]
    assert re.match(
        r"launch: rank [23] on node2 failed first, with code 255: the connection to its host was lost", own[0]
    )
    assert own[1:] == ["launch: restarting from the last checkpoint, 1 of 1"]
    assert result(run)["num_ranks"] == 2
    assert_same_scores(on_one_host, result(run))


# --- Ends


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ending_the_launcher_ends_all_ranks(
    hosts: Hosts, list_of_hosts: Path, knobs: list[str], tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    words = ["ssh", "--hosts", list_of_hosts, "--restarts", "3", "--", *knobs, "--train.epochs", "1000", "--run", run]
    with Job(hosts.command("node1", launch(*words), WANDB_API_KEY="pa55 word"), ROOT) as job:
        job.wait_until(lambda: steps(run) > 20)
        assert_ranks_alone_have_the_secret(job, hosts)
        launcher(job).send_signal(number)
        finished = job.wait()
    # The command timeout may end like its child, or with 128 + 9.
    assert finished.code in (128 + number, -signal.SIGKILL)
    assert finished.left == []
    assert [hosts.processes(name) for name in hosts.names] == [[], []]
    if number != signal.SIGKILL:
        (own,) = (line for line in finished.err.splitlines() if f"--run {run} --train.resume true" in line)
        assert own.startswith(f"launch: {number.name} has ended the run after "), finished.err


def assert_ranks_alone_have_the_secret(job: Job, hosts: Hosts) -> None:
    processes = [*job.processes(), *(process for name in hosts.names for process in hosts.processes(name))]
    assert not [process for process in processes if "pa55" in " ".join(process.cmdline()) and not ours(process)]
    for rank in (0, 3):
        assert job.rank(rank).environ()["WANDB_API_KEY"] == "pa55 word"


def ours(process: psutil.Process) -> bool:
    """Whether it is the test's own way onto a host."""
    return process.name() in ("timeout", "nsenter", "env")


def test_ranks_that_are_all_elsewhere_notice_that_their_launcher_is_gone(
    hosts: Hosts, knobs: list[str], tmp_path: Path
) -> None:
    (tmp_path / "hosts").write_text("node2 slots=2\n")
    run = tmp_path / "run"
    # Epochs so long that nothing is printed meanwhile; writing would fail and so end the ranks.
    slow = ["--train.batch_sentences", "1", "--train.epochs", "100", "--run", run]
    words = ["ssh", "--hosts", tmp_path / "hosts", "--", *knobs, *slow]
    with Job(hosts.command("node1", launch(*words)), ROOT) as job:
        job.wait_until(lambda: steps(run) > 20)
        for process in job.processes():
            if process.name() == "ssh":
                process.kill()
        finished = job.wait()
    assert finished.code not in (0, 124)
    assert finished.left == []
    for rank in range(2):
        assert "the launcher of this rank is gone" in (run / f"rank-{rank}.log").read_text()


# --- Refused before anything starts


def test_whatever_is_wrong_with_hosts_is_listed_before_anything_starts(
    knobs: list[str], synth_shards: Path, tmp_path: Path
) -> None:
    disk, run = tmp_path / "disk", tmp_path / "run"
    disk.mkdir()
    project = disk / "project"
    (tmp_path / "hosts").write_text("node1 slots=1\nnode2 slots=1\nnode3 slots=1\nnode4 slots=1\nnode9 slots=1\n")
    with namespace_hosts.started(tmp_path / "net", num_hosts=4, private=(disk,)) as hosts:
        for name in ("node1", "node3"):
            own = hosts.private(name, disk) / "project"
            for room in ("launch", "ner_dist", "job"):
                shutil.copytree(ROOT / room, own / room, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copytree(synth_shards, own / "shards")
        other = hosts.private("node3", disk) / "project"
        with (other / "ner_dist" / "config" / "knobs.py").open("a") as file:
            file.write("# Another.\n")
        shutil.rmtree(other / "shards")
        hosts.stop("node4")
        words = ["ssh", "--hosts", tmp_path / "hosts", "--", *knobs, "--data.shards", "shards", "--run", run]
        finished = launched(hosts, "node1", words, project)
    assert finished.code == 1
    first, *problems = finished.err.splitlines()
    assert first == "error: the job was not started:"
    assert [line.strip().split(" (")[0] for line in problems] == [
        f"node2: it has no directory {project}; copy this one to the same path there, or use a shared file system",
        "node3: its code of ner_dist or launch differs from that here; bring both to the same commit",
        "node3: it has no shards in shards; copy them there, or use a directory that all hosts share",
        "node4: ssh cannot reach it without asking a question",
        "node9: its name does not resolve on this machine; correct the list of hosts, or add the name to /etc/hosts",
    ]
    assert not run.exists()


def test_a_host_whose_own_name_is_loopback_is_refused_and_its_advice_helps(
    list_of_hosts: Path, knobs: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ["ssh", "--hosts", list_of_hosts, "--", *knobs, "--train.epochs", "1", "--run", run]
    with namespace_hosts.started(tmp_path / "hosts", own_name_is_loopback=True) as hosts:
        finished = launched(hosts, "node1", words)
        assert finished.code == 1
        for name in hosts.names:
            assert f"{name}: its own name {name} is 127.0.1.1 there" in finished.err
            address = hosts.addresses[name]
            lines = hosts.hosts_file(name).read_text().replace("127.0.1.1", address)
            hosts.hosts_file(name).write_text(lines)
        assert f"change that line of its /etc/hosts to `{hosts.addresses['node2']} node2`" in finished.err
        finished = launched(hosts, "node1", words)
    assert finished.code == 0, finished.err
