"""The life of the service: it takes its port, loads its model, serves, and on SIGTERM finishes requests in flight."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from ner_dist.errors import UserError
from ner_dist.prediction import Tagger
from ner_dist.serving.access import Access
from ner_dist.serving.app import create_app
from ner_dist.serving.batching import TaggingWorker
from ner_dist.serving.connections import BoundedProtocol, Pace
from ner_dist.serving.large_requests import LargeRequests
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

    name: of the model, for the message that the service is ready. load: can be pickled, if there are two processes.
    Raises UserError if the port is not available, and what `load` raises.
    """
    logging.getLogger("ner_dist.serving").addHandler(logging.StreamHandler())
    with _port_errors(settings):
        listener = _bound_socket(settings)
    with listener:
        metrics = Metrics()
        worker = TaggingWorker(load, batches, limits, metrics.batch)
        large = LargeRequests(load, batches, limits, metrics) if settings.processes > 1 else None
        host, port = listener.getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        ready = f"serving {name} on {address} (Ctrl-C ends it)"
        try:
            if large is not None:
                # It loads its tagger while this process loads its own.
                large.start()
            worker.start()
            access = Access(host, settings.host, settings.allowed_hosts)
            config = configure(create_app(worker, limits, metrics, access, large), settings, limits)
            with _port_errors(settings):
                asyncio.run(_serve(config, listener, worker, large, ready, settings.grace_s))
        finally:
            if large is not None:
                large.close()
    if not worker.join(_REFUSALS_S):
        # It is computing, and Python cannot stop a thread.
        sys.stdout.flush()
        os._exit(0)


def configure(app: FastAPI, settings: ServerSettings, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        # For each connection, uvicorn calls what it is given, so that this need not be a class.
        http=functools.partial(  # type: ignore[arg-type]
            BoundedProtocol, timeout_s=limits.timeout_s, max_connections=settings.max_connections, pace=Pace()
        ),
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
    )


async def _serve(
    config: uvicorn.Config,
    listener: socket.socket,
    worker: TaggingWorker,
    large: LargeRequests | None,
    ready: str,
    grace_s: float,
) -> None:
    server = _Server(config, ready)
    loop = asyncio.get_running_loop()

    def close() -> None:
        worker.close()
        if large is not None:
            large.refuse()

    def stop() -> None:
        if server.should_exit:
            # The second signal.
            server.force_exit = True
            close()
        else:
            server.should_exit = True
            loop.call_later(max(0.0, grace_s - _REFUSALS_S), close)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if large is not None:
        await large.until_ready()
    try:
        await server.serve(sockets=[listener])
    finally:
        close()


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
