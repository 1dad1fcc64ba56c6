"""Findings as JSON lines in a file of their own, and as one JSON object with the facts of a report.

They are written down as they occur, so that memory does not grow with their number.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from data_prep.commands.streams import STDOUT
from data_prep.problems import UNREADABLE, CorpusError, Finding, Problems
from data_prep.remote.outputs import sent_file
from ner_dist.atomic_file import whole_file
from ner_dist.cli.interrupts import terminate_like_interrupt
from ner_dist.errors import UserError
from ner_dist.stores.addresses import is_address, parse_address
from ner_dist.stores.local_copies import by_address

Sink = Callable[[Finding], object]
_PLACE = re.compile(r"(?P<place>.+?(?::\d+)?): (?:error: )?(?P<what>.+)", re.DOTALL)


def row_of(finding: Finding) -> dict[str, Any]:
    """A finding as JSON values; the sentence or record, if it is known, as fields of its own."""
    return {
        "document": finding.document,
        "place": finding.place,
        "kind": finding.kind,
        "level": "error" if finding.is_error else "warning",
        "number": finding.number,
        "message": finding.message,
        "suggestion": finding.suggestion,
        **(finding.record or {}),
    }


def _line(finding: Finding) -> str:
    # Numbers of numpy, too.
    line = json.dumps(row_of(finding), ensure_ascii=False, default=int)
    try:
        line.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair may be what is complained about.
        line = json.dumps(row_of(finding), default=int)
    return line + "\n"


def check_is_no_input(name: str | None, inputs: Iterable[Path]) -> None:
    """Raises UserError if the list `name` would replace an input."""
    if name in (None, STDOUT):
        return
    places = {str(path.resolve()) for path in inputs}
    named = str(parse_address(name)) if is_address(name) else str(Path(name).resolve())
    if named in places | set(map(by_address, places)):
        raise UserError(f"--list {name} is an input; choose another file")


@contextmanager
def finding_list(name: str | None) -> Iterator[Sink | None]:
    """Takes the findings for the file `name`, or stdout; None if there is no name.

    The file is there, whole, once the context has ended, also by a CorpusError: then the list is what the user needs.
    Raises UserError if it cannot be written.
    """
    if name is None:
        yield None
        return
    if name == STDOUT:
        yield _writer(sys.stdout)
        sys.stdout.flush()
        return
    if Path(name).is_dir():
        raise UserError(f"--list {name} is a directory, expected a file")
    failure: CorpusError | None = None
    with terminate_like_interrupt(), sent_file(name) as path, whole_file(Path(path)) as file:
        try:
            yield _writer(file)
        except CorpusError as error:
            failure = error
    if failure is not None:
        raise failure


def _writer(file: TextIO) -> Sink:
    return lambda finding: file.write(_line(finding))


def both(*sinks: Sink | None) -> Sink | None:
    """Hands a finding to all sinks that there are."""
    present = [sink for sink in sinks if sink is not None]
    if not present:
        return None

    def sink(finding: Finding) -> None:
        for one in present:
            one(finding)

    return sink


@contextmanager
def failures_listed(problems: Problems) -> Iterator[None]:
    """A CorpusError that stops everything becomes a problem like the others, and then stops everything."""
    try:
        yield
    except CorpusError as error:
        if not error.is_listed:
            place = _PLACE.fullmatch(str(error))
            where, what = (place["place"], place["what"]) if place else ("corpus", str(error))
            problems.error(where, what, UNREADABLE)
        raise


class JsonReport:
    """Findings that are kept in a file, open to write and read, until the whole object is printed."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def sink(self, finding: Finding) -> None:
        self._file.write(_line(finding))

    def print(self, problems: Problems, facts: dict[str, Any] | None) -> None:
        """One object: errors and warnings by kind, facts (None if the corpus could not be read), and all findings."""
        head = {
            "num_errors": problems.num_errors,
            "num_warnings": sum(problems.warnings.values()),
            "errors": dict(sorted(problems.error_kinds.items())),
            "warnings": dict(sorted(problems.warnings.items())),
            "facts": facts,
        }
        write = sys.stdout.write
        write(json.dumps(head, ensure_ascii=False, default=int)[:-1] + ', "findings": [')
        self._file.seek(0)
        for number, line in enumerate(self._file):
            write((",\n" if number else "\n") + line.rstrip("\n"))
        write("]}\n")
        sys.stdout.flush()


@contextmanager
def json_report() -> Iterator[JsonReport]:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        yield JsonReport(file)
