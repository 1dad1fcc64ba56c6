"""What a request may ask of the service, and how one that asks for more is refused."""

from __future__ import annotations

import dataclasses

from ner_dist.errors import UserError


@dataclasses.dataclass(frozen=True)
class Limits:
    """Beyond these a request is refused; together they bound what one, and all of them, take of memory and time."""

    # Bytes of a request's body.
    max_body: int = 1 << 20
    # Texts, or sentences of tokens, of one request.
    max_texts: int = 128
    # Characters of one text, or of one sentence's tokens with a space between them.
    max_characters: int = 10_000
    # Tokens of one sentence, where they are given.
    max_tokens: int = 512
    # Texts that wait, of all requests.
    max_queue: int = 1024
    # Seconds from a request's first byte to its answer.
    timeout_s: float = 30.0


class Refused(UserError):
    """A request that is not served; its text is the sentence the client is told."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
