"""Where ranks find each other: Horovod's rendezvous server, on which they also leave why they failed."""

from __future__ import annotations

import threading

from horovod.runner.common.util.hosts import HostInfo, SlotInfo, get_host_assignments
from horovod.runner.gloo_run import create_slot_env_vars
from horovod.runner.http.http_server import RendezvousHandler, RendezvousHTTPServer, RendezvousServer
from horovod.runner.util.network import find_port

from ner_dist.ranks.board import Board, Failure

LOOPBACK = "127.0.0.1"
# For all ranks alike.
_ADDED = {"PYTHONUNBUFFERED": "1", "HOROVOD_CONTROLLER": "gloo", "HOROVOD_CPU_OPERATIONS": "gloo"}
_ANY_RANK = 1 << 30


class Rendezvous(RendezvousServer):
    """Listens at one address of this machine, or at all of them if it is empty."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def start(self, handler: type = RendezvousHandler) -> int:
        self._httpd, port = find_port(
            lambda found: RendezvousHTTPServer((self._address, found[1]), handler, self._verbose)
        )
        self._listen_thread = threading.Thread(target=self._httpd.serve_forever, args=(0.1,), daemon=True)
        self._listen_thread.start()
        return int(port)

    def first_failure(self) -> Failure | None:
        """What a failing rank has left here, for all to read."""
        port = self._httpd.server_address[1]
        return Board(self._address or LOOPBACK, port, 0, _ANY_RANK).first_failure()


def slots_on(hosts: dict[str, int]) -> list[SlotInfo]:
    """The ranks of hosts, by name and number of ranks, in order: each with its host and its number there."""
    num_ranks = sum(hosts.values())
    found: list[SlotInfo] = get_host_assignments([HostInfo(*host) for host in hosts.items()], num_ranks, num_ranks)
    return found


def rank_variables(slot: SlotInfo, address: str, port: int) -> dict[str, str]:
    """What makes a process a rank. address, port: of the rendezvous, as the rank's host knows it."""
    return {
        **_ADDED,
        **create_slot_env_vars(slot),
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": address,
        "HOROVOD_GLOO_RENDEZVOUS_PORT": str(port),
    }
