"""A job whose ranks run as tasks of a user's cluster: it asks for seats, looks at their hosts, and starts the ranks.

Everything after that is as on other hosts: the same starters, the same orders to them, the same end.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol

from launch.job.job_end import JobEnd
from launch.job.job_process import catch_signals, end_of, leave, run_and_tell, watch_signals
from launch.job.job_ranks import MARGIN_S, JobRanks
from launch.job.passed_variables import passed_variables
from launch.job.rank_starter import RankOrder, interface_variables
from launch.job.rendezvous import Rendezvous, rank_variables, slots_on
from launch.job.seats.seat import Ticket
from launch.job.seats.seat_hosts import arrange, check, shared_probe
from launch.job.seats.seat_server import Seat, SeatServer
from launch.job.seats.seated_request import SeatedRequest
from launch.launch_errors import LaunchError

_POLL_S = 0.1
# After so long, what is waited for is said; and a cluster may take so long to let this process go.
_PATIENCE_S, _CLOSE_S = 10.0, 10.0


class Cluster(Protocol):
    """A kind of cluster. Its calls may take long, and are made in a thread of their own."""

    def connect(self) -> str:
        """Enter it; returns the address by which its hosts know this machine. Raises LaunchError."""

    def place(self, lines: list[str]) -> None:
        """Ask it to run launch.job.seats.seat_task once for each line, all at the same time. Returns at once."""

    def problem(self) -> str:
        """Why seats will not come, or have ended; empty as long as none is known."""

    def room(self) -> str:
        """For a user who waits: what there is, and what is free."""

    def close(self) -> None:
        """Leave it, and give everything back."""


def main(words: list[str], kind: Callable[[SeatedRequest], Cluster]) -> None:
    """Run the job of a command line: a SeatedRequest as JSON, and the command of a rank. Does not return."""
    request = SeatedRequest(**json.loads(words[0]))
    leave(run_and_tell(lambda _: _SeatedJob(request, kind(request)).run(words[1:]), "launch"))


class _SeatedJob:
    def __init__(self, request: SeatedRequest, cluster: Cluster) -> None:
        self._request, self._cluster = request, cluster
        self._seats: dict[int, Seat] = {}
        self._ranks = JobRanks(request.grace_s + MARGIN_S, seats=self._seats)
        self._address = ""
        self._server: SeatServer | None = None
        self._problem = ""

    def run(self, command: list[str]) -> JobEnd | None:
        watch_signals(self._ranks.ask)
        try:
            with shared_probe(self._request.run) as probe:
                threading.Thread(target=self._place, args=(probe, command), daemon=True).start()
                seats = self._wait_for_seats()
            if self._ranks.asked is not None:
                return end_of(self._ranks, [], None)
            return self._on(seats, command)
        finally:
            if self._server is not None:
                # Of ranks that were never started.
                self._server.dismiss()
            closing = threading.Thread(target=self._cluster.close, daemon=True)
            closing.start()
            closing.join(_CLOSE_S)

    def _place(self, probe: str, command: list[str]) -> None:
        """In a thread, because signals must end this process whatever it waits for."""
        try:
            self._address = self._cluster.connect()
            self._server = server = SeatServer(self._address)
            environment = passed_variables(dict(os.environ), [*command, *self._request.places])
            key, shards = server.key, self._request.shards
            tickets = [
                Ticket(number, self._address, server.port, key, probe, shards, environment)
                for number in range(self._request.num_ranks)
            ]
            self._cluster.place([ticket.as_line() for ticket in tickets])
        except Exception as error:
            self._problem = str(error) or type(error).__name__

    def _wait_for_seats(self) -> list[Seat]:
        """All of them; none after a signal. Raises LaunchError if they do not come."""
        num_ranks, wait_s = self._request.num_ranks, self._request.wait_s
        began_s, is_said = time.monotonic(), False
        while self._ranks.asked is None:
            # Ray sets a handler of its own, in C.
            catch_signals()
            server = self._server
            if server is not None and len(server.seats) == num_ranks:
                server.close()
                return [server.seats[number] for number in range(num_ranks)]
            if problem := self._problem or (server is not None and (server.problem or self._cluster.problem())):
                raise LaunchError(str(problem))
            waited_s = time.monotonic() - began_s
            if waited_s > min(_PATIENCE_S, wait_s) and not is_said:
                is_said = True
                room = self._cluster.room() if server is not None else "the cluster has not answered yet"
                _say(f"waiting for room for {num_ranks} ranks, {self._needs()} each; {room}")
            if waited_s > wait_s:
                short = f"there was no room for {num_ranks} ranks, {self._needs()} each; use a smaller --np, or"
                away = "the cluster has not answered; check that it is there, or"
                reason = away if server is None else short
                raise LaunchError(f"within {wait_s:g} s {reason} wait longer with --wait-seconds")
            time.sleep(_POLL_S)
        return []

    def _needs(self) -> str:
        cpus, gpus = self._request.cpus_per_rank, self._request.gpus_per_rank
        return f"{cpus} CPU{'s' * (cpus > 1)}" + (f" and {gpus} GPU{'s' * (gpus > 1)}" if gpus else "")

    def _on(self, seats: list[Seat], command: list[str]) -> JobEnd | None:
        """The ranks on their seats, to their end. Raises LaunchError if their hosts cannot train together."""
        hosts = arrange(seats)
        check(hosts, self._request.shards, self._request.run)
        slots = slots_on({name: len(own) for name, own in hosts.items()})
        rendezvous = Rendezvous(self._address)
        port = rendezvous.start()
        rendezvous.init(slots)
        self._seats.update({slot.rank: hosts[slot.hostname][slot.local_rank] for slot in slots})
        starts = []
        for slot in slots:
            variables = self._variables(rank_variables(slot, self._address, port), hosts[slot.hostname])
            starts.append((slot.rank, slot.hostname, self._order(command, variables)))
        self._ranks.run_all(starts)
        return end_of(self._ranks, self._ranks.exits, rendezvous.first_failure())

    def _variables(self, of_rank: dict[str, str], on_host: list[Seat]) -> dict[str, str]:
        # The cluster may have set it for a task of all of an executor's cores.
        more = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(self._request.cpus_per_rank))}
        if gpus := [seat.gpus for seat in on_host if seat.gpus]:
            # A rank takes the GPU with its number on the host, so all see those of all, in the order of the ranks.
            more["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        return {**of_rank, **more}

    def _order(self, command: list[str], variables: dict[str, str]) -> RankOrder:
        request = self._request
        own = interface_variables(request.interface) if request.interface else {}
        towards = "" if request.interface else self._address
        return RankOrder(command, {**variables, **own}, request.grace_s + MARGIN_S, request.stopped_s, towards)


def _say(sentence: str) -> None:
    print(f"launch: {sentence}", file=sys.stderr, flush=True)
