"""Runs on a host of a user's cluster, as a task there: holds the place of one rank until the launcher starts it.

`python -m launch.job.seats.seat` reads a ticket as a line of JSON from its standard input, tells the launcher what host
this is, and gives the launcher's connections to launch.job.rank_starter, in place of the pipes that it has on other
hosts. It ends the rank when the launcher is gone, or when its standard input ends, because then the cluster wants the
place back.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path
from typing import IO, Any, NamedTuple

from launch.remote_hosts.host_facts import gather
from launch.remote_hosts.ssh_client import NO_CONNECTION

# The connections of a seat: orders to it, and at the end the rank's exit code; what the rank writes.
ORDERS, OUTPUT, ERRORS = "orders", "output", "errors"
HANDSHAKE_S = 30
# A host that is gone, or cut off, is noticed after a minute.
_IDLE_S, _PROBES = 15, 3


class Ticket(NamedTuple):
    """What a seat is told. It holds the key and what may be secret, so it is on no command line."""

    number: int
    # Of the launcher, as the cluster's hosts know it.
    address: str
    port: int
    # Proves that both belong to the same job; hexadecimal.
    key: str
    # A file that hosts see with which the launcher shares the folder of the run; empty for a run in a store.
    probe: str
    # The directory of the shards.
    shards: str
    # For the rank, besides the variables that the cluster gives its tasks.
    environment: dict[str, str]

    def as_line(self) -> str:
        return json.dumps(self._asdict()) + "\n"


def set_patience(connection: socket.socket, seconds: int) -> None:
    """Seconds to wait for the other end to say or take something; 0: for as long as its host answers."""
    limit = struct.pack("ll", seconds, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, _IDLE_S),
        (socket.TCP_KEEPINTVL, _IDLE_S),
        (socket.TCP_KEEPCNT, _PROBES),
    ):
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _connect(ticket: Ticket, channel: str, facts: dict[str, Any]) -> socket.socket:
    """Raises OSError, or AuthenticationError if what listens there is not this job's launcher."""
    connection = socket.create_connection((ticket.address, ticket.port), timeout=HANDSHAKE_S)
    connection.settimeout(None)
    set_patience(connection, HANDSHAKE_S)
    with contextlib.closing(Connection(os.dup(connection.fileno()))) as messages:
        answer_challenge(messages, bytes.fromhex(ticket.key))
        deliver_challenge(messages, bytes.fromhex(ticket.key))
        messages.send_bytes(json.dumps({"number": ticket.number, "channel": channel, **facts}).encode())
    set_patience(connection, 0)
    return connection


def _hold(ticket: Ticket) -> None:
    """Until the rank has ended. Raises OSError and AuthenticationError as above."""
    facts = {
        "facts": gather(ticket.shards)._asdict(),
        "sees_run": not ticket.probe or Path(ticket.probe).exists(),
        "gpus": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
    }
    orders, output, errors = (_connect(ticket, channel, facts) for channel in (ORDERS, OUTPUT, ERRORS))
    starter = subprocess.Popen(
        [sys.executable, "-m", "launch.job.rank_starter"],
        env={**os.environ, **ticket.environment},
        stdin=subprocess.PIPE,
        stdout=output.fileno(),
        stderr=errors.fileno(),
    )
    output.close()
    errors.close()
    assert starter.stdin is not None
    taken_back = threading.Event()
    threading.Thread(target=_pass_on, args=(orders, starter.stdin), daemon=True).start()
    threading.Thread(target=_watch, args=(starter.stdin, taken_back), daemon=True).start()
    code = starter.wait()
    with contextlib.suppress(OSError):
        orders.sendall(b"%d\n" % (NO_CONNECTION if taken_back.is_set() else code))
    orders.close()


def _pass_on(orders: socket.socket, starter: IO[bytes]) -> None:
    with contextlib.suppress(OSError, ValueError):
        while block := orders.recv(1 << 16):
            os.write(starter.fileno(), block)
    _end(starter)


def _watch(starter: IO[bytes], taken_back: threading.Event) -> None:
    """Until the task of the cluster is gone, in which this process was started."""
    sys.stdin.buffer.read()
    taken_back.set()
    _end(starter)


def _end(starter: IO[bytes]) -> None:
    """It asks the rank to end when it hears nothing more from here."""
    with contextlib.suppress(OSError, ValueError):
        starter.close()


def main() -> int:
    ticket = Ticket(**json.loads(sys.stdin.buffer.readline()))
    try:
        _hold(ticket)
    except (OSError, EOFError, AuthenticationError) as error:
        place = f"{ticket.address}:{ticket.port}"
        print(f"the launcher cannot be reached at {place} ({error})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    _code = main()
    sys.stderr.flush()
    # At once: a thread waits for standard input.
    os._exit(_code)
