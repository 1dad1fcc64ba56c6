"""Reading a request's body no further than the limit, whatever its head says of its length."""

from __future__ import annotations

from starlette.requests import Request

from ner_dist.serving.limits import Refused

# What is read of a body beyond the limit and thrown away: a client that sends all before it listens then still hears
# the refusal, which it would miss if the connection ended before.
_PATIENCE = 4 << 20


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Raises Refused, and starlette's ClientDisconnect if the client goes before it has sent all."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "the body is compressed; expected JSON as it is")
    refused = Refused(413, f"the body is larger than the {max_bytes} bytes this server takes (--max-body)")
    declared = request.headers.get("content-length", "")
    # One that asks before it sends is told before it sends.
    asks = "expect" in request.headers
    if declared.isdecimal() and int(declared[:20]) > max_bytes + (0 if asks else _PATIENCE):
        raise refused
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes + _PATIENCE:
            raise refused
        if size <= max_bytes:
            chunks.append(chunk)
        else:
            chunks.clear()
    if size > max_bytes:
        raise refused
    return b"".join(chunks)
