"""The command `inspect`: a shard set, verified and described, and its sentences."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Union

from data_prep.commands.streams import print_to_stderr
from data_prep.inspecting import show_shards
from data_prep.inspecting.show_shards import InspectQuery
from data_prep.remote.mirrored import mirror_of
from ner_dist.cli.options import nested, option
from ner_dist.stores.addresses import Address
from ner_dist.stores.local_copies import by_address


@dataclasses.dataclass(frozen=True)
class InspectCommand:
    """Verify a shard set and describe it; with --split, --grep or --type show its sentences."""

    directory: Union[Path, Address] = option(positional=True, metavar="DIR", stores=True)
    """shard directory"""
    query: InspectQuery = nested(InspectQuery)

    def run(self) -> int:
        directory = mirror_of(self.directory)
        index = show_shards.verify(directory)
        if self.query == InspectQuery(limit=self.query.limit):
            print(by_address("\n".join(show_shards.describe(directory, index))))
            return 0
        in_colour = show_shards.in_colour(sys.stdout)
        lines, remarks = show_shards.show_sentences(directory, index, self.query, in_colour)
        print("\n".join(lines), flush=True)
        print_to_stderr(remarks)
        return 0
