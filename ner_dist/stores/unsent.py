"""What is written here to be sent to a store: where it lies until then, and stays if it cannot be sent."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ner_dist.errors import UserError
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.cache_room import cache_folder


def unsent_folder() -> Path:
    """In the cache's folder. Raises StoreError if it cannot be made."""
    return cache_folder() / "unpublished"


@contextmanager
def kept_if_not_sent(path: Path, address: Address) -> Iterator[None]:
    """The file or folder, which lies in the cache's folder, is sent within; if that fails, it is kept.

    Raises StoreError with the reason and where it is.
    """
    try:
        yield
    except UserError as error:
        kept = unsent_folder() / f"{secrets.token_hex(4)}-{path.name}"
        os.replace(path, kept)
        # Beside a published.json, a plain copy of a folder would not be seen.
        where = "to an address where nothing is" if kept.is_dir() else "there"
        raise StoreError(
            f"{error}; nothing was written to {address}, and what was to be there is complete in {kept}: copy it "
            f"{where} by any tool, or delete it"
        ) from error
