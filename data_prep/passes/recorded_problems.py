"""What a task finds wrong or unusual, kept until it is its turn to be told: tasks end in any order."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from data_prep.problems import MAX_SHOWN, UNREADABLE, Problems

# The name of the method of Problems, and its arguments.
Event = tuple[str, tuple[Any, ...]]


class Listener(NamedTuple):
    """Who will be told: what of Problems decides about what is kept."""

    wants_records: bool
    ignored: frozenset[str]
    all_shown: frozenset[str]


def listener(problems: Problems) -> Listener:
    return Listener(problems.wants_records, problems.ignored, problems.all_shown)


class Told(NamedTuple):
    """The problems of a task, in order."""

    events: list[Event]
    # All of them, if somebody wants every one; they may be many.
    path: Path | None
    # Of those that nobody would be shown only the numbers, by kind and name.
    more_errors: dict[str, int]
    more_warnings: dict[str, int]

    @property
    def is_empty(self) -> bool:
        return not (self.events or self.path or self.more_errors or self.more_warnings)

    def tell(self, problems: Problems) -> None:
        """As if they had been found just now."""
        for name, arguments in self.events if self.path is None else _read(self.path):
            getattr(problems, name)(*arguments)
        for kind, count in self.more_errors.items():
            problems.more_errors(kind, count)
        for kind, count in self.more_warnings.items():
            problems.more_warnings(kind, count)


def _read(path: Path) -> Iterator[Event]:
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
        self._events: list[Event] = []
        self._more_errors: Counter[str] = Counter()
        self._more_warnings: Counter[str] = Counter()

    def error(
        self,
        where: str,
        what: str,
        kind: str = UNREADABLE,
        document: str = "",
        suggestion: Mapping[str, Any] | None = None,
        record: Mapping[str, Any] | None = None,
    ) -> None:
        is_shown = self.wants_records or len(self.errors) < MAX_SHOWN
        super().error(where, what, kind, document, suggestion, record)
        self._note(where, kind)
        if is_shown:
            self._keep("error", where, what, kind, document, suggestion, record)
        else:
            self._more_errors[kind] += 1

    def more_errors(self, kind: str, count: int) -> None:
        super().more_errors(kind, count)
        self._more_errors[kind] += count
        self.kinds.add("")

    def warn(
        self,
        name: str,
        where: str,
        what: str,
        count: int = 1,
        document: str = "",
        suggestion: Mapping[str, Any] | None = None,
        record: Mapping[str, Any] | None = None,
    ) -> None:
        num_before = len(self.warning_lines)
        super().warn(name, where, what, count, document, suggestion, record)
        if name in self.ignored:
            return
        self._note(where, name)
        if self.wants_records or len(self.warning_lines) > num_before:
            self._keep("warn", name, where, what, count, document, suggestion, record)
        else:
            self._more_warnings[name] += count

    def _note(self, where: str, kind: str) -> None:
        if where != self._whole:
            # Found together, token by token.
            self.kinds.add("blank_tokens_dropped" if kind == "blank_sentences_dropped" else kind)
        elif self.kinds:
            self.kinds.add("")

    def _keep(self, name: str, *arguments: Any) -> None:
        if not self.wants_records:
            self._events.append((name, arguments))
            return
        if self._file is None:
            self._file = open(self._path, "wb")  # noqa: SIM115, closed by `told`
        pickle.dump((name, arguments), self._file, pickle.HIGHEST_PROTOCOL)

    def told(self) -> Told:
        """Call it once, at the end."""
        if self._file is not None:
            self._file.close()
        path = None if self._file is None else self._path
        return Told(self._events, path, dict(self._more_errors), dict(self._more_warnings))
