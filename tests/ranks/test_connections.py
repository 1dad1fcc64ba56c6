"""Connections to other ranks: found while Horovod opens them, kept for a stopped peer, given up for a lost host."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

import pytest

from ner_dist.ranks import connections as module
from ner_dist.ranks.connections import Connections, patience_s

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def connected(listener: socket.socket) -> Pair:
    ours = socket.create_connection(listener.getsockname())
    return ours, listener.accept()[0]


@pytest.fixture
def opened(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Connections, Pair]]:
    """Connections, which have one end of a pair; another pair was there before."""
    monkeypatch.setenv("HOROVOD_GLOO_TIMEOUT_SECONDS", "4")
    patience_s.cache_clear()
    before = connected(listener)
    made = Connections()
    ours = socket.socket()
    with made.opening():
        # The other end is accepted later, as if it were of another process.
        ours = socket.create_connection(listener.getsockname())
    theirs = listener.accept()[0]
    theirs.settimeout(10)
    yield made, (ours, theirs)
    for end in (*before, ours, theirs):
        end.close()
    patience_s.cache_clear()


def test_gloo_waits_practically_for_ever_and_the_kernel_asks_lost_hosts(
    opened: tuple[Connections, Pair],
) -> None:
    made, (ours, theirs) = opened
    assert int(os.environ["HOROVOD_GLOO_TIMEOUT_SECONDS"]) > 10**7
    # What the user has set is now the time that a host may be silent.
    assert patience_s() == 4
    assert [connection.getpeername() for connection in made._open()] == [ours.getpeername()]
    assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    idle, every, times = (
        ours.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )
    assert idle + every * times == 6
    assert theirs.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


def test_a_peer_that_reads_nothing_is_kept_however_long(opened: tuple[Connections, Pair]) -> None:
    made, (ours, theirs) = opened
    # Until the buffers of both ends are full, as with a stopped process.
    ours.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while ours.send(b"x" * 65536):
            pass
    for _ in range(100):
        made.check(1000)
    assert theirs.recv(1) == b"x"
    ours.getpeername()


def test_a_host_that_acknowledges_nothing_for_long_is_given_up(
    opened: tuple[Connections, Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, (_, theirs) = opened
    info = [0] * 21
    monkeypatch.setattr(module, "_tcp_info", lambda connection: tuple(info))
    info[2], info[12], info[20] = 3, 1, 5000
    # Of 4 s, counted in checks.
    for _ in range(3):
        made.check(1)
    # An answer in between.
    info[12] = 0
    made.check(1)
    info[12] = 1
    for _ in range(3):
        made.check(1)
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)
    made.check(1)
    theirs.settimeout(10)
    assert theirs.recv(1) == b""


def test_the_others_notice_at_once_that_a_rank_lets_go(opened: tuple[Connections, Pair]) -> None:
    made, (_, theirs) = opened
    made.close()
    assert theirs.recv(1) == b""


def test_nothing_is_held_open_and_a_file_number_that_is_used_again_is_left_alone(
    opened: tuple[Connections, Pair],
) -> None:
    made, (ours, theirs) = opened
    first, second = socket.socketpair()
    with first, second:
        # Closes what was there, and is now another socket.
        os.dup2(first.fileno(), ours.fileno())
        assert theirs.recv(1) == b""
        made.close()
        second.send(b"x")
        assert first.recv(1) == b"x"
