"""Seats connect to the launcher of their job, and are told apart from strangers and from other versions of the code."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from launch.job.seats.seat import ERRORS, ORDERS, OUTPUT, Ticket, _connect
from launch.job.seats.seat_server import SeatServer
from launch.remote_hosts.host_facts import gather


@pytest.fixture
def server() -> Iterator[SeatServer]:
    server = SeatServer("127.0.0.1")
    yield server
    server.dismiss()


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return {"facts": gather("nowhere")._asdict(), "sees_run": True, "gpus": ""}


def ticket(server: SeatServer, number: int = 0) -> Ticket:
    return Ticket(number, "127.0.0.1", server.port, server.key, "", "nowhere", {})


def soon(is_so: Callable[[], object]) -> bool:
    until_s = time.monotonic() + 20
    while not is_so() and time.monotonic() < until_s:
        time.sleep(0.01)
    return bool(is_so())


def test_a_seat_is_complete_with_its_three_connections(server: SeatServer, facts: dict[str, Any]) -> None:
    connections = [_connect(ticket(server), channel, facts) for channel in (ORDERS, OUTPUT)]
    assert server.seats == {}
    connections.append(_connect(ticket(server), ERRORS, facts))
    assert soon(lambda: 0 in server.seats)
    seat = server.seats[0]
    assert (seat.address, seat.facts._asdict(), server.problem) == ("127.0.0.1", facts["facts"], "")
    seat.kill()
    assert seat.wait() == 255
    for connection in connections:
        connection.close()


def test_code_that_says_other_things_is_named_instead_of_waited_for(server: SeatServer, facts: dict[str, Any]) -> None:
    older = {name: value for name, value in facts["facts"].items() if name != "own_address"}
    _connect(ticket(server), ORDERS, {**facts, "facts": older}).close()
    assert soon(lambda: server.problem)
    expected = "127.0.0.1: its code of ner_dist or launch differs from that here; bring both to the same commit"
    assert (server.problem, server.seats) == (expected, {})
