"""The command `convert`: a corpus, or a split of a shard set, in another format or tag scheme."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Optional

from data_prep.commands.streams import print_to_stderr, report_stream
from data_prep.formats.find_sources import expand
from data_prep.inspecting.show_shards import complete_from_index
from data_prep.passes.convert import Target, convert
from data_prep.prepare_shards import num_bytes
from data_prep.problems import Problems
from data_prep.remote.mirrored import shards_at
from data_prep.remote.outputs import sent_file
from data_prep.settings import READING_SETTINGS, Settings
from data_prep.sources.source_files import SourceFile
from data_prep.writers import table as writers
from ner_dist.cli.options import nested, option
from ner_dist.cli.progress_bar import progress_bar
from ner_dist.contract.tag_schemes import ALL_SCHEMES


@dataclasses.dataclass(frozen=True)
class ConvertCommand:
    """Write a corpus in another format or tag scheme.

    Tokens, entities, texts, token features, documents and ids are kept as far as OUT can hold them; what it cannot is
    counted. The output is written completely or not at all.
    """

    source: str = option(positional=True, metavar="IN", stores=True)
    """corpus: a file, folder, pattern or archive, - for stdin; or a shard directory"""
    out: str = option(positional=True, metavar="OUT", stores=True)
    """file to write; compressed if its name ends in .gz, .xz or .bz2; - for stdout"""
    to: Optional[str] = option(
        None,
        choices=writers.NAMES,
        help=f"format of OUT (default, by the ending of its name: {writers.describe_endings()}); {writers.describe()}",
    )
    scheme: Optional[str] = option(None, choices=ALL_SCHEMES)
    """tag scheme of OUT (default: that of IN)"""
    text: bool = False
    """jsonl with {"text", "entities": [[start, end, type], ...]} instead of tags; with tokens if they are IN's own"""
    split: Optional[str] = option(None, completer=complete_from_index("source", "splits"))
    """of a shard directory: the split to convert, in corpus order"""
    settings: Settings = nested(
        Settings, only=READING_SETTINGS, names={"format": ("--from", "--format"), "scheme": ("--from-scheme",)}
    )

    def run(self) -> int:
        problems = Problems()
        source: Path | list[SourceFile] | None = shards_at(self.source)
        total, unit = None, " tokens"
        if source is None:
            source = expand([self.source], self.settings.read_options, problems)
            # A file is read twice, first for its tags and then for its sentences.
            total, unit = 2 * num_bytes([("", file) for file in source], self.settings), "B"
        with sent_file(self.out) as out, progress_bar(total, unit, "convert") as reading:
            target = Target(out, self.to, self.scheme, self.text)
            done = convert(source, target, self.settings, self.split, problems, reading)
        print_to_stderr(problems.warning_lines)
        # The output itself may go to stdout.
        report = functools.partial(print, file=report_stream(self.out))
        report(done.description)
        counts = f"{done.num_sentences:,} sentences, {done.num_tokens:,} tokens, {done.num_entities:,} entities"
        report(f"{self.out}: {counts}")
        return 0
