"""A service's life: it takes its port, loads its model, serves, and on SIGTERM finishes what it has begun."""

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
from typing import Any, NamedTuple

import uvicorn

from ner_dist.errors import UserError
from ner_dist.serving.app import create_app
from ner_dist.serving.batching import Batcher, Finder, Knobs
from ner_dist.serving.connections import impatient
from ner_dist.serving.limits import Limits
from ner_dist.serving.metrics import App, Measured, Metrics

# Reverse proxies keep their connections for about as long.
_KEEP_ALIVE_S = 60
# What is left of the grace when the last answers are refused, so that they still arrive.
_LAST_WORDS_S = 0.5


class Place(NamedTuple):
    host: str
    # 0 takes any that is free.
    port: int
    # Seconds for what is under way when the service is told to end.
    grace_s: float
    max_connections: int


def run(name: str, load: Callable[[], Finder], place: Place, limits: Limits, knobs: Knobs) -> None:
    """Serve what load gives until SIGTERM or SIGINT. Raises UserError if the port or the model cannot be had."""
    log = logging.getLogger("ner_dist.serving")
    log.addHandler(logging.StreamHandler())
    with _bound(place) as listener:
        metrics = Metrics()
        batcher = Batcher(load, knobs, metrics)
        batcher.start()
        config = configure(Measured(create_app(batcher, limits, metrics), metrics), place, limits)
        host, port = listener.getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        try:
            asyncio.run(
                _serve(config, listener, batcher, f"serving {name} on {address} (Ctrl-C ends it)", place.grace_s)
            )
        except OSError as error:
            raise _port_error(place, error) from error
    if not batcher.join(_LAST_WORDS_S):
        # It is within a batch, where Python cannot stop it in order.
        sys.stdout.flush()
        os._exit(0)


def configure(app: App, place: Place, limits: Limits) -> uvicorn.Config:
    """uvicorn's settings."""
    return uvicorn.Config(
        app,
        http=impatient(limits.timeout_s),
        ws="none",
        lifespan="off",
        # Warnings are of broken requests, which anybody can send any number of.
        log_level=logging.ERROR,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        # It takes parts of a second, too.
        timeout_graceful_shutdown=place.grace_s,  # type: ignore[arg-type]
        limit_concurrency=place.max_connections,
    )


async def _serve(config: uvicorn.Config, listener: socket.socket, batcher: Batcher, ready: str, grace_s: float) -> None:
    server = _Server(config, ready)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if server.should_exit:
            # Told twice.
            server.force_exit = True
            batcher.close()
        else:
            server.should_exit = True
            loop.call_later(max(0.0, grace_s - _LAST_WORDS_S), batcher.close)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await server.serve(sockets=[listener])
    finally:
        batcher.close()


class _Server(uvicorn.Server):
    """Says when it is ready, and leaves the signals alone: uvicorn would let itself be killed by them at the end."""

    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._ready, flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    # As it was called before uvicorn 0.29.
    def install_signal_handlers(self) -> None:
        pass


@contextlib.contextmanager
def _bound(place: Place) -> Iterator[socket.socket]:
    """The socket at the service's address, which does not listen yet: a model that is not there takes no requests."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise _port_error(place, error) from error
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            raise _port_error(place, error) from error
        yield listener


def _port_error(place: Place, error: OSError) -> UserError:
    reasons: dict[Any, str] = {
        errno.EADDRINUSE: f"port {place.port} of {place.host} is in use; choose another with --port, or 0 for any",
        errno.EACCES: f"port {place.port} is for the administrator only; choose one from 1024 with --port",
        errno.EADDRNOTAVAIL: f"{place.host} is no address of this machine; expected one such as 127.0.0.1 with --host",
    }
    unknown = f"there is no host {place.host}; expected an address such as 127.0.0.1 with --host"
    if isinstance(error, socket.gaierror):
        return UserError(unknown)
    return UserError(reasons.get(error.errno, f"cannot serve on port {place.port} of {place.host}: {error}"))
