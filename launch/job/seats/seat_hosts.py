"""The hosts of a job's seats: which ranks share one, and whether they can train together."""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from launch.job.seats.seat_server import Seat
from launch.launch_errors import LaunchError
from launch.remote_hosts.host_facts import gather
from launch.remote_hosts.preflight import differences
from launch.remote_hosts.ssh_client import is_here
from ner_dist.stores.addresses import is_address


@contextlib.contextmanager
def shared_probe(run: str) -> Iterator[str]:
    """A file beside the run while hosts look for it: the path, or nothing for a run in a store.

    Raises LaunchError if it cannot be written.
    """
    if is_address(run):
        yield ""
        return
    folder = Path(run).absolute().parent
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    probe = folder / f".launch-{secrets.token_hex(8)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
    except OSError as error:
        raise LaunchError(
            f"{folder}: cannot be written ({error.strerror}), and the run {run} is to be there"
        ) from error
    try:
        yield str(probe)
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
            for path in made:
                # Not if the run is there already.
                path.rmdir()


def arrange(seats: list[Seat]) -> dict[str, list[Seat]]:
    """The seats of each host, by its name, or by its address if several have that name; this machine comes first."""
    places: dict[tuple[str, str], list[Seat]] = {}
    for seat in seats:
        places.setdefault((seat.facts.name, seat.address), []).append(seat)
    names = Counter(name for name, _ in places)
    # Rank 0 writes the run, best where it is looked for.
    in_order = sorted(places.items(), key=lambda place: not is_here(place[0][1]))
    return {name if names[name] == 1 else address: own for (name, address), own in in_order}


def check(hosts: dict[str, list[Seat]], shards: str, run: str) -> None:
    """Raises LaunchError with everything that differs between the hosts and this machine, or that they lack."""
    here = gather(shards)
    found = [
        f"{name}: {problem.found}; {problem.advice}"
        for name, (seat, *_) in hosts.items()
        for problem in differences(seat.facts, here, seat.address, shards, len(hosts) > 1)
    ]
    first = next(iter(hosts))
    if not hosts[first][0].sees_run:
        folder = Path(run).absolute().parent
        found.append(
            f"{first}: it does not share {folder} with this machine, which looks there for the run of rank 0; use a "
            "directory that all hosts share, or an address of a store: --run s3://BUCKET/NAME"
        )
    if found:
        raise LaunchError("the job was not started:\n" + "\n".join(f"  {line}" for line in found))
