"""The life of the service: it takes its port, loads its model, serves, and on SIGTERM finishes requests in flight."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from ner_dist.errors import UserError
from ner_dist.prediction import Tagger
from ner_dist.serving.app import create_app
from ner_dist.serving.batching import TaggingWorker
from ner_dist.serving.metrics import Metrics
from ner_dist.serving.settings import BatchSettings, Limits, ServerSettings

# Reverse proxies keep their connections for about as long.
_KEEP_ALIVE_S = 60
# How long before the end of the grace the last requests are refused, so that the refusals still arrive.
_REFUSALS_S = 0.5


def run(
    name: str, load: Callable[[], Tagger], settings: ServerSettings, batches: BatchSettings, limits: Limits
) -> None:
    """Serve the tagger that `load` gives until SIGTERM or SIGINT.

    name: of the model, for the message that the service is ready. Raises UserError if the port is not available, and
    what `load` raises.
    """
    logging.getLogger("ner_dist.serving").addHandler(logging.StreamHandler())
    with _port_errors(settings):
        listener = _bound_socket(settings)
    with listener:
        metrics = Metrics()
        worker = TaggingWorker(load, batches, limits, metrics)
        worker.start()
        config = configure(create_app(worker, limits, metrics), settings, limits)
        host, port = listener.getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        ready = f"serving {name} on {address} (Ctrl-C ends it)"
        with _port_errors(settings):
            asyncio.run(_serve(config, listener, worker, ready, settings.grace_s))
    if not worker.join(_REFUSALS_S):
        # It is computing, and Python cannot stop a thread.
        sys.stdout.flush()
        os._exit(0)


def configure(app: FastAPI, settings: ServerSettings, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_protocol_with_timeout(limits.timeout_s),
        ws="none",
        lifespan="off",
        # Its warnings are about broken requests, which anybody can send in any number.
        log_level=logging.ERROR,
        log_config=None,
        access_log=False,
        server_header=False,
        headers=[("X-Content-Type-Options", "nosniff")],
        timeout_keep_alive=_KEEP_ALIVE_S,
        # Fractions of a second work, too.
        timeout_graceful_shutdown=settings.grace_s,  # type: ignore[arg-type]
        limit_concurrency=settings.max_connections,
    )


def _protocol_with_timeout(timeout_s: float) -> type[H11Protocol]:
    """uvicorn's protocol, but a connection ends if the head of a request takes longer than timeout_s to arrive.

    uvicorn itself only limits the pause between two requests. The body's time is limited where it is read.
    """

    class ProtocolWithTimeout(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._deadline = self.loop.call_later(timeout_s, transport.abort)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._deadline.cancel()
            elif self.timeout_keep_alive_task is None and self._deadline.cancelled():
                # A head that comes in parts, or a body that comes after its answer.
                self._deadline = self.loop.call_later(timeout_s, self.transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            self._deadline.cancel()
            super().connection_lost(exc)

        def shutdown(self) -> None:
            # Raised if the connection is ending already.
            with contextlib.suppress(h11.LocalProtocolError):
                super().shutdown()

    return ProtocolWithTimeout


async def _serve(
    config: uvicorn.Config, listener: socket.socket, worker: TaggingWorker, ready: str, grace_s: float
) -> None:
    server = _Server(config, ready)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if server.should_exit:
            # The second signal.
            server.force_exit = True
            worker.close()
        else:
            server.should_exit = True
            loop.call_later(max(0.0, grace_s - _REFUSALS_S), worker.close)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await server.serve(sockets=[listener])
    finally:
        worker.close()


class _Server(uvicorn.Server):
    """Prints when it is ready, and leaves signals alone: uvicorn would raise them again at the end."""

    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._ready, flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bound_socket(settings: ServerSettings) -> socket.socket:
    """A socket at the service's address that does not listen yet: requests must wait until the model is loaded."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    return listener


@contextlib.contextmanager
def _port_errors(settings: ServerSettings) -> Iterator[None]:
    """Raises UserError with a sentence for what is wrong with the service's address."""
    host, port = settings.host, settings.port
    sentences = {
        errno.EADDRINUSE: f"port {port} of {host} is in use; choose another with --port, or 0 for any",
        errno.EACCES: f"port {port} is reserved for the administrator; choose one from 1024 on with --port",
        errno.EADDRNOTAVAIL: f"{host} is not an address of this machine; expected one such as 127.0.0.1 with --host",
    }
    try:
        yield
    except socket.gaierror as error:
        raise UserError(f"there is no host {host}; expected an address such as 127.0.0.1 with --host") from error
    except OSError as error:
        other = f"cannot serve on port {port} of {host}: {error}"
        raise UserError(sentences.get(error.errno or 0, other)) from error
