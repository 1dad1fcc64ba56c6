"""Local copies of what lies in stores are called by their addresses in messages: users never see the copies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ner_dist.errors import UserError

# The address of each copy, by its path, as text; what lies below a folder follows from it.
_addresses: dict[str, str] = {}


def is_copy_of(path: Path, address: object) -> None:
    """Have messages of this process call a file or folder by the address of what it is a copy of."""
    _addresses[str(path)] = str(address)


def by_address(text: str) -> str:
    """A message with the addresses of copies in place of their paths."""
    for path in sorted(filter(text.__contains__, _addresses), key=len, reverse=True):
        # Not a longer name that begins like this one; a full stop may end the sentence.
        parts = re.split(re.escape(path) + r"(?![\w-]|\.\w)", text)
        text = _addresses[path].join(parts)
    return text


@contextmanager
def errors_by_address() -> Iterator[None]:
    """The text of a UserError names addresses."""
    try:
        yield
    except UserError as error:
        error.args = tuple(by_address(part) if isinstance(part, str) else part for part in error.args)
        raise
