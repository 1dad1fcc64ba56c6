"""Jobs whose ranks are tasks of a cluster, which here is this machine; small programs are the ranks."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest
from idle_ranks import RANK, IdleRanks
from processes import DRIVERS, Finished, alone

from launch.job.seats.seated_request import SeatedRequest

SECRET = "pa55 word's"


def request(folder: Path, fault: str, wait_s: float) -> str:
    options = {"fault": fault}
    places = [str(folder / "shards"), str(folder / "runs" / "mine")]
    return json.dumps(SeatedRequest(2, 1, 0, options, "", wait_s, 5.0, 0.0, *places, places)._asdict())


class Ranks(IdleRanks):
    def __init__(
        self, folder: Path, does: str = "wait", fault: str = "", wait_s: float = 60.0, **variables: str
    ) -> None:
        (folder / "shards").mkdir()
        (folder / "shards" / "index.json").write_text("{}")
        words = [request(folder, fault, wait_s), sys.executable, "-c", RANK, does]
        super().__init__(folder, alone(DRIVERS / "local_cluster.py", *words), **variables)

    def seat(self, rank: int) -> psutil.Process:
        starter = self.process(rank).parent()
        assert starter is not None
        seat = starter.parent()
        assert seat is not None
        return seat


def refused(folder: Path, fault: str, wait_s: float = 60.0) -> Finished:
    with Ranks(folder, "wait", fault, wait_s) as job:
        finished = job.wait()
    assert (finished.code, finished.left) == (1, [])
    # Not even the folder of the run is left.
    assert sorted(path.name for path in folder.iterdir()) == ["shards"]
    return finished


def last(finished: Finished) -> str:
    return finished.err.splitlines()[-1]


def test_ranks_get_what_is_theirs_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    with Ranks(tmp_path, "tell", NER_SECRET=SECRET, A_SECRET="of the task", OMP_NUM_THREADS="1") as job:
        job.wait_for_ranks()
        lines = [" ".join(process.cmdline()) for process in job.processes()]
        seats = {job.seat(rank).environ()["HOME"] for rank in range(2)}
        variables = job.process(1).environ()
        job.go(0)
        job.go(1)
        finished = job.wait()
    assert (finished.code, finished.err, finished.left) == (0, "", [])
    told = [f"[{rank}]<stdout>:{rank} 2 of the task lo" for rank in range(2)]
    assert sorted(finished.out.splitlines()) == [*told, "left the cluster"]
    assert len(lines) >= 7
    assert not [line for line in lines if "pa55" in line]
    assert seats == {os.environ["HOME"]}
    assert variables["NER_SECRET"] == SECRET
    assert (variables["HOROVOD_LOCAL_RANK"], variables["HOROVOD_LOCAL_SIZE"], variables["OMP_NUM_THREADS"]) == (
        *("1", "2"),
        "1",
    )


def test_the_first_error_is_the_last_line(tmp_path: Path) -> None:
    with Ranks(tmp_path) as job:
        job.wait_for_ranks()
        culprit = job.process(1)
        job.go(1, "careful\nerror: shard 3 is truncated; rebuild it\n")
        job.wait_until(lambda: not culprit.is_running())
        job.go(0, "error: another rank is gone\n")
        finished = job.wait()
    assert (finished.code, finished.left) == (1, [])
    assert finished.err.splitlines() == [
        "[1]<stderr>:careful",
        f"launch: rank 1 on {socket.gethostname()} failed first, with code 1: shard 3 is truncated; rebuild it",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_ranks_as_it_is(tmp_path: Path, number: signal.Signals) -> None:
    with Ranks(tmp_path) as job:
        job.wait_for_ranks()
        job.signal(number)
        finished = job.wait()
    assert (finished.code, finished.left) == (128 + number, [])
    assert job.got() == [number.name] * 2


def test_a_rank_that_is_killed_ends_the_job(tmp_path: Path) -> None:
    with Ranks(tmp_path) as job:
        job.wait_for_ranks()
        seat = job.seat(1)
        job.process(1).kill()
        # So that this is known before the other gives up.
        job.wait_until(lambda: not seat.is_running())
        job.go(0, "error: another rank is gone\n")
        finished = job.wait()
    assert (finished.code, finished.left) == (137, [])
    assert "rank 1 on" in last(finished)
    assert "killed by signal 9" in last(finished)


def test_a_seat_that_is_killed_is_a_lost_connection_and_its_rank_may_save(tmp_path: Path) -> None:
    with Ranks(tmp_path) as job:
        job.wait_for_ranks()
        job.seat(1).kill()
        job.wait_until(lambda: job.got() == ["SIGTERM"])
        job.go(0, "error: another rank is gone\n")
        finished = job.wait()
    assert (finished.code, finished.left) == (255, [])
    assert last(finished).endswith("with code 255: the connection to its host was lost")


def test_ranks_end_when_the_launcher_is_killed(tmp_path: Path) -> None:
    with Ranks(tmp_path) as job:
        job.wait_for_ranks()
        next(p for p in job.processes() if "local_cluster.py" in " ".join(p.cmdline()[:2])).kill()
        finished = job.wait()
    assert finished.left == []
    assert job.got() == ["SIGTERM"] * 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("no cluster", "no cluster answers"),
        ("no python", "/no/python cannot be used there (No such file or directory); each host needs the project"),
        ("wrong key", "the launcher cannot be reached at 127.0.0.1:"),
    ],
)
def test_what_keeps_a_seat_away_is_said(tmp_path: Path, fault: str, words: str) -> None:
    assert words in last(refused(tmp_path, fault))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("no shards", "it has no shards in {0}/shards; copy them there"),
        ("own disk", "it does not share {0}/runs with this machine, which looks there for the run of rank 0"),
    ],
)
def test_hosts_must_be_alike_and_share_the_folder_of_the_run(tmp_path: Path, fault: str, words: str) -> None:
    finished = refused(tmp_path, fault)
    assert finished.err.splitlines()[0] == "launch: the job ended with code 1: the job was not started:"
    assert last(finished).startswith(f"  {socket.gethostname()}: {words.format(tmp_path)}")


def test_too_little_room_is_said_and_waited_for_in_vain(tmp_path: Path) -> None:
    lines = refused(tmp_path, "no room", 0.5).err.splitlines()
    assert lines[0] == "launch: waiting for room for 2 ranks, 1 CPU each; the cluster has 1 CPU"
    assert "within 0.5 s there was no room for 2 ranks, 1 CPU each; use a smaller --np, or wait longer" in lines[-1]


def test_a_signal_ends_the_wait_for_room(tmp_path: Path) -> None:
    with Ranks(tmp_path, fault="no room", wait_s=600) as job:
        job.wait_until(lambda: any("launch.job.seats.seat" in " ".join(p.cmdline()) for p in job.processes()))
        job.signal(signal.SIGINT)
        finished = job.wait()
    assert (finished.code, finished.left) == (130, [])
    assert last(finished) == "launch: the job ended with code 130: SIGINT"
