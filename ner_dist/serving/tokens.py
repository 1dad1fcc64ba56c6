"""The bearer token of those who may use the service, if it has one; it never stands on a command line."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ner_dist.errors import UserError
from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.json_files import read_bytes

VARIABLE = "NER_SERVE_TOKEN"
_FIT = re.compile(r"[!-~]{16,512}")
_RULE = "16 to 512 printable ASCII characters without spaces"
_MOST_BYTES = 1 << 16
# What the page consists of: it asks for the token itself.
_PAGE = {"/", "/page.css", "/marks.js", "/model.js", "/page.js"}
_PROBES = {"/healthz", "/livez", "/readyz", "/metrics"}
_REFUSAL = "this service needs a token: send the header Authorization: Bearer TOKEN"

log = logging.getLogger("ner_dist.serving")


class Tokens:
    """Any of several, so that one can be replaced by another while both are valid."""

    def __init__(self, file: Path | None = None, for_all: bool = False) -> None:
        """for_all: probes and metrics need it, too. Raises UserError."""
        self._file = file
        self._open = _PAGE if for_all else _PAGE | _PROBES
        self._digests = self._read()
        if for_all and not self._digests:
            raise UserError(f"--token-for all needs a token; name its file (--token-file) or set {VARIABLE}")

    def read_again(self) -> None:
        """Those of the file, which may have changed; what cannot be read leaves the old ones valid."""
        try:
            self._digests = self._read()
        except UserError as error:
            log.error("error: the tokens stay as they were: %s", error)

    def allow(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        if not self._digests or path in self._open:
            return True
        given = [value for name, value in headers if name == b"authorization"]
        if len(given) != 1 or given[0][:7].lower() != b"bearer ":
            return False
        # Digests have one length: the time tells nothing.
        digest = _digest(given[0][7:].strip())
        return any(hmac.compare_digest(digest, known) for known in self._digests)

    def _read(self) -> list[bytes]:
        if self._file is not None:
            try:
                lines = read_bytes(self._file, _MOST_BYTES).decode("ascii", "replace").splitlines()
            except ForeignFileError as error:
                raise UserError(f"--token-file {error}") from error
            tokens, where = [line.strip() for line in lines if line.strip()], f"--token-file {self._file}"
            if not tokens:
                raise UserError(f"{where}: has no token; expected one on each line, {_RULE}")
        elif VARIABLE in os.environ:
            tokens, where = [os.environ[VARIABLE]], VARIABLE
        else:
            return []
        if not all(map(_FIT.fullmatch, tokens)):
            raise UserError(f"{where}: has a token that is too short or too long, or has other characters; {_RULE}")
        return [_digest(token.encode()) for token in tokens]


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def with_token(app: ASGIApp, tokens: Tokens) -> ASGIApp:
    """An ASGI application that only those with a token reach; others are answered with status 401."""

    async def app_with_token(scope: Scope, receive: Receive, send: Send) -> None:
        if tokens.allow(scope["path"], scope["headers"]):
            await app(scope, receive, send)
        else:
            challenge = {"WWW-Authenticate": 'Bearer realm="ner-dist"'}
            await JSONResponse({"error": _REFUSAL}, 401, challenge)(scope, receive, send)

    return app_with_token
