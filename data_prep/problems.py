"""What is wrong or unusual in a corpus, collected like the messages of a compiler: `file:line: error: what`."""

from __future__ import annotations

from collections import Counter

from ner_dist.errors import UserError

MAX_SHOWN = 20
MAX_SHOWN_PER_WARNING = 3


class CorpusError(UserError):
    """A corpus that cannot be used as it is; the message has one line per problem."""


class Problems:
    """Errors (the first 20 and a count) and warnings (a count by name, the first few of each)."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.num_errors = 0
        self.warnings: Counter[str] = Counter()
        self.warning_lines: list[str] = []
        self._num_shown: Counter[str] = Counter()
        # Names of warnings that do not concern what is done here.
        self.ignored: frozenset[str] = frozenset()

    def error(self, where: str, what: str) -> None:
        self.num_errors += 1
        if not self.full:
            self.errors.append(f"{where}: error: {what}")

    def more_errors(self, count: int) -> None:
        """Count errors whose messages would not be shown, because the list is full."""
        self.num_errors += count

    @property
    def full(self) -> bool:
        return len(self.errors) >= MAX_SHOWN

    def warn(self, name: str, where: str, what: str, count: int = 1) -> None:
        """`name` is the key under which index.json counts the warning."""
        if name in self.ignored:
            return
        self.warnings[name] += count
        if self._num_shown[name] < MAX_SHOWN_PER_WARNING:
            self._num_shown[name] += 1
            self.warning_lines.append(f"{where}: warning: {what}")

    def summary(self) -> str:
        shown = f", the first {len(self.errors)} shown" if self.num_errors > len(self.errors) else ""
        return f"{self.num_errors} error{'s' if self.num_errors != 1 else ''}{shown}"

    def raise_errors(self) -> None:
        """Raise CorpusError if there were errors."""
        if self.num_errors:
            raise CorpusError("\n".join([*self.errors, self.summary()]))
