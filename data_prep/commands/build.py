"""The command `build`: a corpus -> a shard set."""

from __future__ import annotations

import dataclasses
import functools
import sys
import time
from pathlib import Path
from typing import Optional, Union

from data_prep.commands.corpus_files import BuildFiles, ListOption
from data_prep.commands.finding_list import check_is_no_input, failures_listed, finding_list
from data_prep.commands.streams import print_to_stderr, report_stream
from data_prep.inspecting.summary import summary_lines
from data_prep.prepare_shards import build_with_bars, like_at, published_shards
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings, SettingsError
from ner_dist.cli.options import nested, option
from ner_dist.engines.choose_engine import EngineChoice
from ner_dist.stores.addresses import Address


@dataclasses.dataclass(frozen=True)
class BuildCommand:
    """Write a shard set.

    Every problem of the corpus is reported at once, with file and line; then no shards are written.
    """

    out: Union[Path, Address] = option(metavar="DIR", stores=True)
    """shard directory, also as an address in an object store such as s3://bucket/shards; an older shard set there is
    replaced"""
    files: BuildFiles = nested(BuildFiles)
    like: Optional[Union[Path, Address]] = option(None, metavar="MODEL", stores=True)
    """build like this run, checkpoint, export or shard set: its vocabularies, features, lexicon entries, tokenizer and
    spelling rules instead of those of train, and its entity types, which new ones follow; what it does not know becomes
    unknown; pretrained vectors are copied, if it has any and there is a train"""
    findings: ListOption = nested(ListOption)
    workers: int = option(1, metavar="N")
    """parts of the corpus that are worked on at the same time, each by a process; the set is the same whatever it is"""
    engine: str = option("processes", metavar="ENGINE")
    """where the workers are; processes: on this machine; dask, ray: on this machine, by Dask or Ray, or ray in the
    cluster of RAY_ADDRESS; dask://HOST:PORT, ray://HOST:PORT: in a cluster that runs already and sees the same disks"""
    worker_memory_gb: Optional[float] = option(None, metavar="GB")
    """the most memory that a worker may take (default: no limit)"""
    settings: Settings = nested(Settings)

    def run(self) -> int:
        begin_s = time.perf_counter()
        if not self.files.train and self.like is None:
            raise SettingsError("name a corpus with --train FILE; only beside --like MODEL it may be left out")
        if self.files == BuildFiles():
            raise SettingsError("name the files of a split with --train, --dev or --test")
        engine = EngineChoice(self.engine, self.workers, self.worker_memory_gb)
        engine.check()
        like = None if self.like is None else like_at(self.like)
        with finding_list(self.findings.name) as listed:
            problems = Problems(listed)
            try:
                with failures_listed(problems), published_shards(self.out) as directory:
                    sources = self.files.sources(self.settings, problems)
                    check_is_no_input(self.findings.name, [file.path for _, file in sources])
                    index = build_with_bars(sources, self.settings, directory, problems, like=like, engine=engine)
                    summary = summary_lines(directory, index)
            except CorpusError:
                print(f"no shards were written to {self.out}, because:", file=sys.stderr)
                raise
        print_to_stderr(problems.warning_lines)
        report = functools.partial(print, file=report_stream(self.findings.name))
        report("\n".join(summary))
        elapsed_s = time.perf_counter() - begin_s
        num_tokens = sum(map(index.num_tokens, index.splits))
        report(f"{self.out}: {num_tokens:,} tokens in {elapsed_s:.1f} s, {num_tokens / elapsed_s:,.0f} tokens/s")
        return 0
