"""The seats of a job: the connections of seat.py to this machine, as starters of ranks."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge

from launch.job.seats.seat import ERRORS, HANDSHAKE_S, ORDERS, OUTPUT, set_patience
from launch.remote_hosts.host_facts import HostFacts, facts_of
from launch.remote_hosts.preflight import OTHER_CODE
from launch.remote_hosts.ssh_client import NO_CONNECTION

# Bytes of what a seat says of its host.
_LONGEST = 1 << 16
_PAUSE_S = 0.1


class Seat:
    """One that is complete; its starter is waiting for an order. The face of a Popen, for JobRanks."""

    def __init__(self, channels: dict[str, socket.socket], facts: HostFacts, said: dict[str, object]) -> None:
        self.stdin, self.stdout, self.stderr = (channels[name] for name in (ORDERS, OUTPUT, ERRORS))
        self.facts = facts
        self.sees_run = bool(said["sees_run"])
        # CUDA_VISIBLE_DEVICES of the task.
        self.gpus = str(said["gpus"])
        self.address = str(self.stdin.getpeername()[0])

    def wait(self) -> int:
        """The rank's exit code; NO_CONNECTION if the host is gone, or the cluster took the seat back."""
        written = b""
        with contextlib.suppress(OSError):
            while block := self.stdin.recv(64):
                written += block
        return int(written) if written.strip().isdigit() else NO_CONNECTION

    def kill(self) -> None:
        """Cut the connection; the seat, if it is still there, ends its rank."""
        for channel in (self.stdin, self.stdout, self.stderr):
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)


class SeatServer:
    """Where seats of this job, and nobody else, connect."""

    def __init__(self, address: str) -> None:
        """address: of this machine. Raises OSError if it is not one."""
        self._listener = socket.create_server((address, 0), backlog=1024)
        self.port = int(self._listener.getsockname()[1])
        self.key = secrets.token_hex(32)
        self._channels: dict[int, dict[str, socket.socket]] = {}
        # By number; of each number the first.
        self.seats: dict[int, Seat] = {}
        # Why a host of this job cannot have a seat; empty as long as none is known.
        self.problem = ""
        self._lock = threading.Lock()
        self._is_closed = False
        threading.Thread(target=self._accept, name="seats", daemon=True).start()

    def close(self) -> None:
        """Take no more, so that a task that the cluster repeats ends at once."""
        self._is_closed = True
        with contextlib.suppress(OSError):
            # Closing alone would not wake the thread.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def dismiss(self) -> None:
        """Let all seats end that are still there, with their ranks."""
        self.close()
        for seat in list(self.seats.values()):
            seat.kill()

    def _accept(self) -> None:
        while True:
            try:
                connection, (address, _) = self._listener.accept()
            except OSError:
                if self._is_closed:
                    return
                # There are too many open files for the moment.
                time.sleep(_PAUSE_S)
                continue
            threading.Thread(target=self._greet, args=(connection, address), daemon=True).start()

    def _greet(self, connection: socket.socket, address: str) -> None:
        key = bytes.fromhex(self.key)
        try:
            set_patience(connection, HANDSHAKE_S)
            with contextlib.closing(Connection(os.dup(connection.fileno()))) as messages:
                deliver_challenge(messages, key)
                answer_challenge(messages, key)
                said = json.loads(messages.recv_bytes(_LONGEST))
            set_patience(connection, 0)
        except (OSError, EOFError, ValueError, AuthenticationError):
            # A stranger, or a host that is gone already.
            connection.close()
            return
        facts = facts_of(said["facts"])
        if facts is None:
            self.problem = f"{address}: {OTHER_CODE.found}; {OTHER_CODE.advice}"
            connection.close()
            return
        with self._lock:
            number, channel = said["number"], said["channel"]
            channels = self._channels.setdefault(number, {})
            if number in self.seats or channel in channels:
                connection.close()
                return
            channels[channel] = connection
            if len(channels) == len((ORDERS, OUTPUT, ERRORS)):
                self.seats[number] = Seat(channels, facts, said)
