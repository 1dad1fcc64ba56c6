"""The life of the service: it takes its port, loads its models, serves, and on SIGTERM finishes requests in flight."""

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
from collections.abc import Iterator, Sequence

import uvicorn
from fastapi import FastAPI

from ner_dist.errors import UserError
from ner_dist.serving.access import Access
from ner_dist.serving.access_log import AccessLog
from ner_dist.serving.app import create_app
from ner_dist.serving.connections import BoundedProtocol, Pace
from ner_dist.serving.metrics import Metrics
from ner_dist.serving.models import Models, ModelSource
from ner_dist.serving.settings import BatchSettings, Limits, ServerSettings
from ner_dist.serving.tokens import Tokens

# Reverse proxies keep their connections for about as long.
_KEEP_ALIVE_S = 60
# How long before the end of the grace the last requests are refused, so that the refusals still arrive.
_REFUSALS_S = 0.5


def run(sources: Sequence[ModelSource], settings: ServerSettings, batches: BatchSettings, limits: Limits) -> None:
    """Serve these models until SIGTERM or SIGINT.

    Raises UserError if the port is not available, and what loading a model raises.
    """
    logging.getLogger("ner_dist.serving").addHandler(logging.StreamHandler())
    tokens = Tokens(settings.token_file, settings.token_for == "all")
    with _port_errors(settings):
        listener = _bound_socket(settings)
    metrics = Metrics()
    with listener, contextlib.closing(_access_log(settings, metrics)) as log:
        models = Models(sources, batches, limits, metrics)
        host = listener.getsockname()[0]
        access = Access(host, settings.host, settings.allowed_hosts)
        app = create_app(models, limits, metrics, access, tokens, log, examples=not settings.no_examples)
        config = configure(app, settings, limits)
        life = _Life(_Server(config), listener, models, tokens, settings)
        try:
            asyncio.run(life.live())
        finally:
            models.end_processes()
    if not models.join(_REFUSALS_S):
        # It is computing, and Python cannot stop a thread.
        sys.stdout.flush()
        os._exit(0)


def _access_log(settings: ServerSettings, metrics: Metrics) -> AccessLog:
    return AccessLog(settings.access_log, settings.log_texts, metrics.lost_lines.inc)


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


class _Life:
    """From loading the models to the end of the last request."""

    def __init__(
        self, server: _Server, listener: socket.socket, models: Models, tokens: Tokens, settings: ServerSettings
    ) -> None:
        self._server, self._listener, self._models = server, listener, models
        self._tokens, self._settings = tokens, settings
        # Unless it was started with nohup.
        self._ends_with_terminal = _has_terminal() and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN

    async def live(self) -> None:
        """Raises what loading raises."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        # Requests are answered from the beginning, if only with status 503.
        starting = asyncio.ensure_future(self._start())
        starting.add_done_callback(self._end_if_failed)
        try:
            with _port_errors(self._settings):
                await self._server.serve(sockets=[self._listener])
        finally:
            starting.cancel()
            await asyncio.wait({starting})
            await self._models.give_up()
        if not starting.cancelled() and (error := starting.exception()) is not None:
            raise error

    async def _start(self) -> None:
        await self._models.load()
        host, port = self._listener.getsockname()[:2]
        names = ", ".join(str(model.identity) for model in self._models.serving())
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        print(f"serving {names} on {address} (Ctrl-C ends it)", flush=True)
        if self._settings.watch_s:
            await self._models.watch(self._settings.watch_s)

    def _end_if_failed(self, starting: asyncio.Task[None]) -> None:
        if not starting.cancelled() and starting.exception() is not None:
            self._server.should_exit = True

    def _hang_up(self) -> None:
        if self._ends_with_terminal and not _has_terminal():
            self._stop()
            return
        self._tokens.read_again()
        self._models.reload()

    def _stop(self) -> None:
        loop, settings = asyncio.get_running_loop(), self._settings
        if self._models.is_draining:
            # The second signal.
            self._server.should_exit = self._server.force_exit = True
            self._models.refuse()
            return
        self._models.is_draining = True
        self._server.end_after(settings.drain_s)
        # So that the refusals still arrive.
        loop.call_later(max(0.0, settings.drain_s + settings.grace_s - _REFUSALS_S), self._models.refuse)


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn would raise them again at the end."""

    def end_after(self, seconds: float) -> None:
        """Take no more connections then, and end with the last request."""
        asyncio.get_running_loop().call_later(seconds, setattr, self, "should_exit", True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _has_terminal() -> bool:
    """Whether this process belongs to a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _bound_socket(settings: ServerSettings) -> socket.socket:
    """A socket at the service's address that does not listen yet."""
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
