"""What is wrong or unusual in a corpus, collected like the messages of a compiler: `file:line: error: what`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ner_dist.errors import UserError
from ner_dist.stores.local_copies import by_address

MAX_SHOWN = 20
MAX_SHOWN_PER_WARNING = 3
# What an error is called if its place says all that there is to say: a line or record that cannot be read.
UNREADABLE = "unreadable"


class CorpusError(UserError):
    """A corpus that cannot be used as it is; the message has one line per problem."""

    # Whether each of these problems is a finding already.
    is_listed = False


class Finding(NamedTuple):
    """One thing that is wrong or unusual, as a program wants it."""

    # A name of the kind, such as "blank_token".
    kind: str
    # Such as corpus.conll:12; a split's name if it concerns all of it.
    place: str
    message: str
    is_error: bool
    # How many of them this one stands for.
    number: int = 1
    # The name of the document, if the corpus names it.
    document: str = ""
    # What to change, as far as it is known; JSON values.
    suggestion: Mapping[str, Any] | None = None
    # The sentence or record as it would be after the suggestion, in JSON values: "text", "entities" ([start, end, type]
    # by its characters) and, if the source has tokens, "tokens".
    record: Mapping[str, Any] | None = None


class Complaint(NamedTuple):
    """What is wrong or unusual in a line or record, by those who do not know where it stands; see Finding."""

    kind: str
    what: str
    suggestion: Mapping[str, Any] | None = None
    record: Mapping[str, Any] | None = None


class ComplaintError(ValueError):
    """A line or record that cannot be read as it is."""

    def __init__(self, *complaints: Complaint) -> None:
        super().__init__("\n".join(complaint.what for complaint in complaints))
        self.complaints = complaints


def complaints_of(error: Exception, kind: str = UNREADABLE) -> tuple[Complaint, ...]:
    """kind: of an error that does not say its own."""
    return error.complaints if isinstance(error, ComplaintError) else (Complaint(kind, str(error)),)


class Problems:
    """Errors (the first 20 and a count) and warnings (a count by name, the first few of each).

    Every one of them is also handed to `sink`, which may write them all down.
    """

    def __init__(self, sink: Callable[[Finding], object] | None = None) -> None:
        self.errors: list[str] = []
        # How often each kind of error occurred.
        self.error_kinds: Counter[str] = Counter()
        self.warnings: Counter[str] = Counter()
        self.warning_lines: list[str] = []
        self._num_shown: Counter[str] = Counter()
        self._sink = sink
        # Names of warnings that do not concern what is done here.
        self.ignored: frozenset[str] = frozenset()
        # Names of warnings that are all shown, because the user has asked for them.
        self.all_shown: frozenset[str] = frozenset()

    @property
    def num_errors(self) -> int:
        return sum(self.error_kinds.values())

    def error(
        self,
        where: str,
        what: str,
        kind: str = UNREADABLE,
        document: str = "",
        suggestion: Mapping[str, Any] | None = None,
        record: Mapping[str, Any] | None = None,
    ) -> None:
        self.add(Finding(kind, where, what, True, 1, document, suggestion, record))

    @property
    def wants_records(self) -> bool:
        """Whether anybody will see the `record` of a finding, so that it should be made."""
        return self._sink is not None

    def more_errors(self, kind: str, count: int) -> None:
        """Count errors whose messages are not wanted: see `full`."""
        self.error_kinds[kind] += count

    @property
    def full(self) -> bool:
        """Whether nobody will see the messages of further errors, so that they need not be made."""
        return self._sink is None and len(self.errors) >= MAX_SHOWN

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
        """`name` is the key under which index.json counts the warning."""
        if name not in self.ignored:
            self.add(Finding(name, where, what, False, count, document, suggestion, record))

    def add(self, finding: Finding) -> bool:
        """Whether anybody will see its message: it is one of the first, or all are wanted."""
        kind, where, what = finding.kind, by_address(finding.place), by_address(finding.message)
        if finding.is_error:
            self.error_kinds[kind] += finding.number
            is_shown = len(self.errors) < MAX_SHOWN
            if is_shown:
                self.errors.append(f"{where}: error: {what}")
        else:
            self.warnings[kind] += finding.number
            is_shown = kind in self.all_shown or self._num_shown[kind] < MAX_SHOWN_PER_WARNING
            if is_shown:
                self._num_shown[kind] += 1
                self.warning_lines.append(f"{where}: warning: {what}")
        if self._sink is not None:
            self._sink(finding._replace(place=where, message=what))
        return is_shown or self._sink is not None

    def more_warnings(self, name: str, count: int) -> None:
        """Count warnings whose messages are not shown."""
        self.warnings[name] += count

    def summary(self) -> str:
        num_errors = self.num_errors
        shown = f", the first {len(self.errors)} shown" if num_errors > len(self.errors) else ""
        return f"{num_errors} error{'s' if num_errors != 1 else ''}{shown}"

    def raise_errors(self) -> None:
        """Raise CorpusError if there were errors."""
        if self.num_errors:
            error = CorpusError("\n".join([*self.errors, self.summary()]))
            error.is_listed = True
            raise error
