"""A TCP proxy before a store's server, which can be slow, cut connections, or hang; and a server that refuses all."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Proxy:
    """Connections to its port are passed on to that of a server on this machine."""

    def __init__(self, port: int) -> None:
        self._target = port
        # Of both directions of all connections together; None: as fast as it goes.
        self.bytes_per_s: float | None = None
        # After so many bytes more, all connections are cut, once.
        self.cut_after: int | None = None
        # New connections are cut, and nothing passes.
        self.is_down = False
        # Nothing passes, without a sign of that.
        self.hangs = False
        self.num_bytes = self.num_connections = 0
        self._then: Callable[[], object] | None = None
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()
        self.cut()

    def on_cut(self, then: Callable[[], object]) -> None:
        """Called just before the next cut."""
        self._then = then

    def cut(self) -> None:
        with self._lock:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self.num_connections += 1
                if self.is_down:
                    client.close()
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._open += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 14):
                while self.hangs:
                    time.sleep(0.05)
                self._account(len(data))
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _account(self, num_bytes: int) -> None:
        with self._lock:
            self.num_bytes += num_bytes
            # Asleep with the lock: the bandwidth is that of all together.
            if self.bytes_per_s is not None:
                time.sleep(num_bytes / self.bytes_per_s)
            if self.cut_after is None:
                return
            self.cut_after -= num_bytes
            if self.cut_after > 0:
                return
            self.cut_after = None
            then, self._then = self._then, None
        if then is not None:
            then()
        self.cut()


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()


@contextmanager
def refusing(status: int = 403) -> Iterator[int]:
    """The port of a server that answers every request with this status."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def refuse(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = refuse

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()
