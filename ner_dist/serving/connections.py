"""Connections that do not wait for ever on a client which owes the rest of a request."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def impatient(timeout_s: float) -> type[H11Protocol]:
    """uvicorn's protocol, which ends a connection when a client has taken so long over the head of a request.

    The body's time is limited where it is read; uvicorn itself only limits the pause between two requests.
    """

    class Impatient(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._await_request()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._stop_waiting()
            elif self.timeout_keep_alive_task is None:
                # A head in parts, or a body that comes after its answer.
                self._await_request()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def shutdown(self) -> None:
            # One that is ending already.
            with contextlib.suppress(h11.LocalProtocolError):
                super().shutdown()

        def _await_request(self) -> None:
            if self._deadline is None:
                self._deadline = self.loop.call_later(timeout_s, self.transport.abort)

        def _stop_waiting(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Impatient
