"""The options of a report, as declared for the command line and used throughout."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal, Optional

from ner_dist.cli.options import option


@dataclasses.dataclass(frozen=True)
class ReportOptions:
    """Write what a run scores, how certain that is and where it errs into one HTML file that needs no other.

    Several runs of the same shards are compared.
    """

    runs: list[Path] = option(positional=True, metavar="RUN")
    """directory of a run"""

    split: Literal["dev", "test"] = "test"
    """split to score"""

    checkpoint: Literal["best", "last"] = "best"
    """parameters to score"""

    out: Optional[Path] = option(None, metavar="FILE")
    """file to write (default report.html in the first RUN)"""

    shards: Optional[Path] = option(None, metavar="DIR")
    """where the runs' shards are now, if they have moved"""

    device: Literal["auto", "cpu", "gpu"] = "auto"
    """where to compute"""

    samples: int = option(1000, least=1)
    """draws of the bootstrap"""

    seed: int = option(1, least=0)
    """seed of the bootstrap's draws"""
