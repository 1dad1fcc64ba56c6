"""What a task finds wrong or unusual, kept until it is its turn to be told: tasks end in any order."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from data_prep.problems import Finding, Problems


class Listener(NamedTuple):
    """Who will be told: what of Problems decides about what is kept."""

    wants_records: bool
    ignored: frozenset[str]
    all_shown: frozenset[str]


def listener(problems: Problems) -> Listener:
    return Listener(problems.wants_records, problems.ignored, problems.all_shown)


class Told(NamedTuple):
    """The problems of a task, in order."""

    findings: list[Finding]
    # Of all of them, if somebody wants every one; they may be many.
    path: Path | None
    # Of those that nobody would be shown only the numbers, by kind.
    more_errors: dict[str, int]
    more_warnings: dict[str, int]

    def tell(self, problems: Problems) -> None:
        """As if they had been found just now."""
        for finding in self.findings if self.path is None else _read(self.path):
            problems.add(finding)
        for kind, count in self.more_errors.items():
            problems.more_errors(kind, count)
        for kind, count in self.more_warnings.items():
            problems.more_warnings(kind, count)


def _read(path: Path) -> Iterator[Finding]:
    with open(path, "rb") as file:
        while file.peek(1):
            yield pickle.load(file)


class RecordedProblems(Problems):
    """Problems of a task. path: of the file of all of them, if somebody wants every one. whole: how the file that it
    reads is called."""

    def __init__(self, heard_by: Listener, path: Path, whole: str = "") -> None:
        super().__init__((lambda finding: None) if heard_by.wants_records else None)
        self.ignored, self.all_shown = heard_by.ignored, heard_by.all_shown
        self._path = path
        self._file: BinaryIO | None = None
        self._whole = whole
        # The kinds of what is said of lines; and "" if something is said of the whole file after that.
        self.kinds: set[str] = set()
        self._findings: list[Finding] = []
        self._more_errors: Counter[str] = Counter()
        self._more_warnings: Counter[str] = Counter()

    def add(self, finding: Finding) -> bool:
        is_seen = super().add(finding)
        self._note(finding)
        if is_seen:
            self._keep(finding)
        else:
            more = self._more_errors if finding.is_error else self._more_warnings
            more[finding.kind] += finding.number
        return is_seen

    def more_errors(self, kind: str, count: int) -> None:
        super().more_errors(kind, count)
        self._more_errors[kind] += count
        self.kinds.add("")

    def _note(self, finding: Finding) -> None:
        if finding.place != self._whole:
            # Found together, token by token.
            kind = finding.kind
            self.kinds.add("blank_tokens_dropped" if kind == "blank_sentences_dropped" else kind)
        elif self.kinds:
            self.kinds.add("")

    def _keep(self, finding: Finding) -> None:
        if not self.wants_records:
            self._findings.append(finding)
            return
        if self._file is None:
            self._file = open(self._path, "wb")  # noqa: SIM115, closed by `told`
        pickle.dump(finding, self._file, pickle.HIGHEST_PROTOCOL)

    def told(self) -> Told:
        """Call it once, at the end."""
        if self._file is not None:
            self._file.close()
        path = None if self._file is None else self._path
        return Told(self._findings, path, dict(self._more_errors), dict(self._more_warnings))
