"""Two hosts whose network is cut, for a moment or until the job has given up, or of which one is lost."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import namespace_hosts
import pytest
from faults import faulty_disk, report, schedules
from faults.driver import Performance, Training
from faults.schedules import Fault, Schedule
from namespace_hosts import Hosts

pytestmark = [pytest.mark.faults, pytest.mark.ranks]

_NUMBER = max(1, int(os.environ.get("FAULTS_SCHEDULES", "200")) // 16)
# A moment: TCP repeats what it has sent, and nobody notices.
_MOMENT_S, _LONG_S = 0.3, 4.0


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """New ones for each schedule, which may lose one."""
    with namespace_hosts.started(tmp_path / "hosts") as hosts:
        yield hosts


@pytest.mark.parametrize("schedule", [schedules.draw(1000 + i, ("hosts",)) for i in range(_NUMBER)], ids=str)
def test_a_training_outlasts_a_cut_network_and_a_lost_host(
    schedule: Schedule, training: Training, hosts: Hosts, tmp_path: Path
) -> None:
    listed = tmp_path / "list"
    listed.write_text("node1 slots=1\nnode2 slots=1\n")

    def start(train: list[str]) -> list[str]:
        words = ["ssh", "--hosts", str(listed), "--np", "2", "--min-np", "1", "--restarts", "6", "--", *train]
        return hosts.command("node1", [sys.executable, "-m", "launch", *words], tmp_path)

    def network(state: str) -> None:
        hosts.run("node2", ["ip", "link", "set", "eth0", state])

    def cut(fault: Fault) -> bool:
        network("down")
        # The job goes on meanwhile, or does not.
        lasts_s = fault.lasts_s * (_MOMENT_S if fault.kind.endswith("moment") else _LONG_S)
        threading.Thread(target=lambda: (time.sleep(lasts_s), network("up")), daemon=True).start()
        return True

    def lose(fault: Fault) -> bool:
        hosts.stop("node2")
        return True

    faults = {"network cut": cut, "network cut for a moment": cut, "host lost": lose}
    (tmp_path / "disk").mkdir()
    # Mounts of this machine are not seen by hosts that are up.
    disk = faulty_disk.Disk(tmp_path / "disk", mounted=False)
    outcome = Performance(schedule, training, tmp_path, disk, start, faults).perform()
    report.keep(outcome)
    assert outcome.deviations == []
