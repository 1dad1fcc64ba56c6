"""Which hosts a job is restarted on, when one of them may be gone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from launch.launch_errors import LaunchError
from launch.remote_hosts.hostfile import Host, allot
from launch.remote_hosts.ssh_client import is_here, on_host

_AT_ONCE = 32
_CHECKPOINT = "checkpoints/last/state.json"


def hosts_for_restart(listed: list[Host], num_ranks: int, least: int, run: Path | None) -> list[Host]:
    """The hosts that answer, filled in order with up to num_ranks ranks.

    run: the one to go on with, None if it has no checkpoint. Raises LaunchError if there is room for fewer ranks than
    the least, or if the checkpoint is on no host that answers.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(lambda host: _has_checkpoint(host.name, run), listed))
    there = [host for host, answer in zip(listed, answers) if answer is not None]
    away = ", ".join(host.name for host, answer in zip(listed, answers) if answer is None)
    room = sum(host.slots for host in there)
    if room < least:
        allowed = f", and --min-np is {least}" if least < num_ranks else f", and the job has {num_ranks}"
        raise LaunchError(f"{away} cannot be reached; the other hosts have room for {room} ranks{allowed}")
    # Rank 0 reads the checkpoint. A host that has none shares no file system with the one that wrote it.
    if run is not None and away and True not in answers:
        raise LaunchError(f"{away} cannot be reached, and no other host has {run / _CHECKPOINT}")
    there.sort(key=lambda host: not answers[listed.index(host)])
    return allot(there, min(num_ranks, room))


def _has_checkpoint(host: str, run: Path | None) -> bool | None:
    """Whether a host has a checkpoint of the run; None if it cannot be reached."""
    place = Path.cwd() / (run or "") / _CHECKPOINT
    if is_here(host):
        return place.exists()
    answer = on_host(host, ["sh", "-c", 'test -e "$1" && echo yes || echo no', "sh", str(place)], timeout_s=20)
    # A login script may print lines before it.
    return answer.stdout.split()[-1] == "yes" if answer.returncode == 0 and answer.stdout.split() else None
