"""The command `stats`: what a corpus or a shard set consists of, as text and as a page."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Optional

from data_prep.commands.corpus_files import SplitFiles
from data_prep.commands.streams import print_to_stderr
from data_prep.formats.find_sources import expand_splits
from data_prep.prepare_shards import num_bytes
from data_prep.problems import Problems
from data_prep.remote.mirrored import shards_at
from data_prep.remote.outputs import sent_file
from data_prep.settings import READING_SETTINGS, Settings, SettingsError
from data_prep.staging import OutputError
from data_prep.statistics.counts import WHOLE, stats_of_files, stats_of_shards
from data_prep.statistics.tables import text_lines
from ner_dist.cli.options import nested, option
from ner_dist.cli.progress_bar import progress_bar


@dataclasses.dataclass(frozen=True)
class StatsCommand:
    """Print and plot what a corpus or a shard set consists of."""

    source: Optional[str] = option(None, positional=True, metavar="FILE_OR_SHARDS", stores=True)
    """a corpus as a whole (a file, folder, pattern or archive, - for stdin), or a shard directory"""
    files: SplitFiles = nested(SplitFiles)
    out: Optional[str] = option(None, metavar="HTML", stores=True)
    """also write a page with figures, all in one file"""
    settings: Settings = nested(Settings, only=READING_SETTINGS)

    def run(self) -> int:
        if (self.source is None) == (self.files == SplitFiles()):
            raise SettingsError("name a corpus or a shard directory, or files with --train, --dev and --test")
        if self.out is not None and Path(self.out).is_dir():
            raise OutputError(f"--out {self.out} is a directory, expected a file")
        problems = Problems()
        shards = None if self.source is None else shards_at(self.source)
        if shards is not None:
            with progress_bar(None, " tokens", "read") as reading:
                found = stats_of_shards(shards, reading)
        else:
            if self.source is None:
                sources = self.files.sources(self.settings, problems)
            else:
                sources = expand_splits({WHOLE: [self.source]}, self.settings.read_options, problems)
            with progress_bar(2 * num_bytes(sources, self.settings), "B", "read") as reading:
                found = stats_of_files(sources, self.settings, problems, reading)
        print_to_stderr(problems.warning_lines)
        print("\n".join(text_lines(found)))
        if self.out is not None:
            # Imported late, because Matplotlib takes half a second.
            from data_prep.statistics.statistics_page import write_page

            with sent_file(self.out) as path:
                write_page(Path(path), found)
            print(f"\n{self.out}")
        return 0
