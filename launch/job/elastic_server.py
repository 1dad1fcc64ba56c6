"""Where the members of an elastic job ask for their parts: a path for each, known to nobody else, with JSON texts.

The other side is ner_dist/ranks/membership.py.
"""

from __future__ import annotations

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from launch.job.elastic_members import Members

_MOST_BYTES = 1024


class MembersServer:
    """Serves from `start` on, in threads that end with the process."""

    def __init__(self, members: Members, address: str) -> None:
        """address: of this machine, or empty for all of them."""
        # Whoever knows it is a member; it is in no command line and no log.
        self._token = secrets.token_hex(16)
        self._members = members
        self._server = ThreadingHTTPServer((address, 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="members", daemon=True).start()

    def of_member(self, address: str, number: int) -> str:
        """What a member needs to know, as NER_MEMBER. address: this machine's, as the member reaches it."""
        return f"{address}:{self._server.server_address[1]}/{self._token}/{number}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        members, token = self._members, self._token

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_GET(self) -> None:
                number = self._number()
                self._answer(b"" if number is None else json.dumps(members.answer(number)).encode(), number)

            def do_PUT(self) -> None:
                number, length = self._number(), self.headers.get("Content-Length", "")
                if number is not None and length.isdecimal() and int(length) <= _MOST_BYTES:
                    try:
                        message = json.loads(self.rfile.read(int(length)))
                    except ValueError:
                        message = {}
                    members.hear(number, message if isinstance(message, dict) else {})
                self._answer(b"", number)

            def _number(self) -> int | None:
                _, given, number = (*self.path.split("/"), "", "")[:3]
                is_known = secrets.compare_digest(given.encode(), token.encode()) and number.isdecimal()
                return int(number) if is_known and int(number) in members.all else None

            def _answer(self, body: bytes, number: int | None) -> None:
                self.send_response(404 if number is None else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing of it on the terminal."""

        return Handler
