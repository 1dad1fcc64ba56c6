"""The options of a report, as declared for the command line and used throughout."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal, Optional

from ner_dist.cli.options import option
from ner_dist.stores.named_files import Place


@dataclasses.dataclass(frozen=True)
class ReportOptions:
    """Write what a model scores, how certain that is and where it errs into one HTML file that needs no other.

    Several models are compared; without --gold, they must be of the same shards. Options after -- are those of
    `python -m data_prep build` about reading a corpus.
    """

    models: list[Place] = option(positional=True, metavar="MODEL", stores=True)
    """directory of a run, of one of its checkpoints, or of an export; as all files, also by an address in a store"""

    gold: list[list[str]] = option([], metavar="FILE", nargs="+", action="append", stores=True)
    """score these annotated files of any format instead of a split; each --gold is one test set, NAME=FILE names it"""

    split: Literal["train", "dev", "test"] = "test"
    """split of the models' own shards to score"""

    checkpoint: Literal["best", "last"] = "best"
    """parameters of a run to score"""

    curve: list[Path] = option([], metavar="FILE")
    """also show these learning curves, curve.json of `python -m bench.learning_curve`"""

    out: Optional[Place] = option(None, metavar="FILE", stores=True)
    """file to write (default report.html in the run of the first MODEL, or NAME-report.html beside an export)"""

    shards: Optional[Place] = option(None, metavar="DIR", stores=True)
    """where the models' shards are now, if they have moved"""

    device: Literal["auto", "cpu", "gpu"] = "auto"
    """where runs compute"""

    samples: int = option(1000, least=1)
    """draws of the bootstrap"""

    seed: int = option(1, least=0)
    """seed of the bootstrap's draws"""
