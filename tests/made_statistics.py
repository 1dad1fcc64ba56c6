"""Two small corpus files, and their statistics from Python and from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus_sources import sources_of

from data_prep.__main__ import main
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.statistics.counts import CorpusStats, stats_of_files

TRAIN = """Washington B-PER
said O

in O
New B-LOC
York I-LOC
and O
Washington B-LOC

in O
New B-LOC
York I-LOC
and O
Washington B-LOC

"""
DEV = """in O
New B-LOC
York I-LOC
and O
Washington B-LOC

Lyon B-LOC
Lyon B-ORG
rains O

Lyon B-LOC
Lyon B-ORG
rains O

"""


def counted(sources: dict[str, Path]) -> CorpusStats:
    return stats_of_files(sources_of(sources), Settings(), Problems())


def run_stats(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    try:
        code = main(["stats", *map(str, arguments)])
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err
