"""Connections that end: uvicorn's protocol for HTTP with bounds on what a client may cost, whatever it sends or reads.

What uvicorn bounds itself: the size of a head (16 KiB), the requests of a connection that are at work (one, however
many it sends at once), and the pause between two requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# What is read of a connection at a time.
_READ_BYTES = 1 << 16
# A connection that is ending waits so long for more of what its client is still sending.
_LINGER_S = 1.0
# What is dropped is read in larger parts, one of all connections together in so many seconds: clients that send
# gigabytes to no purpose must not keep the event loop busy.
_DROPPED_BYTES, _DROP_PAUSE_S = 1 << 18, 0.005
# Connections whose last answer is sent, and that are kept besides the others until it has been read.
_MOST_ENDING = 64
# Parts of a chunked body that may be small on average: reading one takes as long as thousands of bytes.
_FREE_CHUNKS, _MEAN_CHUNK = 256, 64


class _Requests(h11.Connection):
    """Refuses bodies in tiny chunks, a megabyte of which took 20 seconds to read."""

    _num_chunks = _num_bytes = 0

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._num_chunks = self._num_bytes = 0
        elif isinstance(event, h11.Data):
            self._num_chunks += 1
            self._num_bytes += len(event.data)
            if self._num_chunks > _FREE_CHUNKS and self._num_bytes < _MEAN_CHUNK * self._num_chunks:
                raise h11.RemoteProtocolError("tiny chunks")
        return event


class _Transport:
    """A transport that its protocol closes."""

    def __init__(self, transport: Any, protocol: BoundedProtocol) -> None:
        self._transport, self._protocol = transport, protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._protocol.is_ending or bool(self._transport.is_closing())

    def write(self, data: bytes) -> None:
        if not self._protocol.is_ending:
            self._transport.write(data)

    def close(self) -> None:
        self._protocol.end()


class Pace:
    """Turns of all connections of a server to read what they drop."""

    def __init__(self) -> None:
        self._last_s = 0.0

    def turn_s(self, now_s: float) -> float:
        """When the next one may."""
        self._last_s = max(now_s, self._last_s) + _DROP_PAUSE_S
        return self._last_s


class BoundedProtocol(H11Protocol):
    """A connection ends if the head of a request takes longer than timeout_s to arrive, or if an answer that its client
    does not read has waited for so long. The body's time is limited where it is read.

    Whoever is still sending when the connection ends can read the answer: the rest is read and dropped, else the
    system would reset the connection, and the client would lose what it had not read yet.
    """

    def __init__(self, *arguments: Any, timeout_s: float, max_connections: int, pace: Pace, **others: Any) -> None:
        super().__init__(*arguments, **others)
        self._timeout_s, self._max_connections, self._pace = timeout_s, max_connections, pace
        self.conn = _Requests(h11.SERVER, self.conn._max_incomplete_event_size)
        # Whether it takes no more requests and sends no more.
        self.is_ending = False
        self._writing: asyncio.TimerHandle | None = None
        self._lingering: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        self._raw = transport
        transport.max_size = _READ_BYTES
        super().connection_made(_Transport(transport, self))  # type: ignore[arg-type]
        # When it was last of use.
        self.idle_since_s = self.loop.time()
        self._deadline = self.loop.call_later(self._timeout_s, transport.abort)
        if len(self.connections) > min(self._max_connections, _MOST_ENDING):
            self._make_room()

    def data_received(self, data: bytes) -> None:
        if self.is_ending:
            self._raw.pause_reading()
            turn_s = self._pace.turn_s(self.loop.time())
            self.loop.call_at(turn_s, self._raw.resume_reading)
            self._linger(turn_s)
            return
        super().data_received(data)
        if self._is_at_work:
            self._deadline.cancel()
        elif self.timeout_keep_alive_task is None and self._deadline.cancelled():
            # A head that comes in parts, or a body that comes after its answer.
            self._deadline = self.loop.call_later(self._timeout_s, self._raw.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._deadline, self._writing, self._lingering):
            if timer is not None:
                timer.cancel()
        self.is_ending = True
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self.idle_since_s = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._limit_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "this is not a request in HTTP/1.1, or its head or the parts of its body are out of bounds")
        if self.cycle is not None:
            # Its rest will not come.
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def shutdown(self) -> None:
        if self.is_ending:
            self._raw.abort()
        # Raised if the connection is ending already.
        with contextlib.suppress(h11.LocalProtocolError):
            super().shutdown()

    def end(self) -> None:
        """Close the connection when all is sent, and its client has stopped sending."""
        self._end(self.conn.their_state in (h11.SEND_BODY, h11.ERROR) or self.conn.trailing_data[0] != b"")

    def _end(self, is_sending: bool) -> None:
        """is_sending: whether the client may be sending still."""
        if self.is_ending:
            return
        self.is_ending = True
        self.idle_since_s = self.loop.time()
        self._unset_keepalive_if_required()
        self._limit_writing()
        if not is_sending:
            self._raw.close()
            return
        # The client is told that nothing will follow.
        with contextlib.suppress(OSError, RuntimeError):
            self._raw.write_eof()
        self._raw.max_size = _DROPPED_BYTES
        self._raw.resume_reading()
        self._linger(self.loop.time())

    @property
    def _is_at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _linger(self, from_s: float) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
        self._lingering = self.loop.call_at(from_s + _LINGER_S, self._raw.abort)

    def _limit_writing(self) -> None:
        if self._writing is None or self._writing.cancelled():
            self._writing = self.loop.call_later(self._timeout_s, self._raw.abort)

    def _make_room(self) -> None:
        """Keep the connections that are at work and those that are ending to their numbers.

        That which has been of no use for longest is closed; if all others are at work, this one is refused.
        """
        connections: set[Any] = self.connections - {self}
        ending = [connection for connection in connections if connection.is_ending]
        if len(ending) >= _MOST_ENDING:
            _longest_idle(ending)._drop()
        if len(connections) - len(ending) >= self._max_connections:
            idle = [connection for connection in connections if not connection.is_ending and not connection._is_at_work]
            if idle:
                _longest_idle(idle)._drop()
            else:
                self._refuse(
                    503, f"{self._max_connections} connections are at work (--max-connections); try again later"
                )

    def _drop(self) -> None:
        self.connections.discard(self)
        if self.is_ending:
            self._raw.abort()
        else:
            # Not reset: its client sees that it is closed before it asks again.
            self.is_ending = True
            self._raw.close()

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer whatever the client is sending, and end the connection."""
        if not (self._is_at_work and self.cycle.response_started):
            content = json.dumps({"error": sentence}).encode()
            head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
            head += f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
            self._raw.write(head.encode() + content)
        self._end(True)


def _longest_idle(connections: list[Any]) -> Any:
    return min(connections, key=lambda connection: connection.idle_since_s)
