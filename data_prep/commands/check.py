"""The command `check`: what is wrong or unusual in a corpus."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

from data_prep.commands.corpus_files import CorpusFiles, ListOption
from data_prep.commands.finding_list import (
    JsonReport,
    both,
    check_is_no_input,
    failures_listed,
    finding_list,
    json_report,
)
from data_prep.commands.streams import STDOUT, print_to_stderr, report_stream
from data_prep.passes.check import Checked, check
from data_prep.prepare_shards import num_bytes, with_local_files
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings, SettingsError
from data_prep.suspects.find_suspects import find_suspects
from data_prep.suspects.fold_training import require_training
from ner_dist.cli.options import nested, option
from ner_dist.cli.progress_bar import progress_bar


@dataclasses.dataclass(frozen=True)
class CheckCommand:
    """Report what is wrong or unusual in a corpus.

    Everything that would stop a build with the same options, everything unusual, probable slips of annotation, and
    sizes, lengths and entities.
    """

    files: CorpusFiles = nested(CorpusFiles)
    findings: ListOption = nested(ListOption)
    json: bool = False
    """print one JSON object instead of the report: num_errors, num_warnings, errors and warnings (how many of each
    kind), facts (files, tag schemes, sizes, entities and lengths of each split), and findings as those of --list"""
    suspects: int = option(0, least=0, metavar="N")
    """also train taggers on parts of all files, have them tag the rest, and list up to N places where the annotation is
    probably wrong, the surest first; takes minutes, and needs MXNet"""
    folds: int = option(5, least=2, metavar="K")
    """of --suspects: parts, each of which is tagged by taggers that are trained on the others"""
    settings: Settings = nested(Settings)

    def run(self) -> int:
        if self.json and self.findings.name == STDOUT:
            raise SettingsError("--json and --list - both write to stdout; name a file for --list")
        with finding_list(self.findings.name) as listed, json_report() as report:
            problems = Problems(both(listed, report.sink if self.json else None))
            with self._object_printed_on_failure(report, problems), failures_listed(problems):
                checked = self._check(problems)
            if self.json:
                report.print(problems, checked.facts)
            else:
                self._print(problems, checked.report)
        return 1 if problems.num_errors else 0

    def _check(self, problems: Problems) -> Checked:
        if self.suspects:
            require_training()
        sources = self.files.sources(self.settings, problems)
        check_is_no_input(self.findings.name, [file.path for _, file in sources])
        settings = with_local_files(self.settings)
        with progress_bar(num_bytes(sources, settings), "B", "read") as reading:
            checked = check(sources, settings, reading, problems)
        if self.suspects:
            find_suspects(sources, settings, self.suspects, self.folds, problems, progress_bar)
        return checked

    @contextmanager
    def _object_printed_on_failure(self, report: JsonReport, problems: Problems) -> Iterator[None]:
        """A program gets its object also of a corpus that cannot be read."""
        try:
            yield
        except CorpusError:
            if self.json:
                report.print(problems, None)
            raise

    def _print(self, problems: Problems, report: list[str]) -> None:
        print_to_stderr([*problems.errors, *problems.warning_lines])
        out = report_stream(self.findings.name)
        print("\n".join(report), file=out)
        print(f"{problems.summary()}, {sum(problems.warnings.values())} warnings", file=out)
