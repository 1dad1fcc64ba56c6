"""This rank's TCP connections to the others: kept while a peer is only stopped, given up when its host is lost.

Gloo's own timeout tells neither apart, and runs on while the whole job is stopped. The kernel can: it answers for a
stopped process, and not for a host that is gone. So Gloo waits practically for ever, and its timeout becomes the time
that a host may be silent.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLE = "HOROVOD_GLOO_TIMEOUT_SECONDS"
_YEAR_S = 365 * 24 * 3600
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_DEFAULT_S = 30
# From linux/tcp.h: the start of struct tcp_info.
_TCP_INFO = struct.Struct("8B13I")
_RETRANSMITS, _UNACKNOWLEDGED, _SINCE_ANSWER_MS = 2, 12, 20

log = logging.getLogger("ner_dist")


@functools.lru_cache(maxsize=1)
def patience_s() -> int:
    """Seconds that a host may be silent: the timeout that the user has set for Gloo, before this module changes it."""
    try:
        set_s = int(os.environ.get(_VARIABLE, ""))
    except ValueError:
        return _DEFAULT_S
    # A year is inherited from a process in which this module has set it.
    return set_s if 0 < set_s < _YEAR_S else _DEFAULT_S


class Connections:
    """Those that were opened within `opening`."""

    def __init__(self) -> None:
        self._patience_s = patience_s()
        # The number of the open file and that of the socket, which stays unique when the file's is used again.
        self._sockets: list[tuple[int, int]] = []
        # How often in turn each was found without an answer.
        self._silent: dict[int, int] = {}

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Within the context, Horovod connects to the other ranks."""
        before = {number for _, number in _open_sockets()}
        os.environ[_VARIABLE] = str(_YEAR_S)
        yield
        self._sockets = [(file, number) for file, number in _open_sockets() if number not in before]
        self._silent = {}
        for connection in self._open():
            with contextlib.suppress(OSError):
                self._keep_alive(connection)

    def check(self, interval_s: float) -> None:
        """Give up connections whose other end has not answered for too long; to be called every interval_s.

        What counts is the number of calls, so that the time in which this process was stopped does not.
        """
        if not hasattr(socket, "TCP_INFO"):
            return
        for connection in self._open():
            with contextlib.suppress(OSError):
                self._check(connection, interval_s)

    def _check(self, connection: socket.socket, interval_s: float) -> None:
        number = os.fstat(connection.fileno()).st_ino
        info = _tcp_info(connection)
        # A stopped process's kernel acknowledges what it has room for, and then says that it has none.
        sent_again = bool(info[_RETRANSMITS] and info[_UNACKNOWLEDGED])
        self._silent[number] = self._silent.get(number, 0) + 1 if sent_again else 0
        too_long = info[_SINCE_ANSWER_MS] >= 1000 * self._patience_s
        if too_long and self._silent[number] * interval_s >= self._patience_s:
            log.error("host %s has not answered for %d s", connection.getpeername()[0], self._patience_s)
            connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let the other ranks notice at once that this one ends, even while it still has something to do."""
        for connection in self._open():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _keep_alive(self, connection: socket.socket) -> None:
        """Let the kernel ask the other end when nothing is under way."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            for option, value in (
                (socket.TCP_KEEPIDLE, max(1, self._patience_s // 2)),
                (socket.TCP_KEEPINTVL, max(1, self._patience_s // 8)),
                (socket.TCP_KEEPCNT, 4),
            ):
                connection.setsockopt(socket.IPPROTO_TCP, option, value)

    def _open(self) -> Iterator[socket.socket]:
        """Those still connected, one after another. Nothing holds them open: Horovod closes its own ends."""
        for file, number in self._sockets:
            with contextlib.suppress(OSError):
                copy = os.dup(file)
                try:
                    is_ours = os.fstat(copy).st_ino == number
                    connection = socket.socket(fileno=copy) if is_ours else None
                except OSError:
                    os.close(copy)
                    raise
                if connection is None:
                    os.close(copy)
                    continue
                with connection:
                    if connection.type == socket.SOCK_STREAM and connection.family in _INTERNET:
                        connection.getpeername()
                        yield connection


def _tcp_info(connection: socket.socket) -> tuple[int, ...]:
    return _TCP_INFO.unpack(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size))


def _open_sockets() -> list[tuple[int, int]]:
    """The open files of this process that are sockets, with the sockets' numbers; none where there is no /proc."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                    found.append((int(name), os.fstat(int(name)).st_ino))
    return found
