"""Where a run is: in a directory, or at an address in a store. Then it is written in a folder of the cache first."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ner_dist.stores.addresses import Address, is_address, parse_address
from ner_dist.stores.cache_room import cache_folder
from ner_dist.stores.local_copies import is_copy_of

_RUNS = "runs"


class RunPlace:
    """A run's directory as a user has named it, and where its files are on this machine."""

    def __init__(self, named: str) -> None:
        """Raises StoreError for an address that cannot be one."""
        self.named = named
        self.address: Address | None = parse_address(named, "--run") if is_address(named) else None
        # The run's directory on this machine.
        self.path = Path(named) if self.address is None else working_folder(self.address)
        if self.address is not None:
            is_copy_of(self.path, self.address)


def working_folder(address: Address) -> Path:
    """The directory in which a run at this address is written; what is beside it is of this machine alone."""
    digest = hashlib.sha256(str(address).encode()).hexdigest()[:16]
    return cache_folder() / _RUNS / digest / address.name
