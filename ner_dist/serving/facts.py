"""What is known of a request: its id, who answers it, and how much it was; for headers, metrics and the access log."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from ner_dist.prediction.identity import ModelIdentity

# Where the facts lie in the scope of ASGI.
KEY = "ner_dist.facts"
_ID = re.compile(rb"[!-~]{1,128}")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]{0,64})?")
_TRACESTATE = re.compile(rb"[ -~]{1,512}")


class Facts:
    """Filled in while the request is answered."""

    __slots__ = ("body", "bytes_in", "entities", "id", "is_gone", "model", "texts", "tokens", "trace", "tracestate")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.id = self.trace = self.tracestate = b""
        for name, value in headers:
            if name == b"x-request-id" and _ID.fullmatch(value):
                self.id = value
            elif name == b"traceparent" and _TRACEPARENT.fullmatch(value):
                self.trace = value
            elif name == b"tracestate" and _TRACESTATE.fullmatch(value):
                self.tracestate = value
        # That of the trace finds the request in the client's logs, too.
        self.id = self.id or self.trace[3:35] or os.urandom(8).hex().encode()
        self.model: ModelIdentity | None = None
        self.bytes_in = self.texts = self.tokens = self.entities = 0
        # Whether the client went before the end of an answer that had begun.
        self.is_gone = False
        # Kept only for --log-texts.
        self.body = b""

    def headers(self) -> Iterator[tuple[bytes, bytes]]:
        """Of the answer."""
        yield b"x-request-id", self.id
        if self.trace:
            yield b"traceparent", self.trace
            if self.tracestate:
                yield b"tracestate", self.tracestate
        if self.model is not None:
            yield b"x-model", str(self.model).encode()
            yield b"x-model-sha256", self.model.sha256.encode()
