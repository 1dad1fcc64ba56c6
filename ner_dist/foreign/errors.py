"""The error of a file that is not what it should be, and how its readers make it one of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from ner_dist.errors import UserError


class ForeignFileError(UserError):
    """A file that is damaged, or that was never what it is read as. Its text says what, where, found and expected."""


def refuse(path: Path, found: str, expected: str) -> NoReturn:
    raise ForeignFileError(f"{path}: {found}, expected {expected}")


@contextmanager
def advising(kind: type[UserError], advice: str) -> Iterator[None]:
    """Turn a ForeignFileError into an error of this kind whose sentence ends with what to do."""
    try:
        yield
    except ForeignFileError as error:
        raise kind(f"{error}; {advice}") from error
